package netlink

import (
	"math/rand/v2"
	"testing"
)

// The set says of each number what a map says, whether they come in order, near each other or anyhow.
func TestCookies(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, next := range map[string]func(i uint64) uint64{
		"in order": func(i uint64) uint64 { return i },
		"near":     func(i uint64) uint64 { return i + r.Uint64N(100) },
		"in steps": func(i uint64) uint64 { return i * 64 },
		"anyhow":   func(uint64) uint64 { return r.Uint64N(1 << 14) },
		"far":      func(uint64) uint64 { return r.Uint64() },
		"ends":     func(i uint64) uint64 { return ^uint64(0) - i%3 },
	} {
		var set cookies
		for range 2 {
			set.reset()
			seen := map[uint64]bool{}
			for i := range uint64(20_000) {
				n := next(i)
				if got := set.add(n); got == seen[n] {
					t.Fatalf("%s: %d is new: %v, wanted %v", name, n, got, !seen[n])
				}
				seen[n] = true
			}
		}
	}
}
