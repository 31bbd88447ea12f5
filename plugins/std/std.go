// Package std is the one explicit list of what ships with nsh.
package std

import (
	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/coroutine"
	"github.com/nsh-lab/nsh/engines/epoll"
	"github.com/nsh-lab/nsh/engines/goroutine"
	"github.com/nsh-lab/nsh/engines/iterative"
	"github.com/nsh-lab/nsh/engines/poll"
	"github.com/nsh-lab/nsh/engines/prefork"
	"github.com/nsh-lab/nsh/engines/process"
	selectmodel "github.com/nsh-lab/nsh/engines/select"
	"github.com/nsh-lab/nsh/engines/thread"
	"github.com/nsh-lab/nsh/engines/threadpool"
	"github.com/nsh-lab/nsh/engines/uring"
	"github.com/nsh-lab/nsh/plugins"
	"github.com/nsh-lab/nsh/plugins/check"
	"github.com/nsh-lab/nsh/plugins/client"
	"github.com/nsh-lab/nsh/plugins/dns"
	"github.com/nsh-lab/nsh/plugins/lab"
	"github.com/nsh-lab/nsh/plugins/server"
	"github.com/nsh-lab/nsh/plugins/sock"
	"github.com/nsh-lab/nsh/plugins/sys"
	"github.com/nsh-lab/nsh/plugins/trace"
)

// All is every plugin that ships, in the order in which help lists them.
func All() []plugins.Plugin {
	return []plugins.Plugin{
		server.Plugin(),
		models(),
		client.Plugin(),
		sock.Plugin(),
		dns.Plugin(),
		lab.Plugin(),
		trace.Plugin(),
		sys.Plugin(),
		check.Plugin(),
	}
}

// models are the server models that ship, in the order in which a course meets them.
func models() plugins.Plugin {
	return plugins.Plugin{
		Name: "models", Doc: "The server models that ship.", Needs: []string{"server"},
		Models: []engines.Model{iterative.Model(), process.Model(), prefork.Model(), prefork.LoopModel(), thread.Model(), threadpool.Model(),
			selectmodel.Model(), poll.Model(), epoll.Model(), uring.Model(), coroutine.Model(), goroutine.Model()},
	}
}
