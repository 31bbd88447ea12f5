// Package sys is the system calls of network programs as C has them: socket, select, poll, epoll and what they work on.
package sys

import (
	"runtime"
	"slices"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
	"golang.org/x/sys/unix"
)

const about = `The system calls of network programs, with C's names and meanings.

Constants are fields. What the kernel refuses is nil, err with the errno's name as err.code. A call that waits, waits for its fiber only; Ctrl-C, fiber:cancel() and fiber.timeout end it. Descriptors belong to the scope that made them and are closed with it, newest first.`

// Plugin declares sys.*.
func Plugin() plugins.Plugin {
	return plugins.Plugin{
		Name: "sys", Doc: "The system calls of network programs.",
		SetRoles: []plugins.SetRole{{Name: forkRole, Run: runFork}},
		Modules: []lua.Module{{
			Name: "sys", Doc: about,
			Funcs: slices.Concat([]lua.Func{socketFunc(), pipeFunc(), selectFunc(), pollFunc(), epollFunc(), hasFunc(), forkFunc()},
				waitFuncs(), []lua.Func{threadFunc()}, processFuncs(), []lua.Func{cpusFunc(), memoryFunc()}),
			Types:  []lua.Type{fdType(), epollType(), readyType()},
			Consts: constants(),
		}},
	}
}

func socketFunc() lua.Func {
	return lua.Func{Name: "socket", Params: "family, type, [proto], options", Returns: "Fd | nil, err", Direct: socketCall,
		Call: func(env *lua.Env, family, typ int32, proto lua.Value, o socketOptions) (*Fd, error) { return nil, nil },
		Doc:  "Makes a socket: AF_INET or AF_INET6, SOCK_STREAM or SOCK_DGRAM. The options may come in the place of proto.",
		Example: `local s = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
assert(s:setsockopt(sys.SOL_SOCKET, sys.SO_REUSEADDR, 1))
assert(s:bind(":0"))
assert(s:listen(5))
local c = assert(sys.socket(sys.AF_INET, sys.SOCK_STREAM))
assert(c:connect(s:getsockname()))
local conn, peer = assert(s:accept())
print(peer == c:getsockname())  --> true
c:send("hello") c:shutdown(sys.SHUT_WR)
print(conn:recv(100), conn:recv(100) == "")  --> hello	true`}
}

func pipeFunc() lua.Func {
	return lua.Func{Name: "pipe", Returns: "Fd, Fd | nil, err", Call: pipe,
		Doc: "Makes a pipe: the end to read from and the end to write to.",
		Example: `local r, w = assert(sys.pipe())
w:write("through a pipe") w:close()
print(r:read(100), r:read(100) == "")  --> through a pipe	true`}
}

// pipe is pipe(2).
func pipe(env *lua.Env) (r, w *Fd, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return nil, nil, fault("pipe", "", err)
	}
	return newFd(env, fds[0], pipeKind), newFd(env, fds[1], pipeKind), nil
}

func selectFunc() lua.Func {
	return lua.Func{Name: "select", Params: "[r], [w], [x], [timeout]", Returns: "list of Fd, list of Fd, list of Fd | nil, err", Call: selectCall,
		Doc: "Waits until one of r can be read, one of w written, or one of x has urgent data, and returns those, the very objects given; empty lists when the time is over. It is select(2): a descriptor from 1024 on (FD_SETSIZE) is refused, as EINVAL. Without a timeout it waits as long as it takes; 0 only looks.",
		Example: `local r, w = sys.pipe()
print(#sys.select({r}, {w}, {}, 0), #select(2, sys.select({r}, {w}, {}, 0)))  --> 0	1
w:write("x")
local readable = sys.select({r}, {}, {}, 1)
print(readable[1] == r)  --> true`}
}

func pollFunc() lua.Func {
	return lua.Func{Name: "poll", Params: "fds, [timeout]", Returns: "list of Ready | nil, err", Call: pollCall,
		Doc: "Waits for any of {{fd, events}, …}, events as in \"IN|OUT\" or as a number, and returns those rows for which something has happened, with what; an empty list when the time is over. Without a timeout it waits as long as it takes.",
		Example: `local r, w = sys.pipe()
print(#sys.poll({{r, "IN"}}, 0))  --> 0
w:close()
local row = sys.poll({{r, "IN"}}, 1)[1]
print(row.fd == r, row.events == sys.POLLHUP)  --> true	true`}
}

