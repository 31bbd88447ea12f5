// Package policy holds the rules of the house as tests: who may import whom, that every package says what it is, where
// goroutines may be started. It has no code of its own.
package policy
