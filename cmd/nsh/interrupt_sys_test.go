package main

// systemWaits are the system calls as C has them.
func systemWaits() []wait {
	const (
		pipe   = "local r, w = sys.pipe() "
		listen = "local s = sys.socket(sys.AF_INET, sys.SOCK_STREAM) s:bind('127.0.0.1:0') s:listen(0) local to = s:getsockname() "
		dial   = listen + "local c = sys.socket(sys.AF_INET, sys.SOCK_STREAM) c:connect(to) "
		udp    = "local s = sys.socket(sys.AF_INET, sys.SOCK_DGRAM) s:bind('127.0.0.1:0') "
	)
	all := []wait{
		{name: "sys.fork", call: forever("sys.waitpid(sys.fork(function() end))")},
		{name: "sys.waitpid", call: "sys.waitpid(sys.fork(function() fiber.sleep(3600) end))"},
		{name: "sys.select", call: pipe + "sys.select({r})"},
		{name: "sys.poll", call: pipe + "sys.poll({{r, 'IN'}})"},
		{name: "Epoll:wait", call: pipe + "local e = sys.epoll() e:register(r, 'IN') e:wait()"},
		{name: "Epoll:close", call: forever("sys.epoll():close()")},
		{name: "Fd:read", call: pipe + "r:read(1)"},
		{name: "Fd:write", call: pipe + forever("w:write(('x'):rep(1e6))")},
		{name: "Fd:bind", call: forever("local s = sys.socket(sys.AF_INET, sys.SOCK_STREAM) s:bind('127.0.0.1:0') s:close()")},
		{name: "Fd:accept", call: listen + "s:accept()"},
		{name: "Fd:connect", call: listen + forever("sys.socket(sys.AF_INET, sys.SOCK_STREAM):connect(to)")},
		{name: "Fd:send", call: dial + forever("c:send(('x'):rep(1e6))")},
		{name: "Fd:recv", call: dial + "c:recv(1)"},
		{name: "Fd:sendto", call: udp + forever("s:sendto('x', s:getsockname())")},
		{name: "Fd:recvfrom", call: udp + "s:recvfrom(100)"},
	}
	for i := range all {
		all[i].bare = true
	}
	return all
}
