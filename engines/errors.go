package engines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// An Error says which operation on which address the kernel, or nsh, refused. Err is, or wraps, a syscall.Errno
// wherever the kernel spoke.
type Error struct {
	Op   string // "listen", "connect", …
	Addr string
	Err  error
}

func (e *Error) Error() string {
	if e.Addr == "" {
		return e.Op + ": " + e.Err.Error()
	}
	return e.Op + " " + e.Addr + ": " + e.Err.Error()
}

// Unwrap is what went wrong, without operation and address.
func (e *Error) Unwrap() error { return e.Err }

// A PartialError is a stream that ended, or failed, before everything asked for had come. Partial is what had.
type PartialError struct {
	Partial []byte
	Err     error
}

func (e *PartialError) Error() string {
	if errors.Is(e.Err, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("the stream ended after %d bytes of what was asked for", len(e.Partial))
	}
	return e.Err.Error()
}

// Unwrap is what ended it; io.ErrUnexpectedEOF for an orderly end that came too soon.
func (e *PartialError) Unwrap() error { return e.Err }

// A PanicError is a handler that panicked: its text, without the Go stack, which says nothing to who wrote a script.
type PanicError struct{ Value any }

func (e *PanicError) Error() string { return fmt.Sprintf("the handler panicked: %v", e.Value) }

// Unwrap lets a panic with an error be recognized as that error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Code is the short name of an error, as scripts see it: the kernel's ("ECONNREFUSED"), "ETIMEDOUT" for a deadline of
// nsh's own, "ECANCELED" for a call that was cancelled, "EBADF" for something already closed, "" for anything else.
func Code(err error) string {
	var errno syscall.Errno
	var dns *net.DNSError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, syscall.EOPNOTSUPP):
		return "EOPNOTSUPP" // the kernel's name for it; POSIX has a second one for the same number, ENOTSUP
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	case errors.As(err, &dns) && dns.IsNotFound:
		return "NXDOMAIN"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "ETIMEDOUT"
	case errors.Is(err, context.Canceled):
		return "ECANCELED"
	case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrClosed):
		return "EBADF"
	}
	return ""
}

// guard runs f and turns a panic into an error.
func guard(f func() error) (err error) {
	defer caught(&err)
	return f()
}

// caught is deferred directly by whoever calls into a handler.
func caught(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{v}
	}
}
