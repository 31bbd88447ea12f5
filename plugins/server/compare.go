package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/load"
	"github.com/nsh-lab/nsh/internal/raw"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
	"golang.org/x/sys/unix"
)

func compareTypes() []lua.Type {
	return []lua.Type{{
		Name: "ModelCosts", Of: ModelCosts{},
		Doc: "The table of server.compare: a list of ModelCost, in the order in which the models ran. It prints those that ran in columns, and says in words what the others could not do.",
	}, {
		Name: "ModelCost", Of: ModelCost{}, Strict: true,
		Doc: "One model under the load of server.compare.",
	}}
}

func compareFunc() lua.Func {
	return lua.Func{Name: "compare", Params: "options", Returns: "ModelCosts | nil, err", Call: compare,
		Words: map[string]func(*lua.World) []string{"handler": handlerNames},
		Doc: `Puts one handler on many models in turn, each under the same load, and makes one table of what it cost.

The load is a closed loop of n connections, as client.load has it, in this process, on a thread whose processor time is not
the server's. Before it, the n connections are opened, have one answer each and stay idle: that is when threads, processes,
descriptors and memory are counted. Give event handlers (on_data) to have every model run; a handler of function(conn) is
refused by those with one flow for all connections, and the table says so. busy(ms) and wait(ms) are what a handler can do
with its time: what computes and what waits come out quite differently.

Where the server and its clients are on one machine they share its processors, and the kernel does part of the receiver's
work in the sender's name: trust ratios within one table, and no digit of it alone. What else the script does meanwhile is
counted as the server's.`,
		Example: compareExample,
	}
}

const compareExample = `local t = server.compare{models = {"iterative", "coroutine"}, n = 20, seconds = 0.3,
  handler = function(conn)
    for line in function() return conn:recv("line") end do wait(10) conn:send(line .. "\n") end
  end}
print(t[1].model, t[1].answered, t[2].model, t[2].answered)  --> iterative	1	coroutine	20
assert(t[2].rate > 5 * t[1].rate)  -- one flow waits for one, twenty wait side by side`

// compare runs the models one after the other.
func compare(ctx context.Context, env *lua.Env, o compareOptions) (*ModelCosts, error) {
	models, err := o.models(env)
	if err != nil {
		return nil, err
	}
	request, err := plugins.Payload(o.Payload)
	switch {
	case err != nil:
		return nil, err
	case o.Limit < 10*time.Millisecond:
		return nil, lua.Misusef("seconds", "at least 0.01 expected, got %v", o.Limit.Seconds())
	case o.Timeout < time.Millisecond:
		return nil, lua.Misusef("timeout", "at least 0.001 expected, got %v", o.Timeout.Seconds())
	case o.Workers > 0 && !slices.ContainsFunc(models, func(m engines.Model) bool { return m.Workers > 0 }):
		return nil, lua.Misusef("workers", "none of these models has workers")
	}
	if o.Handler.IsNil() && o.OnData.IsNil() {
		o.Handler = lua.TextValue("echo")
	}
	if err := o.handles(env); err != nil {
		return nil, err
	}
	if err := plugins.Room("compare", o.N, 2); err != nil {
		return nil, err
	}
	out := &ModelCosts{}
	defer env.World().Status("")
	for i, m := range models {
		env.World().Status(fmt.Sprintf("server.compare: %s, %d of %d", m.Name, i+1, len(models)))
		row, err := o.row(ctx, env, m, request)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return nil, err
		}
		out.Rows = append(out.Rows, row)
	}
	if ctx.Err() != nil && len(out.Rows) > 0 {
		env.World().Warn("server.compare, as far as it got:\n" + out.text())
	}
	return out, ctx.Err()
}

// models are those that are asked for.
func (o *compareOptions) models(env *lua.Env) ([]engines.Model, error) {
	all := modelsOf(env.World())
	if o.Models == nil {
		return all, nil
	}
	if len(o.Models) == 0 {
		return nil, lua.Misusef("models", "is empty: name the models that are to run")
	}
	var out []engines.Model
	for _, name := range o.Models {
		m, err := (&options{Model: name}).model(env)
		if err != nil {
			var mis *lua.Misuse
			if errors.As(err, &mis) {
				mis.Arg = "models"
			}
			return nil, err
		}
		if slices.ContainsFunc(out, func(other engines.Model) bool { return other.Name == name }) {
			return nil, lua.Misusef("models", "%q is there twice", name)
		}
		out = append(out, m)
	}
	return out, nil
}

