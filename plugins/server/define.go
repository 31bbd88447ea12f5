package server

import (
	"regexp"
	"strings"
	"sync"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// A definition is a model that a script has made.
type definition struct {
	name string
	defineOptions
}

// defineOptions are those of server.define.
type defineOptions struct {
	Style   string       `lua:"style,required" enum:"linear,event" help:"what run calls: handler(conn), once for each connection (linear), or handler.on_data(conn, data) and the like (event)"`
	About   string       `lua:"about" default:"a model written in Lua" help:"what it is, for server.models()"`
	Run     lua.Callback `lua:"run,required" help:"function(listener, handler): the engine, which returns when listener:accept() is nil, which is the stop"`
	AtOnce  int          `lua:"at_once" default:"0" min:"0" max:"100000" help:"how many connections it serves at once, for server.test; 0 is as many as come"`
	Replace bool         `lua:"replace" default:"false" help:"take the place of a model that was defined before; servers that run go on"`
}

// definitions are those of one world, in their order.
type definitions struct {
	mu   sync.Mutex
	list []*definition
}

func definitionsOf(w *lua.World) *definitions {
	return lua.State(w, func() *definitions { return &definitions{} })
}

var modelName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,39}$`) })

// define makes a model of a function. A name that is taken is refused: somebody would wonder which of the two ran.
func define(env *lua.Env, name string, o defineOptions) error {
	if !modelName().MatchString(name) {
		return lua.Misusef("name", "%.50q is no name for a model: a letter, then letters, digits, _ and -, up to 40 in all", name)
	}
	for _, m := range plugins.SetOf(env.World()).Models() {
		if strings.EqualFold(m.Name, name) {
			return lua.Misusef("name", "'%s' is one of nsh's own models; take another name, my-%s for one", m.Name, m.Name)
		}
	}
	ds := definitionsOf(env.World())
	ds.mu.Lock()
	defer ds.mu.Unlock()
	for i, d := range ds.list {
		switch {
		case d.name != name:
		case !o.Replace:
			return lua.Misusef("name", "'%s' is defined already (%s); replace = true takes its place", name, d.where())
		default:
			ds.list[i] = &definition{name, o}
			return nil
		}
	}
	ds.list = append(ds.list, &definition{name, o})
	return nil
}

// where is the script's line.
func (d *definition) where() string {
	if at := d.Run.Defined(); at != "" {
		return "run at " + at
	}
	return "run is no function of Lua's"
}

// model is the definition as the engine room sees it.
func (d *definition) model(w *lua.World) engines.Model {
	return engines.Model{
		Name: d.name, Style: d.Style, Linear: d.Style == "linear", About: d.About,
		New: func(engines.Options) (engines.Engine, error) { return newScriptEngine(d, w), nil },
	}
}

// modelsOf are all server models of a world: those of its set, and those that the script has defined.
func modelsOf(w *lua.World) []engines.Model {
	all := append([]engines.Model(nil), plugins.SetOf(w).Models()...)
	ds := definitionsOf(w)
	ds.mu.Lock()
	defer ds.mu.Unlock()
	for _, d := range ds.list {
		all = append(all, d.model(w))
	}
	return all
}

// definitionOf finds a model that the script has defined, or nil.
func definitionOf(w *lua.World, name string) *definition {
	ds := definitionsOf(w)
	ds.mu.Lock()
	defer ds.mu.Unlock()
	for _, d := range ds.list {
		if d.name == name {
			return d
		}
	}
	return nil
}

func defineFunc() lua.Func {
	return lua.Func{Name: "define", Params: "name, options", Call: define,
		Doc: `Makes a server model out of Lua code; server.start{model = name} runs it with every option that nsh's own models have.

run(listener, handler) is the engine. It accepts with listener:accept(), waits with sys.select, sys.poll or sys.epoll, for the listener and for connections, and returns when accept gives nil: the server stops, for which the listener becomes readable. What accept, conn:recv and conn:send do is counted in stats().

