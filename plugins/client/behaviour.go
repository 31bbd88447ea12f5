package client

import (
	"fmt"

	"github.com/nsh-lab/nsh/engines/crowd"
	"github.com/nsh-lab/nsh/lua"
)

// A Behaviour is a way to misbehave, as a value: for client.dial, client.open and loads.
type Behaviour struct {
	b     crowd.Behaviour
	shown string
}

// engine is the behaviour as the engine room has it; none is the zero value.
func (b *Behaviour) engine() crowd.Behaviour {
	if b == nil {
		return crowd.Behaviour{}
	}
	return b.b
}

func (b *Behaviour) String() string { return "Behaviour " + b.shown }

func behaviourType() lua.Type {
	return lua.Type{Name: "Behaviour", Of: (*Behaviour)(nil),
		Doc:    "How a client misbehaves by itself: client.silent and the like make them, for client.dial and client.open.",
		Fields: []lua.Field{{Name: "name", Doc: "Which it is: \"silent\", \"slow\", …", Get: func(b *Behaviour) string { return string(b.b.Kind) }}}}
}

type neverReadsOptions struct {
	Data   []byte `lua:"data" help:"what it sends, over and over, as long as the kernel takes it: requests whose answers it never fetches; nothing when absent"`
	Buffer int    `lua:"buffer" default:"0" min:"0" max:"1073741824" help:"SO_RCVBUF in bytes, of which the kernel takes twice as many; a small one is full sooner. 0 is the kernel's own"`
}

type slowOptions struct {
	BytesPerSecond float64 `lua:"bytes_per_second" default:"1" min:"0.001" max:"100000" help:"how fast it sends"`
	Data           string  `lua:"data" default:"x" help:"what it sends, over and over: with an unfinished request, a request that never ends"`
}

type halfCloseOptions struct {
	Data []byte `lua:"data" help:"what it sends before"`
}

type resetsOptions struct {
	After int    `lua:"after" default:"1" min:"1" max:"1073741824" help:"bytes of the answer that it waits for"`
	Data  []byte `lua:"data" help:"what it sends to be answered"`
}

type noOptions struct{}

func neverReads(o neverReadsOptions) *Behaviour {
	return &Behaviour{crowd.Behaviour{Kind: crowd.NeverReads, Data: o.Data, Buffer: o.Buffer}, "never_reads"}
}

func slow(o slowOptions) (*Behaviour, error) {
	if len(o.Data) == 0 {
		return nil, lua.Misusef("data", "at least a byte expected: a client that sends nothing is client.silent{}")
	}
	return &Behaviour{crowd.Behaviour{Kind: crowd.Slow, Data: []byte(o.Data), Rate: o.BytesPerSecond}, fmt.Sprintf("slow, %g bytes a second", o.BytesPerSecond)}, nil
}

func halfClose(o halfCloseOptions) *Behaviour {
	return &Behaviour{crowd.Behaviour{Kind: crowd.HalfClose, Data: o.Data}, "half_close"}
}

func resets(o resetsOptions) *Behaviour {
	return &Behaviour{crowd.Behaviour{Kind: crowd.Resets, Data: o.Data, After: o.After}, fmt.Sprintf("resets after %d bytes", o.After)}
}

func vanishes(noOptions) *Behaviour {
	return &Behaviour{crowd.Behaviour{Kind: crowd.Vanishes}, "vanishes"}
}
func silent(noOptions) *Behaviour { return &Behaviour{crowd.Behaviour{Kind: crowd.Silent}, "silent"} }

