package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
)

// A Conn is a connection as scripts hold it: one that a server accepted or one that client.dial opened.
type Conn struct {
	*engines.Conn
	event bool // an event loop waits for it: recv and send do not
	held  *lua.Held
	lua.Self
}

// NewConn makes the script's side of a connection. Event says that it belongs to an event handler, in which nothing
// waits.
func NewConn(c *engines.Conn, event bool) *Conn { return &Conn{Conn: c, event: event} }

// OwnedBy gives the connection to the scope that closes it, and to the place, if that may end before.
func (c *Conn) OwnedBy(env *lua.Env, place engines.Place) *Conn {
	c.held = Keep(place, env.Own("connection to "+c.PeerName(), func() { c.Conn.Close() }))
	return c
}

func (c *Conn) String() string {
	state := ""
	if c.Closed() {
		state = " (closed)"
	}
	return fmt.Sprintf("Conn %s → %s%s", c.LocalName(), c.PeerName(), state)
}

// RecvOptions say how long to wait.
type RecvOptions struct {
	Timeout time.Duration `lua:"timeout" help:"seconds to wait; no limit when absent"`
}

// recvOptions is compiled once per process and never changes.
var recvOptions = sync.OnceValue(func() *lua.OptionSet {
	set, err := lua.NewOptionSet(RecvOptions{})
	if err != nil {
		panic(err)
	}
	return set
})

// recvBuffers hold what recv() takes at once.
var recvBuffers = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

// recv is conn:recv(), conn:recv(n) and conn:recv("line"), each with {timeout} after it.
func recv(call *lua.Call) int {
	if call.Len() == 1 {
		return call.Self().(*Conn).recvSome(call, 0)
	}
	return recvAs(call, call.Self().(*Conn))
}

func recvAs(call *lua.Call, c *Conn) int {
	what, at := call.Arg(2), 3
	if what.Kind() == "table" {
		what, at = lua.Value{}, 2
	}
	var o RecvOptions
	if call.Len() >= at {
		call.Options(at, recvOptions(), &o)
	}
	n, isNumber := what.Number()
	text, isText := what.Text()
	switch {
	case what.IsNil():
		return c.recvSome(call, o.Timeout)
	case isNumber && n >= 1 && n == float64(int(n)) && n <= 1<<30:
		if c.event {
			return c.read(call, int(n))
		}
		return c.recvWhole(call, o.Timeout, func(ctx context.Context) ([]byte, error) { return c.RecvN(ctx, int(n)) })
	case isText && text == "line" && !c.event && c.Proto() == "udp" && c.Tied():
		call.Wrong(2, "what", "a datagram is not cut into lines; recv() gives one")
	case isText && text == "line" && !c.event:
		return c.recvWhole(call, o.Timeout, c.RecvLine)
	case isText && text == "line":
		call.Wrong(2, "what", "an event handler cannot wait for a line; it takes what is there")
	}
	call.Wrong(2, "what", "number of bytes (1 or more) or \"line\" expected, got "+describe(what))
	return 0
}

func describe(v lua.Value) string {
	if s, ok := v.Text(); ok {
		return fmt.Sprintf("%.40q", s)
	}
	if _, ok := v.Number(); ok {
		return v.String()
	}
	return v.TypeName()
}

// recvSome takes what is there, at least a byte. When something is, the baton is kept.
func (c *Conn) recvSome(call *lua.Call, limit time.Duration) int {
	if c.event {
		return c.read(call, 16<<10)
	}
	if there := c.Unread(); there > 0 || c.Proto() == "udp" {
		return c.recvInto(call, make([]byte, max(there, 16<<10, c.longest())), limit)
	}
	for {
		text, err := c.tryText()
		switch {
		case err == nil:
			return call.ReturnText(text)
		case err != syscall.EAGAIN:
			return c.received(call, nil, err)
		case limit > 0 || c.Fiber() == nil:
			return c.recvText(call, limit)
		}
		call.Leave()
		err = c.Await(call.Env())
		call.Back()
		if err != nil {
			return c.received(call, nil, err)
		}
	}
}

// tryText takes what is there.
func (c *Conn) tryText() (string, error) {
	buf := recvBuffers.Get().(*[]byte)
	n, err := c.TryRecv(*buf)
	text := string((*buf)[:n])
	recvBuffers.Put(buf)
	return text, err
}

