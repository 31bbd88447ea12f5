// Package engines is the contract of nsh's server models, and what they all share: the listener that is bound before
// an engine sees it, the connections, the counters. Engines differ only in how they wait; that is what nsh teaches.
package engines

import (
	"context"
	"net/netip"
	"os"
)

// An Engine serves one listener in its own way.
type Engine interface {
	// Serve returns when ctx has ended and every connection is closed.
	Serve(ctx context.Context, ln *Listener, app App) error
}

// An App is what a server does with its connections, in one of two styles. A linear one has only Linear: one straight
// line per connection, whose return closes it. An event one has any of the others; a nil callback costs nothing.
//
// A callback that returns an error, or panics, closes its connection with that error; the server goes on.
//
// A datagram server has Data, called for each datagram, whose reply is one datagram back, even an empty one, unless it
// is nil; or Linear, a straight line for each datagram. There is nothing to open or close, and nothing is queued.
type App struct {
	Linear func(ctx context.Context, c *Conn) error

	Open     func(c *Conn) (reply []byte, err error)
	Data     func(c *Conn, data []byte) (reply []byte, err error) // data is valid only during the call
	Readable func(c *Conn) error                                  // instead of Data: nothing has been read; call c.Read
	Writable func(c *Conn) error                                  // there is room again after Send said EAGAIN
	Close    func(c *Conn, err error) error                       // err is nil for an orderly end; the result is counted

	Forgets bool // it keeps no Conn beyond its callbacks, so that an event loop may give one to another connection

	Recipe *Recipe // how a process of its own, or a thread's isolate, makes the same App; nil where it cannot
}

// IsLinear says whether the App is one straight line per connection.
func (a App) IsLinear() bool { return a.Linear != nil }

// A Place is where sockets are made: here, or a host of a laboratory. A socket belongs to the network namespace in
// which it was created, whoever uses it afterwards, so everything that opens one takes a Place.
type Place interface {
	Socket(family, typ, proto int) (fd int, err error) // close-on-exec and non-blocking
	Open(path string) (*os.File, error)                // a file under /proc/net or /proc/sys/net
	Allow(addr netip.Addr) error                       // nil when scripts may use the address from here
}

// A Host is a Place with addresses and names of its own: a laboratory's host. Where the machine itself is the place,
// these are the system's.
type Host interface {
	Place
	Ready(ctx context.Context) error                               // waits until it is there; Socket and Open would wait without an end
	Home() (netip.Addr, bool)                                      // where a server listens when nothing else is said
	Lookup(ctx context.Context, name string) ([]netip.Addr, error) // what a name means there
	Resolver() string                                              // the name server that it asks, "host" or "host:port"; "" is none
}

// A Model is a kind of engine, by its name.
type Model struct {
	Name   string
	Style  string // "linear" or "event": how the model itself is built
	Linear bool   // it gives a connection a flow of its own, so that linear handlers can run
	About  string

	Workers    int  // how many it has when nobody says; 0 for a model without workers
	MaxWorkers int  // as many as it may have
	Edge       bool // it can wait for edges: Options.Trigger
	Datagrams  bool // it serves UDP, too: Config.Proto
	Apart      bool // handlers run in processes of their own, made of the App's Recipe
	Isolates   bool // it has threads that can run handlers in isolates, made of the App's Recipe

	New   func(Options) (Engine, error)
	Probe func() error // why this machine cannot run it; nil when it can
	Roles []Role
}

// Options are what a Model is made with.
type Options struct {
	Workers   int    // 0 is the model's own number
	Trigger   string // "level" or "edge"; "" is "level"
	SendLimit int    // bytes that may wait in a connection's output queue
	Isolate   bool   // threads run handlers in isolates, made of the App's Recipe

	// Two famous mistakes, for lessons; only a model that is Apart has them.
	KeepParentCopy bool // the parent does not close its copy of a connection that a child serves
	LeaveZombies   bool // children that have ended are not waited for until the server stops
}

// A Role is something nsh does when it is started again by itself: a worker, a laboratory's process. It is named by
// the first argument and is dispatched before anything else is built.
type Role struct {
	Name string
	Run  func(args []string) int // the exit code
}

// RolePrefix marks the first argument when nsh starts itself again in a role.
const RolePrefix = "nsh-role:"
