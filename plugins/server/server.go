// Package server lets scripts start servers: one word names the model, the same handler runs on every one.
package server

import (
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// Plugin declares server.*. The models are those of the whole set.
func Plugin() plugins.Plugin {
	return plugins.Plugin{
		Name:     "server",
		Doc:      "Servers of every concurrency model.",
		Roles:    suiteRoles(),
		SetRoles: []plugins.SetRole{{Name: childRole, Run: runChild}},
		Modules: []lua.Module{{
			Name: "server",
			Doc:  "Starts servers. The model is one word; the same handler runs on each, and only the way of waiting differs.",
			Funcs: []lua.Func{
				{Name: "start", Params: "options", Returns: "Server | nil, err", Call: start,
					Words: map[string]func(*lua.World) []string{"model": modelNames, "handler": handlerNames},
					Doc:   "Starts a server and returns at once; it ends with the script or session. A linear handler, function(conn), is one straight line per connection, and its return closes. Event handlers (on_open, on_data, …) are called when something happens; a string that on_open or on_data returns is sent. A native handler is a name from server.handlers(). With proto = \"udp\" a handler is called for each datagram, and conn stands for its sender. The models process, prefork and prefork-epoll run handlers in processes of their own, with copies of what they reach: made when the connection is accepted (process), or when the worker is started (prefork, prefork-epoll). isolate = true gives the threads of thread, threadpool and epoll with workers such copies in the script's own process. Nothing that a handler changes there comes back; what it prints does, and os.exit in it ends that process only: in a thread, the script.",
					Example: `local s = assert(server.start{model = "epoll", on_data = function(conn, data) return data:upper() end})
local c = assert(client.dial(s.addr))
c:send("hello")
print(c:recv())  --> HELLO`},
				defineFunc(),
				testFunc(),
				{Name: "models", Returns: "list of {name, style, about, available, why_not}", Call: models,
					Doc:     "Lists the server models, and which of them this machine can run.",
					Example: `for _, m in ipairs(server.models()) do assert(m.available or m.why_not) end`},
				{Name: "handlers", Returns: "list of {name, about}", Call: nativeHandlers,
					Doc:     "Lists the native handlers, written in Go.",
					Example: `for _, h in ipairs(server.handlers()) do io.write(h.name, " ") end print()  --> chargen daytime discard echo http`},
				compareFunc(),
			},
			Types: append([]lua.Type{serverType(), plugins.ConnType(), listenerType(), handlerType(), gradesType()}, compareTypes()...),
		}},
	}
}

func serverType() lua.Type {
	return lua.Type{
		Name: "Server", Of: (*Server)(nil), Doc: "A server at work, from server.start.",
		Fields: []lua.Field{
			{Name: "addr", Doc: "Where it listens, \"host:port\" or \"unix:/path\".", Get: func(s *Server) string { return s.Name() }},
			{Name: "port", Doc: "The port alone.", Get: func(s *Server) int { return int(s.Addr().Port()) }},
			{Name: "model", Doc: "Its model's name.", Get: func(s *Server) string { return s.Model() }},
			{Name: "ca", Doc: "With a certificate made on the spot, the authority that vouches for it, in PEM: for tls = {ca = s.ca} of client.dial, or curl --cacert.", Get: func(s *Server) string { return s.ca }},
			{Name: "proto", Doc: "\"tcp\", \"udp\" or \"unix\".", Get: func(s *Server) string { return s.Proto() }},
		},
		Methods: []lua.Func{
			{Name: "stats", Returns: "{accepted, active, closed, …}", Call: (*Server).stats,
				Doc: "What it has done and is doing. threads and processes are those alive now for connections; reasons says what the errors were."},
			{Name: "conns", Returns: "list of Conn", Call: (*Server).conns,
				Doc: "The open connections, oldest first. Those that a child process serves are not here."},
			{Name: "wait", Call: (*Server).wait,
				Doc: "Waits until the server has ended."},
			{Name: "stop", Call: (*Server).stop,
				Doc: "Ends it: when it returns nothing listens and every connection is closed. That takes less than a second."},
		},
	}
}

// A modelRow is one row of server.models().
type modelRow struct {
	Name      string `lua:"name"`
	Style     string `lua:"style"`
	About     string `lua:"about"`
	Available bool   `lua:"available"`
	WhyNot    string `lua:"why_not,omitempty"`
}

func models(env *lua.Env) []modelRow {
	var out []modelRow
	for _, m := range modelsOf(env.World()) {
		row := modelRow{Name: m.Name, Style: m.Style, About: m.About, Available: true}
		if m.Probe != nil {
			if err := m.Probe(); err != nil {
				row.Available, row.WhyNot = false, err.Error()
			}
		}
		out = append(out, row)
	}
	return out
}

func modelNames(w *lua.World) (names []string) {
	for _, m := range modelsOf(w) {
		names = append(names, m.Name)
	}
	return names
}
