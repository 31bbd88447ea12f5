package rows

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/enginetest"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
	"github.com/nsh-lab/nsh/plugins/plugintest"
	"github.com/nsh-lab/nsh/plugins/server"
	"github.com/nsh-lab/nsh/plugins/std"
)

// apartApps are the Apps of the engines' suite in Lua, by the names that they have there. What a row wants to know they
// print; DATA is what it has them send.
var apartApps = map[string]string{
	"event echo": `on_data = function(conn, data) return data end,
  on_close = function(conn, err) print("ended", err and err.code or "-") end`,
	"linear echo": `handler = function(conn)
  while true do
    local data, err = conn:recv()
    if data then data, err = conn:send(data) end
    if not data then print("ended", err and err.code or "-") return end
  end
end`,
	"event fail": `on_data = function(conn, data) fail(data) return data end`,
	"linear fail": `handler = function(conn)
  for data in function() return conn:recv() end do fail(data) conn:send(data) end
end`,
	"pressure": `on_open = more, on_writable = more`,
	"graceful": `on_open = function(conn)
  assert(conn:send(DATA) == #DATA)
  conn:close()
  if pcall(conn.send, conn, DATA) then error("a send after the close was taken") end
  conn:close()
end`,
	"readable": `on_readable = function(conn)
  while true do
    local data, err = conn:recv(7)
    if not data then if err then print("empty", err.code) end return end
    conn:send(data)
  end
end`,
}

const apartHelpers = `local DATA = ...
local sent = 0
function fail(data)
  if data:sub(1, 5) == "error" then error("the handler was asked to fail") end
  if data:sub(1, 5) == "panic" then error("asked to panic") end
end
local function more(conn)
  while sent < #DATA do
    local n, err = conn:send(DATA:sub(sent + 1, sent + 100000))
    if not n then print("full", err.code) return end
    sent = sent + n
  end
  conn:close()
end
`

// TestConformanceOfIsolates runs the suite that the engines pass with handlers in Lua, each in a world of its own: of
// another process, or of a thread.
func TestConformanceOfIsolates(t *testing.T) {
	for options, p := range map[string]enginetest.Promise{
		`model = "process"`:                                               {Linear: true, Events: true, Crowd: 20, Is: enginetest.IsProcess},
		`model = "prefork", workers = 3`:                                  {Linear: true, Events: true, Crowd: 3, Is: enginetest.IsPrefork(3)},
		`model = "thread", isolate = true`:                                {Linear: true, Events: true, Crowd: 100, Is: enginetest.IsThread},
		`model = "threadpool", isolate = true, workers = 8`:               {Linear: true, Events: true, Crowd: 8, Is: enginetest.IsThreadPool(8)},
		`model = "epoll", isolate = true, workers = 3`:                    {Events: true, Crowd: 200, Is: enginetest.IsWorkersEpoll(3, 1)},
		`model = "epoll", isolate = true, workers = 3, reuse_port = true`: {Events: true, Crowd: 200, Is: enginetest.IsWorkersEpoll(3, 3)},
	} {
		p.Apart = true
		t.Run(options, func(t *testing.T) {
			enginetest.Run(t, p, func(ctx context.Context, app engines.App) (enginetest.Running, error) {
				return startIsolated(ctx, options+", ", app)
			})
		})
	}
}

// An isolated server belongs to a script.
type isolated struct {
	*server.Server
	world *lua.World
	once  sync.Once
}

// Stop stops the server, and ends the script.
func (s *isolated) Stop() error {
	err := s.Server.Stop()
	s.once.Do(s.world.Close)
	return err
}

func startIsolated(ctx context.Context, options string, app engines.App) (*isolated, error) {
	name := enginetest.AppName(app)
	set, err := plugins.NewSet(std.All()...)
	if err != nil {
		return nil, err
	}
	s := &isolated{}
	if s.world, err = lua.New(lua.Config{Modules: set.Modules(), Stdout: &heard{tell: app.Recipe.Heard}, Stderr: io.Discard}); err != nil {
		return nil, err
	}
	set.Attach(s.world)
	chunk, err := lua.Compile("row.lua", apartHelpers+"return assert(server.start{"+options+apartApps[name]+"})")
	if err != nil {
		return nil, err
	}
	out, err := s.world.Exec(ctx, chunk, string(enginetest.Data(name)))
	if err == nil && len(out) == 1 {
		if srv, ok := out[0].Object().(*server.Server); ok {
			s.Server = srv
			return s, nil
		}
	}
	s.world.Close()
	return nil, errors.Join(err, fmt.Errorf("the script gave %v", out))
}

// heard reads what handlers print, and tells the row.
type heard struct {
	tell func(kind byte, data []byte)
	mu   sync.Mutex
	rest string
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rest += string(p)
	for {
		line, rest, ok := strings.Cut(h.rest, "\n")
		if !ok {
			return len(p), nil
		}
		h.rest = rest
		if what, code, _ := strings.Cut(line, "\t"); h.tell != nil {
			kind, data := enginetest.Told(what, code)
			h.tell(kind, data)
		}
	}
}

// TestMain also plays the suite's clients in another process.
func TestMain(m *testing.M) {
	if code, ok := enginetest.Dispatch(os.Args[1:]); ok {
		os.Exit(code)
	}
	if len(os.Args) < 2 || !strings.HasPrefix(os.Args[1], plugins.RolePrefix) {
		enginetest.ChildrenEndAtOnce()
	}
	plugintest.Main(m, std.All()...)
}
