package sock

import "github.com/nsh-lab/nsh/lua"

// recorderFuncs are the functions that follow what happens.
func recorderFuncs() []lua.Func {
	return []lua.Func{
		{
			Name: "watch", Params: "options", Returns: "Watch | nil, err", Call: watch,
			Doc: `Follows the states of connections: of all to a port, or of one that a Conn is an end of.

It begins at once and ends with stop, or with the scope that made it. In a script file's own network and on a
laboratory's hosts it looks into the kernel's socket table whenever a packet of theirs passes; watch.source says how it
sees, and what can escape it.`,
			Example: watchExample,
		},
		{
			Name: "diagram", Params: "watch, [conn]", Returns: "Picture | nil, err", Call: diagram,
			Doc: `Draws the state diagram of RFC 9293, with the states and arrows in heavy lines that a connection took, and when.

It takes a Watch, with conn as watch:path does, or a StatePath. Times are those since the connection's first state, c the
client's and s the server's. Of a watch that has seen several connections, without conn, all are drawn, and how many took
each arrow. What the diagram has no arrow for, a reset for one, is said below it.`,
			Example: diagramExample,
		},
		{
			Name: "capture", Params: "options", Returns: "Capture | nil, err", Call: capture,
			Doc: `Receives the packets of a laboratory's host, or of a script file's own network; it never sends.

It begins at once and ends with stop, or with the scope that made it. Where there is no right to receive packets, the
error's code is EPERM. Over the loopback device a packet is there once.`,
			Example: captureExample,
		},
		{
			Name: "mark", Params: "text", Returns: "number", Call: mark,
			Doc: "Notes a text in every Watch and Capture of the script that has not been stopped, and says how many those are. It stands in their events, ladders and files at its time.",
			Example: `local c = client.dial(assert(server.start{handler = "echo"}).addr)
local w = assert(sock.watch{conn = c})
print(sock.mark("before the close"))  --> 1
w:stop()
print(w:events()[#w:events()].text)   --> before the close`,
		},
	}
}

