package raw

import (
	"syscall"
	_ "unsafe" // for go:linkname
)

// A Polled is a descriptor that Go's own poller watches: the one epoll descriptor that the runtime has for everything that
// goroutines wait for. Whoever waits costs its stack, and no thread. os.File and net.Conn wait this way; they bring
// 250 bytes for each descriptor, and locks that the connections here have already.
//
// In each direction one goroutine waits at a time: two end the program. No call may begin after Unwatch.
type Polled uintptr

// A Direction is one that a Polled is waited for in.
type Direction int

const (
	Inward  Direction = 'r'
	Outward Direction = 'w'
)

// Watched hands a non-blocking descriptor to the poller. EPERM is a kind of file that is always ready.
func Watched(fd int) (Polled, syscall.Errno) {
	pollServerInit()
	p, errno := pollOpen(uintptr(fd))
	return p, syscall.Errno(errno)
}

// Ready forgets what the poller has told before. What it tells from now on ends the next Wait: so ask the kernel in between.
// False is one that was expired or called off.
func (p Polled) Ready(d Direction) bool { return pollReset(p, d) == 0 }

// Wait waits until something has changed. False is one that was expired or called off.
func (p Polled) Wait(d Direction) bool { return pollWait(p, d) == 0 }

// Expire makes every wait end at once, those going on included, until Renew.
func (p Polled) Expire() { pollSetDeadline(p, -1, Inward+Outward) }

// Renew lets one direction wait again.
func (p Polled) Renew(d Direction) { pollSetDeadline(p, 0, d) }

// CallOff ends all waits for good.
func (p Polled) CallOff() { pollUnblock(p) }

// Unwatch comes after CallOff, when nobody waits any more, and before the descriptor is closed.
func (p Polled) Unwatch() { pollClose(p) }

//go:linkname pollServerInit internal/poll.runtime_pollServerInit
func pollServerInit()

//go:linkname pollOpen internal/poll.runtime_pollOpen
func pollOpen(fd uintptr) (Polled, int)

//go:linkname pollClose internal/poll.runtime_pollClose
func pollClose(Polled)

//go:linkname pollReset internal/poll.runtime_pollReset
func pollReset(p Polled, mode Direction) int

//go:linkname pollWait internal/poll.runtime_pollWait
func pollWait(p Polled, mode Direction) int

//go:linkname pollSetDeadline internal/poll.runtime_pollSetDeadline
func pollSetDeadline(p Polled, d int64, mode Direction)

//go:linkname pollUnblock internal/poll.runtime_pollUnblock
func pollUnblock(Polled)