// behaviours declares them.
func behaviours() []lua.Func {
	const server = "local s = assert(server.start{model = \"epoll\", handler = \"%s\"})\n"
	return []lua.Func{
		{Name: "never_reads", Params: "options", Returns: "Behaviour", Call: neverReads,
			Doc: "A client that never receives: what the server sends fills the client's buffer, then its window is closed (ss: Recv-Q full there, Send-Q filling at the server), and a server that waits for room waits for ever. With data it goes on asking, so that an echo server that blocks in send is stuck.",
			Example: fmt.Sprintf(server, "chargen") + `local crowd = client.open{to = s.addr, n = 3, behaviour = client.never_reads{buffer = 4096}}
fiber.sleep(0.2)
local full = 0
for _, row in ipairs(sock.list{peer_port = s.port, state = "ESTABLISHED"}) do if row.recv_q > 0 then full = full + 1 end end
print(full)  --> 3`},
		{Name: "slow", Params: "options", Returns: "Behaviour", Call: slow,
			Doc: "A client that sends data over and over, a byte at a time, so many a second; what comes it drops. A server that gives each client a thread, or has no limit of time, is held by a handful of them.",
			Example: fmt.Sprintf(server, "discard") + `local crowd = client.open{to = s.addr, n = 10, behaviour = client.slow{bytes_per_second = 50}}
fiber.sleep(0.3)
local n = s:stats().bytes_in
print(crowd.n, n >= 20, n <= 300)  --> 10	true	true`},
		{Name: "half_close", Params: "options", Returns: "Behaviour", Call: halfClose,
			Doc: "A client that sends data, ends its side (FIN) and waits for the answer, as HTTP/1.0 clients and nc -N do; it closes when the server has ended its own. A server that takes end of file for the end of everything answers nothing; one that never closes leaves it in FIN_WAIT2, and itself in CLOSE_WAIT.",
			Example: `local s = assert(server.start{model = "goroutine", handler = function(conn) conn:recv() fiber.sleep(60) end})
local crowd = client.open{to = s.addr, n = 3, behaviour = client.half_close{data = "hello"}}
fiber.sleep(0.2)
print(sock.states{port = s.port}.FIN_WAIT2, sock.states{port = s.port}.CLOSE_WAIT)  --> 3	3`},
		{Name: "resets", Params: "options", Returns: "Behaviour", Call: resets,
			Doc: "A client that sends data and, when so many bytes of the answer have come, ends the connection with RST in the middle of it: what browsers do when somebody leaves a page. The server's next call on it is ECONNRESET or EPIPE.",
			Example: fmt.Sprintf(server, "chargen") + `local crowd = client.open{to = s.addr, n = 5, behaviour = client.resets{after = 100}}
fiber.sleep(0.3)
print(crowd.n, s:stats().active)  --> 0	0`},
		{Name: "vanishes", Params: "[options]", Returns: "Behaviour", Call: vanishes,
			Doc: "A client that connects and is gone, as if its cable were cut: no FIN, no RST, and what the server sends is not acknowledged. On the wire: the handshake, and then nothing from this side; the server's segments are sent again and again, further and further apart, until it gives up (ETIMEDOUT, after tcp_retries2; a server that sends nothing never learns of it without keepalive). A socket filter that drops every packet does that (SO_ATTACH_FILTER), so the descriptor stays open, and a machine that keeps filters from ordinary users refuses it (EPERM); closing the connection sends the RST, or FIN, of a machine that has come back.",
			Example: fmt.Sprintf(server, "echo") + `local crowd = client.open{to = s.addr, n = 2, behaviour = client.vanishes()}
crowd:send("?")  -- the last that is heard of it
fiber.sleep(0.3)
local unanswered = 0
for _, row in ipairs(sock.list{local_port = s.port, state = "ESTABLISHED"}) do unanswered = unanswered + row.send_q end
assert(unanswered == 2 or crowd:stats().errors.EPERM == 2)`},
		{Name: "silent", Params: "[options]", Returns: "Behaviour", Call: silent,
			Doc: "A client that connects and says nothing. Its kernel answers for it, so that keepalive finds it well; only a limit of the server's own ends it.",
			Example: fmt.Sprintf(server, "echo") + `local crowd = client.open{to = s.addr, n = 100, behaviour = client.silent()}
while s:stats().active < 100 do fiber.sleep(0.01) end
print(s:stats().active, s:stats().bytes_in)  --> 100	0`},
	}
}
