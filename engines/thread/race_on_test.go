//go:build race

package thread_test

// raceDetector: it knows 8,128 goroutines and ends the program at more.
const raceDetector = true