style = "linear": handler(conn) serves a connection from beginning to end and returns; accept waits. Call it directly, or in a fiber (fiber.spawn(handler, conn)), or in a coroutine: listener:on_wait says then what is done instead of waiting.

style = "event": nothing waits. accept and conn:recv are nil, EAGAIN where there is nothing. handler.on_open(conn) comes first, handler.on_data(conn, data) with what was received; a string that the script's function returns is queued. conn:wants() is what the connection is to be waited for: "IN", "OUT", "IN|OUT", or nil when it is over. When it can be written to, conn:flush() sends what is queued, and handler.on_writable(conn) lets a handler go on that was refused with EAGAIN. handler.on_close(conn) is the end: the script's on_close, and the descriptor. Where there is handler.on_readable, the handler receives for itself: call that and do not.

server.test(name) grades the engine. docs/models has four of them.`,
		Example: `local function engine(listener, handler)
  local conns, read = {}, handler.on_readable or function(conn)
    local data = conn:recv()
    if data then handler.on_data(conn, data) end
  end
  while true do
    local rows = {{listener, "IN"}}
    for conn in pairs(conns) do
      local events = conn:wants()
      if events then
        rows[#rows + 1] = {conn, events}
      else
        handler.on_close(conn)
        conns[conn] = nil
      end
    end
    for _, row in ipairs(sys.poll(rows)) do
      local conn = row.fd
      if conn == listener then
        local new, err = listener:accept()
        if not new and not err then return end  -- the stop
        if new then conns[new] = true handler.on_open(new) end
      else
        conn:flush()
        handler.on_writable(conn)
        read(conn)
      end
    end
  end
end
server.define("mine", {style = "event", run = engine})
local s = assert(server.start{model = "mine", handler = "echo"})
local c = assert(client.dial(s.addr))
c:send("hello")
print(c:recv(), s:stats().accepted)  --> hello	1`}
}

func listenerType() lua.Type {
	return lua.Type{
		Name: "Listener", Of: (*Listener)(nil),
		Doc: "What run of server.define accepts from. sys.select, sys.poll and sys.epoll take it as it is; they also return, with nothing ready, when a connection has changed without their seeing it, because another handler has sent on it or it was closed: then conn:wants() has another answer.",
		Methods: []lua.Func{
			{Name: "accept", Returns: "Conn | nil (stop) | nil, err", Call: (*Listener).accept,
				Doc: "Takes the next connection; nil alone is the stop, after which run returns. With style \"event\" it does not wait: nil, EAGAIN where there is none. With style \"linear\" it waits."},
			{Name: "fileno", Returns: "number", Call: (*Listener).fileno,
				Doc: "The file descriptor, which sys.select, sys.poll and sys.epoll take in place of the listener, too."},
			{Name: "changed", Returns: "list of Conn", Call: (*Listener).changed,
				Doc: "The connections that want something else than conn:wants() said last, or are over, each once: for an engine that has told the kernel what it waits for (epoll), to do so again before it waits. With listener:on_wait, those whose handlers are to go on and look."},
			{Name: "refuse", Params: "conn, why", Call: (*Listener).refuse,
				Doc: "Closes a connection that the engine cannot serve, and counts it in stats().errors with the reason."},
			{Name: "on_wait", Params: "f", Call: (*Listener).onWait,
				Doc: "Has f(what, events) called where accept, conn:recv and conn:send would wait, in the flow that waits: what is the connection, or the listener, events \"IN\", \"OUT\" or \"IN|OUT\". It returns when what is waited for may be there: a coroutine yields in it, and is resumed. Say it before the first accept."},
		},
	}
}

func handlerType() lua.Type {
	return lua.Type{Name: "Handler", Of: Handler{}, Strict: true,
		Doc: "What run of server.define calls, with style \"event\". An error in the script's function is counted and ends its connection, not the engine: conn:wants() is nil then."}
}