func epollFunc() lua.Func {
	return lua.Func{Name: "epoll", Returns: "Epoll | nil, err", Call: epoll,
		Doc: "Makes an epoll descriptor.",
		Example: `local ep, r, w = sys.epoll(), sys.pipe()
ep:register(r, "IN|ET")
w:write("x")
print(#ep:wait(1), #ep:wait(0))  --> 1	0`}
}

func hasFunc() lua.Func {
	return lua.Func{Name: "has", Params: "events, wanted", Call: has,
		Doc:     "Whether events contain all of those wanted: what events & EPOLLIN says in C. Both are numbers, or names as in \"IN|RDHUP\".",
		Example: `print(sys.has(sys.EPOLLIN + sys.EPOLLRDHUP, "IN"), sys.has(sys.EPOLLIN, "IN|OUT"))  --> true	false`}
}

func cpusFunc() lua.Func {
	return lua.Func{Name: "cpus", Call: runtime.NumCPU,
		Doc:     "The number of processors that nsh may run on: sched_getaffinity(2).",
		Example: `print(sys.cpus() >= 1)  --> true`}
}

func memoryFunc() lua.Func {
	return lua.Func{Name: "memory", Params: "[pid]", Returns: "{rss, pss, shared, private} | nil, err", Call: memoryOf,
		Doc: "What a process, nsh itself by default, has in memory, in bytes, from /proc/PID/smaps_rollup: rss, all that is resident; shared, of that, what another process has mapped, too; private, what none has; pss, where a shared page counts in parts.",
		Example: `local m = assert(sys.memory())
print(m.rss == m.shared + m.private, m.pss <= m.rss)  --> true	true`}
}

func fdType() lua.Type {
	return lua.Type{
		Name: "Fd", Of: (*Fd)(nil),
		Doc: "A descriptor: a socket, an end of a pipe, the standard input. Calls that wait, wait for their fiber only. After setnonblock(true) none does: what would wait is nil, EAGAIN (of connect: EINPROGRESS).",
		Methods: append(socketMethods(), []lua.Func{
			{Name: "read", Params: "n", Returns: "data | nil, err", Call: (*Fd).read,
				Doc: "Reads at most n bytes of what is there, at least one; \"\" at the end of the file."},
			{Name: "write", Params: "data", Returns: "bytes | nil, err", Call: (*Fd).write,
				Doc: "Writes, and returns how many bytes the kernel took: all of them, unless the descriptor is nonblocking."},
			{Name: "setnonblock", Params: "on", Call: (*Fd).setNonblock,
				Doc: "Sets or clears O_NONBLOCK, for all dups of the descriptor at once. An accepted connection does not inherit it."},
			{Name: "dup", Returns: "Fd | nil, err", Call: (*Fd).dup,
				Doc: "Another descriptor of the same open file, which stays open until both are closed."},
			{Name: "close", Call: (*Fd).close,
				Doc: "Closes the descriptor. Calls of other fibers that wait for it return nil, EBADF. Closing twice is EBADF; any other call on a closed one raises."},
			{Name: "fileno", Returns: "number", Call: (*Fd).fileno, Doc: "The number."},
		}...),
	}
}

