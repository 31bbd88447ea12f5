// Package sock is the plugin that asks the kernel about sockets: which there are, in which states, and what it knows
// of one connection. It reads the kernel's own table over sock_diag(7), in whatever network the script means.
package sock

import (
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

const about = "Asks the kernel about sockets: which there are, in which states, and what it knows of one connection."

// Plugin is the plugin.
func Plugin() plugins.Plugin {
	return plugins.Plugin{
		Name: "sock",
		Doc:  about,
		Modules: []lua.Module{{
			Name: "sock",
			Doc:  about,
			Funcs: []lua.Func{
				{
					Name: "list", Params: "options", Returns: "list of Socket | nil, err", Call: list,
					Doc: `Lists sockets as the kernel has them, TIME_WAIT and half-open ones included.

Each row is a Socket, a snapshot. Sockets that come or go while the kernel walks its table may be missing; none is
there twice.`,
					Example: listExample,
				},
				{
					Name: "states", Params: "options", Returns: "{ESTABLISHED = n, …} | nil, err", Call: states,
					Doc: `Counts sockets by state: every state is there, with 0 where there is none.

The filters are those of sock.list.`,
					Example: statesExample,
				},
				{
					Name: "info", Params: "conn", Returns: "TCPInfo | nil, err", Call: info,
					Doc: `Reads the kernel's TCP_INFO of a connection, by its field names without tcpi_.

Units are the kernel's: rtt, rto and min_rtt are microseconds, the last_… fields milliseconds.`,
					Example: infoExample,
				},
			},
			Types: []lua.Type{rowType(), {
				Name: "TCPInfo", Of: plugins.TCPInfo{},
				Doc: "What the kernel knows of a connection (struct tcp_info of linux/tcp.h).",
			}, {
				Name: "States", Of: States{},
				Doc: "Numbers of sockets by state.",
			}},
		}},
	}
}

const listExample = `local s = assert(server.start{model = "goroutine", handler = "echo"})
local rows = assert(sock.list{state = "listen", local_port = s.port})
print(#rows, rows[1].state, rows[1].local_addr == s.addr)  --> 1	LISTEN	true
for _, row in ipairs(assert(sock.list{port = s.port, process = 1e9})) do error("nobody has this pid") end`

const statesExample = `local s = assert(server.start{model = "goroutine", handler = "echo"})
local c = assert(client.dial(s.addr))
check.within(5, function()
    local n = assert(sock.states{port = s.port})
    return n.ESTABLISHED == 2, n
end)
local n = assert(sock.states{port = s.port})
print(n.LISTEN, n.TIME_WAIT)  --> 1	0`

const infoExample = `local s = assert(server.start{model = "goroutine", handler = "echo"})
local c = assert(client.dial(s.addr))
c:send("hello") assert(c:recv(5) == "hello")
local i = assert(sock.info(c))
print(i.state, i.bytes_received)  --> ESTABLISHED	5
assert(i.rtt > 0 and i.snd_cwnd > 0)`
