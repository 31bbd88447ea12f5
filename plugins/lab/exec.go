package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// Output is what exec returns.
type Output struct {
	Out  string `lua:"out" help:"its standard output"`
	Err  string `lua:"err" help:"its standard error"`
	Code int    `lua:"code" help:"its exit code; 128 and the signal's number when a signal ended it"`
}

// mostOutput is how much a program may write to each of its outputs; what comes after it is lost.
const mostOutput = 8 << 20

// exec runs a program on a host.
func (l *Lab) exec(ctx context.Context, h *Host, program string, args ...string) (*Output, error) {
	if h.lab != l {
		return nil, lua.Misusef("host", "%s is not of this laboratory", h.Name())
	}
	if program == "" {
		return nil, lua.Misusef("program", "an empty string is no program")
	}
	if err := l.ensure(ctx); err != nil {
		return nil, err
	}
	out, err := collect()
	if err != nil {
		return nil, lua.NewFault("exec", program, err)
	}
	defer out.close()
	errs, err := collect()
	if err != nil {
		return nil, lua.NewFault("exec", program, err)
	}
	defer errs.close()
	exit, err := l.process.Exec(ctx, h.node.Index, append([]string{program}, args...), out.w, errs.w)
	if err != nil {
		return nil, l.execFault(h, program, err)
	}
	o := &Output{Out: out.text(), Err: errs.text(), Code: exit.Code}
	if exit.Signal != 0 {
		o.Code = 128 + exit.Signal
	}
	return o, nil
}

func (l *Lab) execFault(h *Host, program string, err error) error {
	err = fault("exec", program, err)
	var f *lua.Fault
	if errors.As(err, &f) && errors.Is(err, unix.ENOENT) {
		f.Message = "no such program"
		if _, gone := os.Stat("/usr/bin"); gone != nil {
			f.Message = "a script file sees none of the machine's programs; --host lets it"
		}
		f.Message += fmt.Sprintf(" (on %s)", h.Name())
	}
	return err
}

// output is a pipe that a program writes to, read as it comes so that it never waits.
type output struct {
	r, w *os.File
	data []byte
	done chan struct{}
}

func collect() (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o := &output{r: r, w: w, done: make(chan struct{})}
	spawn("output of a program", func() {
		defer close(o.done)
		o.data, _ = io.ReadAll(io.LimitReader(r, mostOutput))
		io.Copy(io.Discard, r)
	})
	return o, nil
}

// text is what was written until now: the program has ended, and whom it left behind is not waited for.
func (o *output) text() string {
	o.w.Close()
	o.r.SetReadDeadline(time.Now().Add(time.Second))
	<-o.done
	return string(o.data)
}

func (o *output) close() {
	o.w.Close()
	o.r.SetReadDeadline(time.Unix(1, 0))
	<-o.done
	o.r.Close()
}
