package main

import "strings"

// A wait is a call that does not end by itself. What it may use: a laboratory l of a, r and b, with a link k; srv, a
// server on b that never reads, at the address at; c and crowd, connections from a to it; silent, a host of another
// laboratory from which nothing reaches "y:80".
type wait struct {
	name string
	call string
	bare bool // needs no laboratory
	host bool // not in a private file: there are no programs
}

// setUp makes what waits use.
const setUp = `
l, a, r, b = assert(lab.line("a", "r", "b"))
k = l.links[1]
srv = assert(server.start{model = "thread", handler = function() fiber.sleep(3600) end, on = b})
at = srv.addr
c = assert(client.dial(at, {on = a}))
crowd = client.open{to = at, n = 3, on = a}
`

// setUpSilent makes the other laboratory.
const setUpSilent = `
dark, silent = assert(lab.line("x", "y"))
silent:interfaces()
dark.links[1]:cut()
`

// setUp is what this wait needs.
func (w wait) setUp() string {
	switch {
	case strings.Contains(w.call, "silent"):
		return setUpSilent
	case w.bare:
		return ""
	}
	return setUp
}

// forever repeats what would end.
func forever(body string) string { return "while true do " + body + " end" }

func waits() []wait {
	all := []wait{
		// fibers
		{name: "fiber.sleep", call: "fiber.sleep(3600)"},
		{name: "fiber.yield", call: forever("fiber.yield()")},
		{name: "fiber:join", call: "fiber.spawn(fiber.sleep, 3600):join()"},
		{name: "fiber.all", call: "fiber.all{function() fiber.sleep(3600) end, function() fiber.sleep(3600) end}"},
		{name: "fiber.any", call: "fiber.any{function() fiber.sleep(3600) end, function() fiber.sleep(3600) end}"},
		{name: "fiber.timeout", call: "fiber.timeout(3600, function() fiber.sleep(3600) end)"},
		{name: "channel:recv", call: "fiber.channel():recv()"},
		{name: "channel:send", call: "fiber.channel():send(1)"},
		{name: "with", call: "with(fiber.channel(), function(ch) ch:recv() end)"},
		{name: "coroutines", call: "local f = coroutine.wrap(function() while true do coroutine.yield() end end) " + forever("f()")},
		{name: "waiting in a coroutine", call: "coroutine.wrap(function() fiber.sleep(3600) end)()"},
		{name: "a thousand fibers", call: "for i = 1, 1000 do fiber.spawn(fiber.sleep, 3600) end fiber.sleep(3600)"},
		{name: "check.within", call: "check.within(3600, function() return false end, 'never')"},
		// computing
		{name: "loop", call: forever("")},
		{name: "pcall", call: forever("pcall(fiber.sleep, 3600)")},
		{name: "string.rep", call: forever("local s = ('x'):rep(1e8)")},
		{name: "find", call: "local s = ('a'):rep(40) s:find(('a*'):rep(40) .. 'b')"},
		{name: "match", call: "local s = ('a'):rep(5e6) s:match('.-b')"},
		{name: "gsub", call: "local s, n = ('x'):rep(3e5):gsub('.', ('y'):rep(1000))"},
		{name: "format", call: forever("local s = ('%s%s%s'):format(('x'):rep(1e7), ('y'):rep(1e7), 'z')")},
		{name: "concat", call: "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(1e5) end " + forever("table.concat(t)")},
		{name: "sort", call: forever("local t = {} for i = 1, 1e5 do t[i] = -i end table.sort(t, function(x, y) return x < y end)")},
		{name: "collectgarbage", call: forever("collectgarbage()")},
		// programs, which the terminal's Ctrl-C ends, too, perhaps before nsh has heard of it
		{name: "os.execute", call: forever("os.execute('sleep 60')"), host: true},
		{name: "io.popen", call: forever("io.popen('sleep 60'):read('*a')"), host: true},
	}
	for i := range all {
		all[i].bare = true
	}
	return append(append(all, systemWaits()...), networkWaits()...)
}