// options are those of the server of one model.
func (o *compareOptions) options(m engines.Model) options {
	s := options{Model: m.Name, Handler: o.Handler, OnData: o.OnData, Backlog: max(128, o.N), ReuseAddr: true, Reap: true,
		Trigger: "level", SendLimit: 1 << 20, Proto: "tcp", Where: o.Where}
	if m.Workers > 0 {
		s.Workers = o.Workers
	}
	if o.Isolate && m.Isolates {
		s.Isolate = &o.Isolate
	}
	return s
}

// handles makes sure that the handler is one, before any model is asked: a mistake in it is not a model's limit.
func (o *compareOptions) handles(env *lua.Env) error {
	scope := lua.NewScope(env.Scope().Context(), nil)
	defer scope.Close()
	s := o.options(engines.Model{})
	_, err := s.app(env, engines.Model{Linear: true}, scope)
	return err
}

// row runs one model. A model that cannot run is a row, too.
func (o *compareOptions) row(ctx context.Context, env *lua.Env, m engines.Model, request []byte) (ModelCost, error) {
	row := ModelCost{Model: m.Name, Connections: o.N, Errors: plugins.ErrorCounts{}}
	if m.Probe != nil {
		if err := m.Probe(); err != nil {
			row.Why = err.Error()
			return row, nil
		}
	}
	if _, native := o.Handler.Text(); !o.Handler.IsNil() && !native && !m.Linear {
		row.Why = "one flow for all connections: a function(conn) that waits would make everybody wait; on_data runs here, too"
		return row, nil
	}
	before := around()
	s, err := start(ctx, env, o.options(m))
	if err != nil {
		row.Why = reasonOf(err)
		return row, nil
	}
	defer s.scope.Close()
	err = o.measure(ctx, env, s, before, request, &row)
	return row, err
}

// reasonOf is an error in words, without the name of the option it is about.
func reasonOf(err error) string {
	var mis *lua.Misuse
	if errors.As(err, &mis) {
		return mis.Message
	}
	return err.Error()
}

// measure has the idle connections looked at, and then the load.
func (o *compareOptions) measure(ctx context.Context, env *lua.Env, s *Server, before surroundings, request []byte, row *ModelCost) error {
	place := o.Place(env)
	opener, err := engines.NewOpener(ctx, engines.DialOptions{Addr: s.Addr().String(), NoDelay: o.Mode != "churn", Place: place})
	if err != nil {
		return err
	}
	socket := opener.Socket
	if o.Mode == "churn" {
		opener.Spread()
	} else {
		socket = above(socket)
	}
	if err := idle(ctx, s, newClients(o.N, socket, opener.Name), before, request, row); err != nil {
		return err
	}
	cfg := load.Config{Socket: socket, To: opener.Name, Addr: opener.To, N: o.N, Depth: 1, Request: request,
		Limit: o.Limit, Timeout: o.Timeout, Threads: 1}
	if o.Mode == "churn" {
		cfg.Mode = load.Churn
	}
	var used load.Usage
	var calls int64
	cfg.Opened = func() { calls, used = s.Stats().Syscalls, before.used() }
	cfg.Ending = func() { used, calls = before.used().Less(used), s.Stats().Syscalls-calls }
	r, err := load.Run(ctx, cfg, func(f func(), failed func(error)) { lua.Go("server.compare", failed, f) })
	if err != nil {
		return err
	}
	row.Reasons = s.Stats().Reasons
	row.fill(r, used.Less(r.Used), calls)
	return nil
}

// low are the descriptors that the clients leave to the server: a model with a limit of its own at 1024 meets it for its own
// connections only.
const low = 2048

// above makes sockets whose descriptors lie above, as far as the process may have such.
func above(socket func() (int, error)) func() (int, error) {
	return func() (int, error) {
		fd, err := socket()
		if err != nil {
			return fd, err
		}
		if high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, low); err == nil {
			raw.Close(fd)
			return high, nil
		}
		return fd, nil
	}
}

// fill is what the load has found.
func (row *ModelCost) fill(r *load.Result, used load.Usage, calls int64) {
	row.Rate, row.P50, row.P99, row.Max = r.Rate(), r.Percentile(50), r.Percentile(99), r.Max()
	row.Requests, row.Failed, row.Answered, row.Errors = r.Requests, r.Failed, r.Answered, r.Errors
	if n := float64(r.Requests); n > 0 {
		row.CPU = max(0, used.CPU.Seconds()) / n * 1e6
		row.Switches = float64(max(0, used.Switches)) / n
		row.Syscalls = float64(calls) / n
	}
}