func socketMethods() []lua.Func {
	return []lua.Func{
		{Name: "bind", Params: "addr", Call: (*Fd).bind,
			Doc: "Gives the socket an address, \"host:port\"; \":port\" is loopback, \"0.0.0.0:port\" all of the machine's, port 0 a free one."},
		{Name: "listen", Params: "n", Call: (*Fd).listen,
			Doc: "Makes it a listener. Its queue holds n + 1 connections that are established and not accepted."},
		{Name: "accept", Returns: "Fd, addr | nil, err", Call: (*Fd).accept,
			Doc: "Takes the first connection from the queue, and says where it comes from."},
		{Name: "connect", Params: "addr", Call: (*Fd).connect,
			Doc: "Connects. A nonblocking socket answers nil, EINPROGRESS; it becomes writable, and SO_ERROR says how it went."},
		{Name: "send", Params: "data, [flags]", Returns: "bytes | nil, err", Call: (*Fd).send,
			Doc: "Sends, and returns how many bytes the kernel took: all of them, unless the socket is nonblocking or fails in the middle."},
		{Name: "recv", Params: "n, [flags]", Returns: "data | nil, err", Call: (*Fd).recv,
			Doc: "Receives at most n bytes of what is there, at least one; \"\" at the end of the stream."},
		{Name: "sendto", Params: "data, addr, [flags]", Returns: "bytes | nil, err", Call: (*Fd).sendto,
			Doc: "Sends a datagram to an address."},
		{Name: "recvfrom", Params: "n, [flags]", Returns: "data, addr, {ttl} | nil, err", Call: (*Fd).recvfrom,
			Doc: "Receives a datagram, or its first n bytes, who sent it, and what came beside it: ttl after setsockopt(IPPROTO_IP, IP_RECVTTL, 1); with MSG_ERRQUEUE error and offender.",
			Example: `local a = sys.socket(sys.AF_INET, sys.SOCK_DGRAM) a:bind(":0")
local b = sys.socket(sys.AF_INET, sys.SOCK_DGRAM) b:bind(":0")
a:setsockopt(sys.IPPROTO_IP, sys.IP_RECVTTL, 1)
b:setsockopt(sys.IPPROTO_IP, sys.IP_TTL, 7)
b:sendto("hello", a:getsockname())
local data, from, beside = a:recvfrom(100)
print(data, from == b:getsockname(), beside.ttl)  --> hello	true	7`},
		{Name: "setsockopt", Params: "level, name, value", Call: (*Fd).setsockopt,
			Doc: "Sets an option: a whole number or a boolean, seconds for SO_RCVTIMEO and SO_SNDTIMEO, seconds or -1 for SO_LINGER, a string for TCP_CONGESTION."},
		{Name: "getsockopt", Params: "level, name", Returns: "number or string | nil, err", Call: (*Fd).getsockopt,
			Doc: "Reads an option, in the form in which setsockopt takes it. SO_ERROR is 0 or the errno's name."},
		{Name: "getsockname", Returns: "addr | nil, err", Call: (*Fd).getsockname, Doc: "This end's address, \"host:port\"."},
		{Name: "getpeername", Returns: "addr | nil, err", Call: (*Fd).getpeername, Doc: "The other end's address, \"host:port\"."},
		{Name: "shutdown", Params: "how", Call: (*Fd).shutdown,
			Doc: "Ends one direction, SHUT_RD or SHUT_WR, or both, SHUT_RDWR, for everybody who has the socket."},
	}
}

func epollType() lua.Type {
	return lua.Type{
		Name: "Epoll", Of: (*Epoll)(nil),
		Doc: "An epoll descriptor, and what is registered with it. Events are names, as in \"IN|ET\", or numbers, as in sys.EPOLLIN + sys.EPOLLET.",
		Methods: []lua.Func{
			{Name: "register", Params: "fd, events", Call: (*Epoll).register,
				Doc: "Waits for events of a descriptor from now on: EPOLL_CTL_ADD. Twice is EEXIST."},
			{Name: "modify", Params: "fd, events", Call: (*Epoll).modify,
				Doc: "Changes the events that are waited for: EPOLL_CTL_MOD."},
			{Name: "unregister", Params: "fd", Call: (*Epoll).unregister,
				Doc: "Waits for it no more: EPOLL_CTL_DEL. Closing a descriptor does the same, unless a dup of it is open."},
			{Name: "wait", Params: "[timeout]", Returns: "list of Ready | nil, err", Call: (*Epoll).wait,
				Doc: "Waits until something has happened and returns it; an empty list when the time is over. Without a timeout it waits as long as it takes."},
			{Name: "close", Call: (*Epoll).close, Doc: "Closes the descriptor; what was registered stays open."},
			{Name: "fileno", Returns: "number", Call: (*Epoll).fileno, Doc: "The number."},
		},
	}
}

func readyType() lua.Type {
	return lua.Type{Name: "Ready", Of: Ready{},
		Doc: "What has happened to a descriptor: {fd, events}, by name or by place, as in local fd, events = unpack(row). Events are a number, to be tested with sys.has."}
}
