package plugins

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
)

// An Inheritance is what a child process has of its parent's beside copies of what its functions reach: the script's
// name, and what a script may do.
type Inheritance struct {
	Script       string
	Args         []string
	JSON         bool
	Confine      bool
	Handed       bool // files are opened by another process, which knows nothing of this one
	LoopbackOnly bool
	Elsewhere    bool // the script's sockets are made in a laboratory, where the child cannot make any
}

// Inherit is what a child gets that is made by a call.
func Inherit(env *lua.Env) Inheritance {
	cfg := env.World().Config()
	here, isHere := PlaceOf(env).(engines.Here)
	return Inheritance{cfg.Script, cfg.Args, cfg.JSON, cfg.Confine, cfg.Files != nil, here.LoopbackOnly, !isHere}
}

// World makes the child's world. What it prints it tells its parent.
func (i Inheritance) World(set *Set, tell func(kind byte, data []byte), style func() show.Options) (*lua.World, error) {
	cfg := lua.Config{
		Modules: set.Modules(), Script: i.Script, Args: i.Args, JSON: i.JSON, Confine: i.Confine,
		Stdout: teller{tell, toldOutput}, Stderr: teller{tell, toldError},
		Style: style, Place: engines.Here{LoopbackOnly: i.LoopbackOnly},
	}
	if i.Elsewhere {
		cfg.Place = elsewhere{}
	}
	if i.Handed {
		cfg.Files = noFiles{}
	}
	w, err := lua.New(cfg)
	if err == nil {
		set.Attach(w)
	}
	return w, err
}

// What a child tells its parent of its world.
const (
	toldOutput = 'o' // what was printed
	toldError  = 'e' // what was written to the standard error
	toldFailed = 'x' // failed checks, a byte for each
)

// Hear does in the parent's world what a child has told of its own; false is something else.
func Hear(w *lua.World, kind byte, data []byte) bool {
	switch kind {
	case toldOutput:
		w.Forward(string(data))
	case toldError:
		w.ForwardError(string(data))
	case toldFailed:
		w.AddFailures(len(data))
	default:
		return false
	}
	return true
}

// TellEnd tells what is left to be told when a child's world has ended, and is the exit code that its script has given.
func TellEnd(w *lua.World, tell func(kind byte, data []byte)) int {
	if n := w.Failures(); n > 0 {
		tell(toldFailed, make([]byte, min(n, 1<<10)))
	}
	if exit := w.Exited(); exit != nil {
		return exit.Code
	}
	return 0
}

// A teller writes to the parent.
type teller struct {
	tell func(kind byte, data []byte)
	kind byte
}

func (t teller) Write(p []byte) (int, error) {
	t.tell(t.kind, p)
	return len(p), nil
}

var (
	errElsewhere = errors.New("a child process has the sockets of the laboratory that it was given, and can make no others there")
	errNoFiles   = errors.New("a child process opens no files of the script's; read them before it starts")
)

// elsewhere is the place of a child whose script is in a laboratory.
type elsewhere struct{}

func (elsewhere) Socket(int, int, int) (int, error) { return -1, errElsewhere }
func (elsewhere) Open(string) (*os.File, error)     { return nil, errElsewhere }
func (elsewhere) Allow(netip.Addr) error            { return fmt.Errorf("%w (%w)", errElsewhere, syscall.EACCES) }

// noFiles are those of a child whose parent has its own from elsewhere.
type noFiles struct{}

func (noFiles) Open(string, int) (*os.File, error) { return nil, errNoFiles }
