// Package std is the one explicit list of what ships with nsh.
package std

import (
	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/epoll"
	"github.com/nsh-lab/nsh/engines/goroutine"
	"github.com/nsh-lab/nsh/plugins"
	"github.com/nsh-lab/nsh/plugins/client"
	"github.com/nsh-lab/nsh/plugins/server"
)

// All is every plugin that ships, in the order in which help lists them.
func All() []plugins.Plugin {
	return []plugins.Plugin{
		server.Plugin(),
		client.Plugin(),
		{Name: "models", Doc: "The server models that ship.", Needs: []string{"server"}, Models: []engines.Model{
			epoll.Model(), goroutine.Model(),
		}},
	}
}
