// Package plugins is the contract of what scripts see: a Plugin declares modules, server models and roles in one
// value, and a Set is the checked list of those that a shell is built from.
package plugins

import (
	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
)

// A Plugin is one capability. Everything about it is in this value; nothing registers itself.
type Plugin struct {
	Name    string
	Doc     string
	Needs   []string // names of plugins that must be in the same Set
	Modules []lua.Module
	Models  []engines.Model
	Roles   []engines.Role

	// SetRoles are roles that need the set that the program is built from.
	SetRoles []SetRole
}

// A SetRole is a Role whose process has a Lua world of the same plugins.
type SetRole struct {
	Name string
	Run  func(set *Set, args []string) int // the exit code
}