// longest is what may come at once and only once: a datagram comes whole.
func (c *Conn) longest() int {
	if c.Proto() == "udp" {
		return engines.MaxDatagram
	}
	return 0
}

// recvInto is recv() into a buffer that is long enough.
func (c *Conn) recvInto(call *lua.Call, buf []byte, limit time.Duration) int {
	n, err := c.TryRecv(buf)
	if errors.Is(err, syscall.EAGAIN) {
		c.wait(call, func(ctx context.Context) {
			ctx, cancel := within(ctx, limit)
			defer cancel()
			n, err = c.Recv(ctx, buf)
		})
	}
	return c.received(call, buf[:n], err)
}

// recvText waits, and holds no buffer meanwhile.
func (c *Conn) recvText(call *lua.Call, limit time.Duration) int {
	var text string
	var err error
	c.wait(call, func(ctx context.Context) {
		ctx, cancel := within(ctx, limit)
		defer cancel()
		text, err = c.RecvText(ctx, &recvBuffers)
	})
	if err == nil {
		return call.ReturnText(text)
	}
	return c.received(call, nil, err)
}

func (c *Conn) recvWhole(call *lua.Call, limit time.Duration, get func(context.Context) ([]byte, error)) int {
	var data []byte
	var err error
	c.wait(call, func(ctx context.Context) {
		ctx, cancel := within(ctx, limit)
		defer cancel()
		data, err = get(ctx)
	})
	return c.received(call, data, err)
}

// read takes what is there and does not wait: nil, EAGAIN when there is nothing.
func (c *Conn) read(call *lua.Call, n int) int {
	buf := make([]byte, min(n, 64<<10))
	n, err := c.Read(buf)
	return c.received(call, buf[:n], err)
}

func (c *Conn) received(call *lua.Call, data []byte, err error) int {
	switch {
	case err == nil:
		return call.ReturnText(string(data))
	case err == io.EOF:
		return call.Return(nil)
	}
	return call.Fail(Fault("recv", c.PeerName(), err))
}

// wait runs do, which waits for the connection, without the baton: where the calling flow and the connection are on one
// loop's thread, that knows how.
func (c *Conn) wait(call *lua.Call, do func(ctx context.Context)) {
	if c.Fiber() != nil {
		call.Wait(do)
	} else {
		call.Block(do)
	}
}

func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

// send hands everything to the kernel, or under an event loop to the connection's queue.
func send(call *lua.Call) int {
	c := call.Self().(*Conn)
	data, ok := call.Arg(2).Bytes()
	if !ok {
		data = []byte(call.Text(2, "data"))
	}
	if c.event {
		n, err := c.Send(call.Env(), data)
		return c.sent(call, n, err)
	}
	if n, err := c.TrySend(data); err != nil || n > 0 && n == len(data) {
		return c.sent(call, n, err)
	} else {
		return c.sendRest(call, data, n)
	}
}

// sendRest waits until the kernel has all of it; n bytes it has already.
func (c *Conn) sendRest(call *lua.Call, data []byte, n int) int {
	var more int
	var err error
	c.wait(call, func(ctx context.Context) { more, err = c.Send(ctx, data[n:]) })
	return c.sent(call, n+more, err)
}

func (c *Conn) sent(call *lua.Call, n int, err error) int {
	if err != nil {
		return call.Fail(Fault("send", c.PeerName(), err))
	}
	return call.ReturnInt(n)
}

// wants is conn:wants().
func (c *Conn) wants() (any, error) {
	if !c.Eventful() && !c.Conn.Closed() {
		return nil, lua.Misusef("", "no event loop waits for this connection: its handler does, in recv and send")
	}
	switch c.Wants() {
	case engines.In:
		return "IN", nil
	case engines.Out:
		return "OUT", nil
	case engines.In | engines.Out:
		return "IN|OUT", nil
	}
	return nil, nil
}

func (c *Conn) close() {
	c.held.Release()
	c.Conn.Close()
}

func (c *Conn) reset() error {
	c.held.Release()
	return Fault("reset", c.PeerName(), c.Conn.Reset())
}
