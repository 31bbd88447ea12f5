// Package child is servers' processes: this program started again, to serve a connection or a listener of its parent's.
// Main is the child; a Family is the parent's side.
package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/pass"
	"golang.org/x/sys/unix"
)

// A Maker makes Apps in a child, of what a Recipe of its parent's has packed.
type Maker interface {
	// Setup gets Recipe.Setup, ahead of any connection. Tell is heard by Recipe.Heard, in order; it may block.
	Setup(data []byte, tell Tell) error
	Make(ctx context.Context, packed []byte) (engines.App, error)
	// Over says, between connections, that handlers have ended the process (os.exit).
	Over() bool
	// Code ends everything and is the exit code.
	Code() int
}

// A Runner is a Maker whose process may have one thing to run instead of connections to serve. The context ends when the
// parent wants the process to end; the descriptors are the Runner's to close.
type Runner interface {
	Run(ctx context.Context, packed []byte, fds []int)
}

// Tell tells the parent.
type Tell func(kind byte, data []byte)

// Main is the process that Recipe.Args start; it gives the exit code.
func Main(m Maker) int {
	if !started() {
		fmt.Fprintln(os.Stderr, "nsh: this role is for nsh itself to start")
		return 2
	}
	unix.CloseOnExec(fdSocket)
	unix.CloseOnExec(fdTable)
	os.WriteFile("/proc/self/comm", []byte("nsh"), 0) // it was started as /proc/self/exe, and ps(1) would show exe
	table, err := openTable(fdTable)
	if err != nil {
		fmt.Fprintln(os.Stderr, "nsh:", err)
		return 1
	}
	unix.Close(fdTable)
	p := &process{maker: m, table: table}
	return p.obey()
}

// started says whether the descriptors are those of a child: somebody may type the role's name.
func started() bool {
	kind, err := unix.GetsockoptInt(fdSocket, unix.SOL_SOCKET, unix.SO_TYPE)
	var table unix.Stat_t
	return err == nil && kind == unix.SOCK_SEQPACKET && unix.Fstat(fdTable, &table) == nil && table.Size == MostChildren*int64(rowSize)
}

// A process is the child at work.
type process struct {
	maker   Maker
	table   *Table
	sending sync.Mutex
	heir    *engines.Heir      // once there is an order
	cancel  context.CancelFunc // once there is something to run
	ending  sync.Once
}

// end ends the process, once the work is done or there is none.
func (p *process) end() { p.ending.Do(func() { os.Exit(p.maker.Code()) }) }

// obey takes what the parent sends. Its end is the end of this process, whatever else goes on here: it is the third
// string beside the signal at the parent's death, which is lost if the parent dies before it is ordered.
func (p *process) obey() int {
	buf := make([]byte, mostMessage)
	for {
		n, fds, err := pass.Receive(fdSocket, buf)
		if err != nil {
			return 1
		}
		if !p.message(buf[0], buf[1:n], fds) {
			pass.Close(fds)
			return 1
		}
	}
}

// message does what the parent wants; false is a parent that is none.
func (p *process) message(kind byte, body []byte, fds []int) bool {
	switch {
	case kind == msgSetup && len(fds) == 1:
		data, err := unpack(fds[0])
		if err == nil {
			err = p.maker.Setup(data, p.tell)
		}
		if err != nil {
			p.say(msgFail, "a child could not be set up: "+err.Error())
			return false
		}
		p.say(msgReady, "")
		return true
	case (kind == msgConn || kind == msgServe || kind == msgLoop) && len(fds) == 2 && p.heir == nil:
		o, ok := decodeOrder(body)
		if !ok {
			return false
		}
		heir, err := engines.NewHeir(context.Background(), p.table.Row(o.row), o.limit,
			func(text string) { p.say(msgFail, text) }, func(text string) { p.say(msgLog, text) })
		if err != nil {
			p.say(msgFail, err.Error())
			return false
		}
		p.heir = heir
		engines.Go("a child's work", func() error { return p.work(kind, fds[0], fds[1]) }, func(err error) {
			if err != nil {
				p.say(msgFail, err.Error())
			}
			p.end()
		})
		return true
	case kind == msgRun && len(fds) > 0 && p.heir == nil && p.cancel == nil:
		return p.run(fds[0], fds[1:])
	case kind == msgStop && p.cancel != nil:
		p.cancel()
		return true
	case kind == msgStop && p.heir != nil:
		p.heir.Stop()
		if p.heir.Waiting() { // in accept, which nothing interrupts
			p.end()
		}
		return true
	}
	return false
}

// run runs what a Runner is for.
func (p *process) run(parcel int, fds []int) bool {
	runner, ok := p.maker.(Runner)
	if !ok {
		return false
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	engines.Go("a child's work", func() error {
		packed, err := unpack(parcel)
		if err == nil {
			runner.Run(ctx, packed, fds)
		}
		return err
	}, func(err error) {
		if err != nil {
			p.say(msgFail, err.Error())
		}
		p.end()
	})
	return true
}

// work serves what was ordered.
func (p *process) work(kind byte, fd, parcel int) error {
	ctx := p.heir.Context()
	packed, err := unpack(parcel)
	if err != nil {
		return err
	}
	app, err := p.maker.Make(ctx, packed)
	if err != nil {
		return fmt.Errorf("the handler could not be made anew: %w", err)
	}
	switch kind {
	case msgServe:
		p.heir.Serve(fd, &app, p.maker.Over)
		return nil
	case msgLoop:
		return p.heir.Loop(fd, app)
	}
	engines.Flow(ctx, p.heir.Conn(fd), &app)
	return nil
}

// say sends a message. That of a process whose parent has gone gets nowhere, and obey ends it.
func (p *process) say(kind byte, text string) { p.send([]byte{kind}, []byte(text)) }

func (p *process) tell(kind byte, data []byte) {
	for len(data) > mostText {
		p.send([]byte{msgTell, kind}, data[:mostText])
		data = data[mostText:]
	}
	p.send([]byte{msgTell, kind}, data)
}

func (p *process) send(head, body []byte) {
	p.sending.Lock()
	defer p.sending.Unlock()
	message := append(head, body[:min(len(body), mostText)]...)
	if err := pass.Send(fdSocket, message); errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		os.Exit(1)
	}
}
