package server

import (
	"time"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// compareOptions are those of server.compare.
type compareOptions struct {
	Models  []string      `lua:"models" help:"which models, in this order; every one of server.models() when absent"`
	Handler lua.Value     `lua:"handler" help:"as for server.start: a native handler's name, or function(conn); \"echo\" when nothing else is given"`
	OnData  lua.Callback  `lua:"on_data" help:"as for server.start: function(conn, data), which runs on every model; a string it returns is sent"`
	N       int           `lua:"n" default:"64" min:"1" max:"10000" help:"how many connections"`
	Limit   time.Duration `lua:"seconds" default:"1s" help:"how long each model is under load"`
	Payload lua.Value     `lua:"payload" help:"what each request sends, and waits to get back as many bytes of: a string, or so many bytes (64 when absent), the last of which ends a line"`
	Mode    string        `lua:"mode" default:"echo" enum:"echo,churn" help:"\"echo\": connections stay open; \"churn\": each request has a connection of its own"`
	Timeout time.Duration `lua:"timeout" default:"5s" help:"seconds to wait for a connection, and for an answer"`
	Workers int           `lua:"workers" min:"1" max:"256" help:"for the models that have workers: how many; the model's own number when absent"`
	Isolate bool          `lua:"isolate" default:"false" help:"for the models that can: threads have Lua worlds of their own"`
	plugins.Where
}

// A ModelCost is one model under the load: a row of server.compare's table.
type ModelCost struct {
	Model       string  `lua:"model" help:"the model's name"`
	Why         string  `lua:"why,omitempty" help:"why it could not run here, or not with this handler; the numbers are 0 then"`
	Rate        float64 `lua:"rate" help:"answers a second"`
	P50         float64 `lua:"p50" help:"the median latency, in seconds"`
	P99         float64 `lua:"p99" help:"the latency that 99 % of the answers did not exceed, in seconds"`
	Max         float64 `lua:"max" help:"the longest latency, in seconds"`
	CPU         float64 `lua:"cpu" help:"processor seconds that the server used for a million requests: all that this process used under load but for the load's own threads, and all that the server's children used"`
	Syscalls    float64 `lua:"syscalls" help:"system calls for a request, as stats() counts them: those that nsh makes for connections, not those of Go's own poller (on goroutine)"`
	Switches    float64 `lua:"switches" help:"context switches for a request, voluntary and not, of the same threads and children as cpu"`
	Threads     int64   `lua:"threads" help:"threads that stand for connections, with all of them open and idle, as stats() has it; 0 where they share the loop's"`
	Processes   int64   `lua:"processes" help:"child processes, likewise"`
	Descriptors int64   `lua:"descriptors" help:"descriptors that the server and its children have open then, beside those that were open before"`
	Memory      float64 `lua:"memory" help:"user-space bytes for a connection that is open, has had an answer and is idle: of this process's heap and stacks after a collection, and of its children what no other process has mapped"`
	Requests    int64   `lua:"requests" help:"how many were answered"`
	Failed      int64   `lua:"failed" help:"how many failed"`
	Connections int     `lua:"connections" help:"how many there were"`
	Answered    int     `lua:"answered" help:"on how many of them there was an answer at all"`

	Errors  plugins.ErrorCounts `lua:"errors" help:"what failed, by code"`
	Reasons map[string]int64    `lua:"reasons" help:"the server's own errors in words, as in stats().reasons"`
}

// ModelCosts are the table.
type ModelCosts struct {
	Rows []ModelCost `lua:",list" help:"a ModelCost for each model, in the order in which they ran"`
}
