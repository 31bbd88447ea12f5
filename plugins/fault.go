package plugins

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
)

// Fault is an error of the engine room as scripts see it: what the world said, with its code, or a Misuse where the
// script used something that it had closed. It maps nil to nil.
func Fault(op, addr string, err error) error {
	if err == nil {
		return nil
	}
	var mis *lua.Misuse
	var fault *lua.Fault
	switch {
	case errors.As(err, &mis), errors.As(err, &fault):
		return err
	case errors.Is(err, net.ErrClosed):
		return lua.Misusef("", "the connection is closed")
	}
	f := &lua.Fault{Op: op, Addr: addr, Code: engines.Code(err), Message: err.Error(), Err: err}
	var e *engines.Error
	if errors.As(err, &e) {
		f.Message = e.Err.Error()
		if f.Addr == "" {
			f.Addr = e.Addr
		}
		if f.Op == "" {
			f.Op = e.Op
		}
	}
	var part *engines.PartialError
	if errors.As(err, &part) {
		f.Partial = part.Partial
		if errors.Is(err, io.ErrUnexpectedEOF) {
			f.Code, f.Message = "EOF", fmt.Sprintf("the stream ended after %d byte(s)", len(part.Partial))
		}
	}
	switch f.Code {
	case "ETIMEDOUT":
		f.Message = "timed out"
	case "":
		f.Code, f.Message = lua.CodeOf(err)
	}
	return f
}
