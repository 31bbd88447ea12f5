package plugins

import (
	"fmt"
	"strings"
	"sync"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
)

// A Set is a checked list of plugins: what a shell is built from.
type Set struct {
	plugins []Plugin
	models  []engines.Model
	index   func() (*lua.Index, error) // reads the declarations once
}

// NewSet checks plugins as a whole: no name twice, every need met. Their declarations are read when somebody asks for them:
// to read them all takes longer than a short script; see Check.
func NewSet(ps ...Plugin) (*Set, error) {
	s := &Set{plugins: ps}
	s.index = sync.OnceValues(func() (*lua.Index, error) { return lua.NewIndex(s.Modules()) })
	seen := map[string]string{}
	claim := func(kind, name, by string) error {
		if name == "" {
			return fmt.Errorf("plugin %s: a %s has no name", by, kind)
		}
		if other := seen[kind+" "+name]; other != "" {
			return fmt.Errorf("plugin %s: the %s %s is there already, from plugin %s", by, kind, name, other)
		}
		seen[kind+" "+name] = by
		return nil
	}
	for _, p := range ps {
		if err := claim("plugin", p.Name, p.Name); err != nil {
			return nil, err
		}
		if p.Doc == "" {
			return nil, fmt.Errorf("plugin %s has no Doc", p.Name)
		}
		for _, m := range p.Models {
			if err := claim("server model", m.Name, p.Name); err != nil {
				return nil, err
			}
			if m.About == "" || m.New == nil {
				return nil, fmt.Errorf("plugin %s: the model %s has no About or no New", p.Name, m.Name)
			}
			s.models = append(s.models, m)
		}
		for _, r := range roles(p) {
			if err := claim("role", r.Name, p.Name); err != nil {
				return nil, err
			}
		}
		for _, r := range p.SetRoles {
			if err := claim("role", r.Name, p.Name); err != nil {
				return nil, err
			}
		}
	}
	if err := s.needs(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Set) needs() error {
	have := map[string]bool{}
	for _, p := range s.plugins {
		have[p.Name] = true
	}
	for _, p := range s.plugins {
		for _, need := range p.Needs {
			if !have[need] {
				return fmt.Errorf("plugin %s needs plugin %s, which is not in the set", p.Name, need)
			}
		}
	}
	return nil
}

// Check compiles every signature, so that a declaration that is wrong or has no documentation is found now and not when a
// script calls it. The prompt does so, and every test that has a world of plugintest.
func (s *Set) Check() error {
	for _, m := range s.Modules() {
		if m.Name != "" && m.Doc == "" {
			return fmt.Errorf("module %s has no Doc", m.Name)
		}
	}
	_, err := s.index()
	return err
}

// Modules are all that the plugins declare.
func (s *Set) Modules() []lua.Module {
	var out []lua.Module
	for _, p := range s.plugins {
		out = append(out, p.Modules...)
	}
	return out
}

// Models are all server models, in the order of the list.
func (s *Set) Models() []engines.Model { return s.models }

// Index is the declarations, for help, completion and the reference. A declaration that is wrong, which Check tells, makes
// it panic.
func (s *Set) Index() *lua.Index {
	x, err := s.index()
	if err != nil {
		panic(err)
	}
	return x
}

// Attach tells a world which set it was built from.
func (s *Set) Attach(w *lua.World) { *lua.State(w, func() *Set { return &Set{} }) = *s }

// SetOf is the set that a world was built from.
func SetOf(w *lua.World) *Set { return lua.State(w, func() *Set { return &Set{} }) }

// RolePrefix marks the first argument when nsh starts itself again in a role.
const RolePrefix = engines.RolePrefix

// Role finds the role that a command line asks for: its first argument is RolePrefix and the name.
func (s *Set) Role(args []string) (run func() int, ok bool) {
	if len(args) == 0 || !strings.HasPrefix(args[0], RolePrefix) {
		return nil, false
	}
	name := strings.TrimPrefix(args[0], RolePrefix)
	for _, p := range s.plugins {
		for _, r := range roles(p) {
			if r.Name == name {
				return func() int { return r.Run(args[1:]) }, true
			}
		}
		for _, r := range p.SetRoles {
			if r.Name == name {
				return func() int { return r.Run(s, args[1:]) }, true
			}
		}
	}
	return nil, false
}

// roles are a plugin's own and those of its models.
func roles(p Plugin) []engines.Role {
	out := append([]engines.Role(nil), p.Roles...)
	for _, m := range p.Models {
		out = append(out, m.Roles...)
	}
	return out
}