func recorderTypes() []lua.Type {
	return []lua.Type{
		{
			Name: "Watch", Of: (*Watch)(nil), Doc: "Follows the states of connections.",
			Fields: []lua.Field{
				{Name: "source", Doc: "In words: how it sees, and what can escape it.", Get: func(w *Watch) string { return w.source() }},
				{Name: "left_out", Doc: "How much was not kept: packets that nobody took soon enough, and what there was no room for.", Get: func(w *Watch) int { return w.left() }},
			},
			Methods: []lua.Func{
				{Name: "path", Params: "[conn]", Returns: "StatePath | nil, err", Call: (*Watch).path,
					Doc: "The states of both ends of one connection: that which conn is an end of, or whose address conn is; without conn the only one. nil when it has seen none."},
				{Name: "paths", Returns: "list of StatePath | nil, err", Call: (*Watch).paths, Doc: "The states of both ends of every connection, in the order in which they began."},
				{Name: "events", Returns: "list of Event | nil, err", Call: (*Watch).events, Doc: "Everything in the order of its time: states, calls and marks, and with packets = true the packets."},
				{Name: "ladder", Returns: "Picture | nil, err", Call: (*Watch).ladder, Doc: "Draws the packets between two lifelines, with states, calls and marks (packets = true)."},
				{Name: "mark", Params: "text", Call: func(w *Watch, text string) { w.mark(text) }, Doc: "Notes a text at this time."},
				{Name: "save", Params: "path", Returns: "true | nil, err", Call: (*Watch).save, Doc: "Writes every event to a file as lines of JSON (path.jsonl), or the packets for Wireshark (path.pcapng)."},
				{Name: "stop", Call: (*Watch).stop, Doc: "Takes a last look and ends it. What it has seen stays."},
			},
		},
		{
			Name: "Capture", Of: (*Capture)(nil), Doc: "Receives packets.",
			Fields: []lua.Field{
				{Name: "source", Doc: "In words: whose packets.", Get: func(c *Capture) string { return c.source() }},
				{Name: "left_out", Doc: "How many packets nobody took soon enough, or there was no room for.", Get: func(c *Capture) int { return c.left() }},
			},
			Methods: []lua.Func{
				{Name: "packets", Returns: "list of Packet | nil, err", Call: (*Capture).packets, Doc: "The packets that have come, in the order of their time. On two hosts a packet is there twice: where it left, and where it arrived."},
				{Name: "events", Returns: "list of Event | nil, err", Call: (*Capture).events, Doc: "Everything in the order of its time: packets, calls and marks."},
				{Name: "ladder", Returns: "Picture | nil, err", Call: (*Capture).ladder,
					Doc: `Draws the packets between two lifelines, in the order of their time: flags, sequence numbers from the first one, length.

Right of them stands how long a packet took, where both hosts are captured; one that did not arrive ends in a cross.
Marks, and the script's calls, stand in their places.`},
				{Name: "mark", Params: "text", Call: func(c *Capture, text string) { c.mark(text) }, Doc: "Notes a text at this time."},
				{Name: "save", Params: "path", Returns: "true | nil, err", Call: (*Capture).save, Doc: "Writes the packets to a file for Wireshark and tcpdump (path.pcapng), or every event as lines of JSON (path.jsonl)."},
				{Name: "stop", Call: (*Capture).stop, Doc: "Ends it. What has come stays."},
			},
		},
		{
			Name: "StatePath", Of: (*Path)(nil), Doc: "The states that the two ends of a connection went through. It prints as a time line.",
			Fields: []lua.Field{
				{Name: "client", Doc: "The client's states, by the kernel's names, in their order.", Get: func(p *Path) []string { return p.states(0) }},
				{Name: "server", Doc: "The server's.", Get: func(p *Path) []string { return p.states(1) }},
				{Name: "client_at", Doc: "When the client came into each of them, in seconds as fiber.now counts them.", Get: func(p *Path) []float64 { return p.times(0) }},
				{Name: "server_at", Doc: "When the server did.", Get: func(p *Path) []float64 { return p.times(1) }},
				{Name: "client_addr", Doc: "The client's address.", Get: func(p *Path) string { return p.Client.String() }},
				{Name: "server_addr", Doc: "The server's.", Get: func(p *Path) string { return p.Server.String() }},
			},
		},
		{
			Name: "Packet", Of: (*Packet)(nil), Doc: "A packet that was received. Fields that its kind does not have are nil or empty.",
			Fields: []lua.Field{
				{Name: "t", Doc: "when, in seconds as fiber.now counts them", Get: field(func(e *Event) float64 { return e.T })},
				{Name: "on", Doc: "the host where it was seen", Get: field(func(e *Event) string { return e.On })},
				{Name: "out", Doc: "whether it was on its way out", Get: field(func(e *Event) bool { return e.Out })},
				{Name: "src", Doc: "where it comes from", Get: field(func(e *Event) string { return e.Src })},
				{Name: "dst", Doc: "where it goes", Get: field(func(e *Event) string { return e.Dst })},
				{Name: "text", Doc: "what it is, in words", Get: field(func(e *Event) string { return e.Text })},
				{Name: "proto", Doc: "\"tcp\", \"udp\", \"icmp\", \"icmpv6\", \"arp\", \"ip\" or \"ethernet\"", Get: field(func(e *Event) string { return e.Proto })},
				{Name: "flags", Doc: "of a TCP segment, as \"SYN+ACK\"", Get: field(func(e *Event) string { return e.Flags })},
				{Name: "seq", Doc: "of a TCP segment, counted from the first of its direction", Get: field(func(e *Event) *uint32 { return e.Seq })},
				{Name: "ack", Doc: "of a TCP segment, counted likewise", Get: field(func(e *Event) *uint32 { return e.Ack })},
				{Name: "len", Doc: "bytes of data", Get: field(func(e *Event) *int { return e.Len })},
				{Name: "window", Doc: "of a TCP segment, as it is in the header", Get: field(func(e *Event) *int { return e.Win })},
				{Name: "ttl", Doc: "how many hops it may make", Get: field(func(e *Event) int { return e.TTL })},
				{Name: "dev", Doc: "the interface", Get: field(func(e *Event) string { return e.Dev })},
				{Name: "size", Doc: "bytes of the whole frame", Get: func(p *Packet) int { return p.e.Packet.Size }},
				{Name: "frame", Doc: "the frame itself, as far as it was kept", Get: func(p *Packet) []byte { return p.e.Packet.Frame }},
			},
		},
		{Name: "Event", Of: Event{}, Doc: "One thing that happened. What does not belong to its kind is nil."},
		{
			Name: "Picture", Of: (*Picture)(nil), Doc: "Something drawn: it prints as it is, and tostring() has it as text.",
			Fields: []lua.Field{{Name: "text", Doc: "its lines, without colours", Get: (*Picture).String}},
		},
	}
}

const watchExample = `local l, a, b = assert(lab.line("a", "b"))
l.links[1]:set{delay = 0.01}
local s = assert(server.start{handler = "echo", on = b})
local w = assert(sock.watch{port = s.port, on = {a, b}})
local c = assert(client.dial(s.addr, {on = a}))
c:close()
check.within(5, function() local p = w:path() return #p.server == 5, p end)
w:stop()
print(table.concat(w:path().client, " "))  --> SYN_SENT ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT
print(table.concat(w:path().server, " "))  --> SYN_RECV ESTABLISHED CLOSE_WAIT LAST_ACK CLOSE`

const diagramExample = `local l, a, b = assert(lab.line("a", "b"))
local s = assert(server.start{handler = "echo", on = b})
local w = assert(sock.watch{port = s.port, on = {a, b}})
local c = assert(client.dial(s.addr, {on = a}))
local d = assert(sock.diagram(w)).text
for _, state in ipairs{"LISTEN", "SYN_SENT", "TIME_WAIT"} do assert(d:find(state)) end
print(#d > 1000)  --> true`

const captureExample = `local l, a, b = assert(lab.line("a", "b"))
local s = assert(server.start{handler = "echo", on = b})
local k = assert(sock.capture{port = s.port, on = a})
local c = assert(client.dial(s.addr, {on = a}))
c:send("hello") c:recv(5)
k:stop()
for i, p in ipairs(k:packets()) do if i <= 4 then print(p.flags, p.seq, p.ack, p.len) end end
--> SYN	0	nil	0
--> SYN+ACK	0	1	0
--> ACK	1	1	0
--> PSH+ACK	1	1	5`
