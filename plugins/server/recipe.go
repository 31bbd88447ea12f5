package server

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
	"github.com/nsh-lab/nsh/plugins"
)

// childRole is nsh as a process that serves a connection, or a listener, with handlers of a script's.
const childRole = "server-child"

// What a child tells its parent.
const (
	toldOutput  = 'o' // what was printed
	toldError   = 'e' // what was written to the standard error
	toldHandler = 'h' // a handler's error
	toldFailed  = 'x' // failed checks, a byte for each
)

// A setup is what a child learns before there is anything to do.
type setup struct {
	Native       bool // no Lua at all
	Script       string
	Args         []string
	JSON         bool
	Confine      bool
	Handed       bool // files are opened by another process, which knows nothing of this one
	LoopbackOnly bool
	Elsewhere    bool // the script's sockets are made in a laboratory, where the child cannot make any
}

// A packed is what a child gets with its connection: a native handler's name, or what a snapshot's functions are.
type packed struct {
	Handler string
	Roots   []string // names of options
	Style   show.Options
}

// recipe is how a child makes the handlers anew. It fails at once where they reach what cannot be copied: nobody wants
// to learn that from the first client.
func (o *options) recipe(env *lua.Env, model engines.Model) (*engines.Recipe, error) {
	r := &engines.Recipe{Args: []string{plugins.RolePrefix + childRole}}
	w := env.World()
	if name, ok := o.Handler.Text(); ok {
		if name == "echo" || name == "discard" {
			r.Bare = name
		}
		r.Setup, _ = json.Marshal(setup{Native: true})
		r.Pack = func() ([]byte, error) { return pack(packed{Handler: name}, nil) }
		return r, nil
	}
	roots, names, err := o.roots(env)
	if err != nil {
		return nil, err
	}
	if _, err := w.Freeze(roots...); err != nil {
		return nil, lua.Misusef(names[0], "the model '%s' runs handlers in processes of their own, with copies of what they reach: %s", model.Name, err)
	}
	cfg := w.Config()
	here, isHere := plugins.PlaceOf(env).(engines.Here)
	if r.Setup, err = json.Marshal(setup{Script: cfg.Script, Args: cfg.Args, JSON: cfg.JSON, Confine: cfg.Confine,
		Handed: cfg.Files != nil, LoopbackOnly: here.LoopbackOnly, Elsewhere: !isHere}); err != nil {
		return nil, err
	}
	warn := newReporter(w.Warn)
	r.Pack = func() ([]byte, error) {
		snapshot, err := w.Freeze(roots...)
		if err != nil {
			warn.text("handler: " + err.Error())
			return nil, err
		}
		p := packed{Roots: names}
		if cfg.Style != nil {
			p.Style = cfg.Style()
		}
		return pack(p, snapshot)
	}
	r.Heard = func(kind byte, data []byte) {
		switch kind {
		case toldOutput:
			w.Forward(string(data))
		case toldError:
			w.ForwardError(string(data))
		case toldHandler:
			warn.text(string(data))
		case toldFailed:
			w.AddFailures(len(data))
		}
	}
	return r, nil
}

// roots are the functions that the script gave, and the names of the options.
func (o *options) roots(env *lua.Env) (roots []lua.Root, names []string, err error) {
	add := func(name string, cb lua.Callback) {
		if !cb.IsNil() {
			roots, names = append(roots, lua.Root{Name: name, Fn: cb}), append(names, name)
		}
	}
	if !o.Handler.IsNil() {
		cb, err := o.Handler.Callback(env)
		if err != nil {
			return nil, nil, err
		}
		add("handler", cb)
	}
	add("on_open", o.OnOpen)
	add("on_data", o.OnData)
	add("on_readable", o.OnReadable)
	add("on_writable", o.OnWritable)
	add("on_close", o.OnClose)
	return roots, names, nil
}

// pack puts a header of one line before a snapshot.
func pack(p packed, snapshot []byte) ([]byte, error) {
	head, err := json.Marshal(p)
	return append(append(head, '\n'), snapshot...), err
}

func unpack(data []byte) (p packed, snapshot []byte, err error) {
	head, rest, ok := strings.Cut(string(data), "\n")
	if !ok {
		return p, nil, fmt.Errorf("what came from the parent is not complete")
	}
	return p, []byte(rest), json.Unmarshal([]byte(head), &p)
}
