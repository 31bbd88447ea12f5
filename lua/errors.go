package lua

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Fault is what the world said: scripts get it as the second result, nil, err. Code is the errno's name
// ("ECONNREFUSED") or a name of the protocol's own ("NXDOMAIN"); a timeout of nsh's own is "ETIMEDOUT".
type Fault struct {
	Code    string
	Op      string // what was tried: "dial", "resolve"
	Addr    string // against whom
	Message string // in words, without op and addr
	Partial []byte // bytes read before it went wrong
	Err     error  // underneath
}

func (f *Fault) Error() string {
	s := f.Message
	if s == "" && f.Err != nil {
		s = f.Err.Error()
	}
	if s == "" {
		s = f.Code
	}
	if f.Addr != "" {
		s = f.Addr + ": " + s
	}
	if f.Op != "" {
		s = f.Op + " " + s
	}
	return s
}

func (f *Fault) Unwrap() error { return f.Err }

// NewFault makes a Fault of an error, with the code that the error underneath has. It maps nil to nil.
func NewFault(op, addr string, err error) error {
	if err == nil {
		return nil
	}
	var mis *Misuse
	if errors.As(err, &mis) {
		return err
	}
	f := &Fault{Op: op, Addr: addr, Err: err}
	f.Code, f.Message = CodeOf(err)
	var inner *Fault
	if errors.As(err, &inner) {
		f.Partial = inner.Partial
		if f.Addr == "" {
			f.Addr = inner.Addr
		}
	}
	return f
}

// CodeOf is the code of an error and what it means in words.
func CodeOf(err error) (code, message string) {
	var f *Fault
	var no syscall.Errno
	var ne net.Error
	switch {
	case errors.As(err, &f):
		return f.Code, f.Message
	case errors.As(err, &no):
		return errnoName(no), no.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &ne) && ne.Timeout():
		return "ETIMEDOUT", "timed out"
	case errors.Is(err, context.Canceled):
		return "ECANCELED", "cancelled"
	case errors.Is(err, fs.ErrNotExist):
		return "ENOENT", "no such file or directory"
	}
	return "ERROR", err.Error()
}

func errnoName(no syscall.Errno) string {
	if name := unix.ErrnoName(no); name != "" {
		return name
	}
	return fmt.Sprintf("errno %d", int(no))
}

// A Misuse is a mistake of the caller's: it is raised at the script's line, with the function's name and the
// argument's before it.
type Misuse struct {
	Arg     string // the parameter or option meant; "" when it is the call as a whole
	Message string
	Fn      string // filled in by the binding
}

func (m *Misuse) Error() string {
	s := m.Message
	if m.Arg != "" {
		s = m.Arg + ": " + s
	}
	if m.Fn != "" {
		s = m.Fn + ": " + s
	}
	return s
}

// Misusef says that the argument or option named arg was wrong, and how.
func Misusef(arg, format string, args ...any) error {
	return &Misuse{Arg: arg, Message: fmt.Sprintf(format, args...)}
}