func networkWaits() []wait {
	return []wait{
		// connections
		{name: "client.dial", call: "client.dial('y:80', {on = silent, timeout = 600})"},
		{name: "client.open", call: "client.open{to = 'y:80', n = 500, timeout = 600, on = silent}"},
		{name: "Conn:recv", call: "c:recv()"},
		{name: "Conn:recv(n)", call: "client.dial(at, {on = a}):recv(100)"},
		{name: "Conn:send", call: forever("c:send(('x'):rep(1e6))")},
		{name: "Crowd:recv", call: "crowd:recv(1)"},
		{name: "Crowd:send", call: forever("crowd:send(('x'):rep(1e6))")},
		{name: "Crowd:close", call: forever("client.open{to = at, n = 2, on = a}:close()")},
		{name: "Crowd:reset", call: forever("client.open{to = at, n = 2, on = a}:reset()")},
		{name: "Crowd:conn", call: forever("client.open{to = at, n = 2, on = a}:conn(1)")},
		{name: "Crowd:shutdown", call: forever("client.open{to = at, n = 2, on = a}:shutdown('write')")},
		// servers
		{name: "server.start", call: forever("server.start{handler = 'echo', on = b}:stop()")},
		{name: "Server:wait", call: "srv:wait()"},
		{name: "Server:stop", call: forever("local s = server.start{model = 'thread', handler = function() fiber.sleep(3600) end, on = b} client.dial(s.addr, {on = a}) s:stop()")},
		{name: "server.test", call: "server.test('thread')"},
		{name: "server.compare", call: "server.compare{models = {'epoll'}, seconds = 60, on = b}"},
		{name: "Listener:accept", call: "server.define('waits', {style = 'linear', replace = true, run = function(ln) ln:accept() end}) server.start{model = 'waits', handler = 'echo', on = b}:wait()"},
		{name: "client.load", call: "client.load{to = at, seconds = 600, on = a}"},
		// names
		{name: "dns.resolve", call: "dns.resolve('a.test', {server = silent.addrs[1]:gsub('1$', '2'), timeout = 600, on = silent})"},
		{name: "dns.serve", call: forever("dns.serve{zone = 'a.test. A 192.0.2.1', on = b}:stop()")},
		{name: "DnsServer:close", call: forever("dns.serve{zone = 'a.test. A 192.0.2.1', on = b}:close()")},
		{name: "dns.reverse", call: "dns.reverse('192.0.2.1', {server = 'y', timeout = 600, on = silent})"},
		{name: "dns.lookup", call: forever("dns.lookup('b', {on = a})")},
		{name: "dns.compare", call: "dns.compare('a.test', {'y', timeout = 600, on = silent})"},
		{name: "dns.trace", call: "dns.trace('a.test', {start = 'y', timeout = 600, on = silent})"},
		{name: "dns.forward", call: forever("dns.forward{to = '192.0.2.1', on = b}:stop()")},
		// the way to a host
		{name: "trace.route", call: "trace.route('y', {timeout = 600, on = silent})"},
		{name: "trace.ping", call: "trace.ping('y', {timeout = 600, on = silent})"},
		// the kernel's state
		{name: "sock.list", call: forever("sock.list{on = a}")},
		{name: "sock.states", call: forever("sock.states{on = a}")},
		{name: "sock.queue", call: forever("sock.queue(srv.port, {on = b}) sock.queues{on = b}")},
		{name: "sock.counters", call: forever("sock.counters{on = a} sock.limits{on = a}")},
		{name: "sock.delta", call: "sock.delta(function() fiber.sleep(3600) end, {on = a})"},
		{name: "sock.holders", call: forever("sock.holders(c)")},
		{name: "sock.totals", call: forever("sock.totals{on = a}")},
		{name: "sock.watch", call: forever("local w = sock.watch{port = srv.port, on = {a, b}} w:events() w:paths() w:path(at) w:ladder() pcall(sock.diagram, w) w:stop()")},
		{name: "sock.capture", call: forever("local p = sock.capture{port = srv.port, on = a} p:packets() p:events() p:ladder() p:stop()")},
		{name: "Counters:watch", call: "sock.counters{on = a}:watch()"},
		// laboratories
		{name: "lab.new", call: forever("lab.new():close()")},
		{name: "lab.line", call: forever("lab.line('x', 'y', 'z'):close()")},
		{name: "building", call: forever("local n = lab.new() local s = n:switch('s') for i = 1, 19 do n:link(n:host('h' .. i), s) end n.hosts.h1:interfaces() n:close()")},
		{name: "Lab:run", call: "l:run(a, fiber.sleep, 3600)"},
		{name: "Lab:exec", call: "l:exec(a, 'sleep', '60')", host: true},
		{name: "Lab:exec, what comes", call: "l:exec(a, 'cat', '/dev/zero')", host: true},
		{name: "Lab:exec, and its children", call: "l:exec(a, 'sh', '-c', 'sleep 60 & sleep 60')", host: true},
		{name: "Host:interfaces", call: forever("a:interfaces() a:routes() a:neighbours()")},
		{name: "Host:sysctl", call: forever("a:sysctl('net.ipv4.tcp_syncookies', 0)")},
		{name: "Host:set_neighbour", call: forever("a:set_neighbour('10.0.1.99', '02:00:00:00:99:99') a:set_neighbour('10.0.1.99')")},
		{name: "Host:add_address", call: forever("a:add_address('10.0.1.98') a:remove_address('10.0.1.98')")},
		{name: "Link:cut", call: forever("k:cut() k:mend()")},
		{name: "Link:set", call: forever("k:set{delay = 0.001} k:stats() k:set{delay = 0}")},
	}
}

// standsFor says which declared functions a wait's name does not name, but its call uses.
func standsFor() map[string]string {
	return map[string]string{
		"DnsServer:stop": "dns.serve", "sock.queues": "sock.queue", "sock.limits": "sock.counters", "Lab:close": "lab.new", "Fd:close": "Fd:bind",
		"Watch:path": "sock.watch", "Watch:paths": "sock.watch", "Watch:events": "sock.watch", "Watch:ladder": "sock.watch", "Watch:stop": "sock.watch",
		"Watch:save": "sock.watch", "sock.diagram": "sock.watch", "Capture:save": "sock.capture", "Capture:packets": "sock.capture",
		"Capture:events": "sock.capture", "Capture:ladder": "sock.capture", "Capture:stop": "sock.capture",
		"Host:routes": "Host:interfaces", "Host:neighbours": "Host:interfaces", "Host:remove_address": "Host:add_address", "Link:mend": "Link:cut", "Link:stats": "Link:set",
	}
}
