package engines

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The pauses after the kernel had no resources for another connection.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = time.Second

	// silence is how long a listener does not say again that it pauses. Every single time is counted.
	silence = time.Minute
)

// A backoff is a listener that leaves connections in the kernel's queue for a while, because there is no descriptor,
// or no memory, for them. Without the pause the listener, which stays readable, would be tried 20,000 times a second.
// The waiting connections are not dropped: in one process with clients and servers descriptors come free again soon,
// and the kernel's queue bounds how many wait.
type backoff struct {
	pause atomic.Int64 // the current one; 0 when all is well
	until atomic.Int64 // monotonic nanoseconds
	said  atomic.Int64 // when somebody was last told; 0 for never
}

func (b *backoff) reset() {
	if b.pause.Load() != 0 {
		b.pause.Store(0)
		b.until.Store(0)
	}
}

// Pause is how long nothing is to be accepted; 0 for not at all. A loop leaves the listener out of what it waits for
// meanwhile.
func (ln *Listener) Pause() time.Duration {
	until := ln.back.until.Load()
	if until == 0 {
		return 0
	}
	return max(0, time.Duration(until-monotonic()))
}

// acceptFailed counts a failed accept and says whether to pause. The errors of a connection that died while it
// waited (ECONNABORTED, and the network's, which Linux passes on: accept(2), "Error handling") concern only that one.
func (ln *Listener) acceptFailed(errno syscall.Errno) (pause bool) {
	text := RefusedText(errno)
	ln.hub.fail(text)
	if !short(errno) {
		return false
	}
	last := time.Duration(ln.back.pause.Load())
	if said := ln.back.said.Load(); last == 0 && (said == 0 || monotonic()-said > int64(silence)) {
		ln.back.said.Store(monotonic())
		ln.hub.log("%s; trying again after pauses of %v to %v", text, firstPause, lastPause)
	}
	next := min(max(firstPause, 2*last), lastPause)
	ln.back.pause.Store(int64(next))
	ln.back.until.Store(monotonic() + int64(next))
	return true
}

// RefusedText is a failed accept in words.
func RefusedText(errno syscall.Errno) string {
	text := errno.Error()
	if short(errno) {
		text = shortage(errno)
	}
	return "accept: " + unix.ErrnoName(errno) + ": " + text
}

// short says whether the kernel lacks something that it may have later.
func short(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// shortage explains what is missing.
func shortage(errno syscall.Errno) string {
	switch errno {
	case syscall.EMFILE:
		var limit syscall.Rlimit
		syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
		return fmt.Sprintf("this process holds as many descriptors as it may (%d), so connections wait in the kernel's queue", limit.Cur)
	case syscall.ENFILE:
		return "the system holds as many files as it may, so connections wait in the kernel's queue"
	}
	return "the kernel has no memory for another connection, so connections wait in its queue"
}

// monotonic is a clock that no adjustment moves, in nanoseconds; never 0.
func monotonic() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}

func hostUint32(p []byte) uint32 { return binary.NativeEndian.Uint32(p) }
