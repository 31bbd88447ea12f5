package shell

import (
	"bytes"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// A keyReader is the terminal as readline reads it: filtered, wakeable, and silent while no line is being edited, so
// that what is typed ahead waits in the terminal, where a running script can read it.
type keyReader struct {
	fd     int
	wakeFD int // an eventfd

	mu     sync.Mutex
	open   *sync.Cond // of gate and closed
	gate   bool       // a line is being edited
	closed bool
	gone   bool // the terminal's end was seen

	filter keyFilter // used by Read alone
	out    []byte
}

func newKeyReader(fd int) (*keyReader, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	k := &keyReader{fd: fd, wakeFD: wake}
	k.open = sync.NewCond(&k.mu)
	return k, nil
}

// begin lets keys through, until one of those that end a line has passed.
func (k *keyReader) begin() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gate = true
	k.open.Broadcast()
}

// wake makes Read deliver a runeWake soon.
func (k *keyReader) wake() {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := [8]byte{1} // a 64-bit integer, whatever its byte order
	if k.wakeFD >= 0 {
		unix.Write(k.wakeFD, one[:])
	}
}

// hangUp ends the reading: Read answers io.EOF from now on.
func (k *keyReader) hangUp() {
	k.mu.Lock()
	k.closed, k.gone = true, true
	k.open.Broadcast()
	k.mu.Unlock()
	k.wake()
}

// isGone says whether the terminal went away. What was typed by then was not entered.
func (k *keyReader) isGone() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.gone
}

// Read gives bytes up to the next key that may end a line, so that nothing after it is buffered by readline.
func (k *keyReader) Read(p []byte) (int, error) {
	for len(k.out) == 0 {
		if !k.waitOpen() {
			return 0, io.EOF
		}
		if err := k.fill(); err != nil {
			k.mu.Lock()
			k.gone = true
			k.mu.Unlock()
			return 0, err
		}
	}
	if !k.waitOpen() {
		return 0, io.EOF
	}
	n := len(k.out)
	end := bytes.IndexAny(k.out, "\r\n\x03\x04")
	if end >= 0 {
		n = end + 1
	}
	n = copy(p, k.out[:n])
	k.out = k.out[n:]
	if end >= 0 && n == end+1 {
		k.mu.Lock()
		k.gate = false
		k.mu.Unlock()
	}
	return n, nil
}

func (k *keyReader) waitOpen() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for !k.gate && !k.closed {
		k.open.Wait()
	}
	return !k.closed
}

// fill waits for the terminal or a wake-up.
func (k *keyReader) fill() error {
	fds := []unix.PollFd{{Fd: int32(k.fd), Events: unix.POLLIN}, {Fd: int32(k.wakeFD), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, -1); err != nil {
		if err == unix.EINTR {
			return nil
		}
		return err
	}
	if fds[1].Revents != 0 {
		var count [8]byte
		unix.Read(k.wakeFD, count[:])
		k.out = append(k.out, string(runeWake)...)
		return nil
	}
	var buf [4096]byte
	n, err := unix.Read(k.fd, buf[:])
	switch {
	case err == unix.EINTR || err == unix.EAGAIN:
		return nil
	case err != nil || n == 0: // EIO: the terminal's other end was closed
		return io.EOF
	}
	k.out = append(k.out, k.filter.feed(buf[:n])...)
	return nil
}

// Close makes the descriptor of its own free. Nobody may be reading any more.
func (k *keyReader) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := unix.Close(k.wakeFD)
	k.wakeFD = -1
	return err
}
