package lua

import (
	"fmt"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// A Channel passes values between fibers of one world, first in first out. Values stay where they are: this is one
// world with one baton. All of it belongs to the holder of the baton.
type Channel struct {
	w       *World
	room    int
	values  []glua.LValue
	senders []*hand // they wait for room, or for a receiver
	takers  []*hand
	closed  bool
}

// A hand is one fiber waiting at a channel.
type hand struct {
	flow  *flow
	value glua.LValue
	ok    bool // it was served
}

func channelType() Type {
	return Type{Name: "Channel", Doc: "Passes values between fibers, first in first out. It can be closed.", Of: (*Channel)(nil),
		Methods: []Func{
			{Name: "send", Params: "value, [timeout]", Returns: "true | nil, err", Call: func(c *Channel, v Value, timeout time.Duration) error { return nil }, raw: channelSend,
				Doc: "Puts a value in; waits while there is no room. nil cannot be sent: it is what recv returns at the end."},
			{Name: "recv", Params: "[timeout]", Returns: "value | nil (closed) | nil, err", Call: func(c *Channel, timeout time.Duration) (Value, error) { return Value{}, nil }, raw: channelRecv,
				Doc: "Takes a value out; waits while there is none. nil when the channel is closed and empty."},
			{Name: "close", Call: func(c *Channel) {}, raw: channelClose,
				Doc: "Says that nothing more will be sent. What is in it can still be received."},
		}}
}

func (c *Channel) String() string {
	state := ""
	if c.closed {
		state = ", closed"
	}
	return fmt.Sprintf("Channel (%d of %d%s)", len(c.values), c.room, state)
}

func newChannel(L *glua.LState) int {
	room := 0
	if v := L.Get(1); v != glua.LNil {
		n, ok := v.(glua.LNumber)
		if !ok || float64(n) != float64(int(n)) || n < 0 || n > 1<<24 {
			L.RaiseError("fiber.channel: argument 1 (n): whole number from 0 to %d expected, got %s", 1<<24, describe(v))
		}
		room = int(n)
	}
	w := envOf(L).w
	w.pushAny(L, &Channel{w: w, room: room})
	return 1
}

func checkChannel(L *glua.LState, method string) *Channel {
	if ud, ok := L.Get(1).(*glua.LUserData); ok {
		if c, ok := ud.Value.(*Channel); ok {
			return c
		}
	}
	L.RaiseError("Channel:%s: called on %s, not on a Channel; use ':'", method, typeName(L.Get(1)))
	return nil
}

func channelSend(L *glua.LState) int {
	c, v := checkChannel(L, "send"), L.Get(2)
	if v == glua.LNil {
		L.RaiseError("Channel:send: argument 1 (value): nil cannot be sent; close the channel to say that it is over")
	}
	limit := channelLimit(L, 3, "Channel:send")
	if c.closed {
		L.RaiseError("Channel:send: the channel is closed")
	}
	for len(c.takers) > 0 {
		h := c.takers[0]
		c.takers = c.takers[1:]
		if c.w.baton.wake(h.flow.wait, nil) { // not so if its time was over just before
			h.value, h.ok = v, true
			L.Push(glua.LTrue)
			return 1
		}
	}
	if len(c.values) < c.room {
		c.values = append(c.values, v)
		L.Push(glua.LTrue)
		return 1
	}
	h := &hand{flow: envOf(L).flow, value: v}
	c.senders = append(c.senders, h)
	if n := c.wait(L, h, &c.senders, limit, "send"); n > 0 {
		return n
	}
	if !h.ok {
		L.RaiseError("Channel:send: the channel is closed")
	}
	L.Push(glua.LTrue)
	return 1
}

func channelRecv(L *glua.LState) int {
	c, limit := checkChannel(L, "recv"), channelLimit(L, 2, "Channel:recv")
	if len(c.values) > 0 {
		L.Push(c.values[0])
		c.values[0] = nil
		c.values = c.values[1:]
		c.refill()
		return 1
	}
	for len(c.senders) > 0 {
		if h := c.nextSender(); h != nil {
			L.Push(h.value)
			return 1
		}
	}
	if c.closed {
		L.Push(glua.LNil)
		return 1
	}
	h := &hand{flow: envOf(L).flow, value: glua.LNil}
	c.takers = append(c.takers, h)
	if n := c.wait(L, h, &c.takers, limit, "recv"); n > 0 {
		return n
	}
	L.Push(h.value)
	return 1
}

// nextSender lets the first waiting sender go on, and is it; nil when it had given up.
func (c *Channel) nextSender() *hand {
	h := c.senders[0]
	c.senders = c.senders[1:]
	if h.ok = c.w.baton.wake(h.flow.wait, nil); h.ok {
		return h
	}
	return nil
}

// channelLimit reads the timeout, before the caller is put into a list: 0 is none.
func channelLimit(L *glua.LState, n int, fn string) time.Duration {
	if L.Get(n) == glua.LNil {
		return 0
	}
	return max(seconds(L, n, fn, "timeout"), 1)
}

// refill moves what waiting senders hold into the room there is.
func (c *Channel) refill() {
	for len(c.values) < c.room && len(c.senders) > 0 {
		if h := c.nextSender(); h != nil {
			c.values = append(c.values, h.value)
		}
	}
}

// wait parks until the hand is served or the channel is closed. It returns how many results it pushed for a timeout.
func (c *Channel) wait(L *glua.LState, h *hand, list *[]*hand, limit time.Duration, op string) int {
	h.flow.park(envOf(L), func() {
		if limit > 0 {
			c.w.baton.sleep(h.flow.wait, time.Now().Add(limit))
		}
	})
	woken := h.ok || c.closed
	if !h.ok {
		for i, other := range *list {
			if other == h {
				*list = append((*list)[:i:i], (*list)[i+1:]...)
				break
			}
		}
	}
	stopIfDone(L)
	if !woken {
		return pushFault(L, &Fault{Code: "ETIMEDOUT", Op: "channel " + op, Message: "nobody was there within " + limit.String()})
	}
	return 0
}

func channelClose(L *glua.LState) int {
	c := checkChannel(L, "close")
	c.closed = true
	for _, h := range append(c.senders, c.takers...) {
		c.w.baton.wake(h.flow.wait, nil)
	}
	c.senders, c.takers = nil, nil
	L.Push(glua.LTrue)
	return 1
}
