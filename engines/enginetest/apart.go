package enginetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"syscall"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/child"
	"golang.org/x/sys/unix"
)

// apartRole is the name under which the suite starts this program as a child of a server whose handlers run apart.
const apartRole = engines.RolePrefix + "enginetest-apart"

// What Apps apart tell of what the rows want to know. The name of an App is its Recipe.
const (
	toldEnd    = 'e' // how a connection ended: an errno in decimal
	toldFull   = 'f' // a Send was refused
	toldQueued = 'q' // so much is queued, in decimal
	toldEmpty  = 'a' // there was nothing to read
)

// kit is the Apps of the rows as the model can run them.
func (p Promise) kit(linear bool) kit {
	k, style := eventKit(), "event"
	if linear {
		k, style = linearKit(), "linear"
	}
	if !p.Apart {
		return k
	}
	echo := k.echo
	k.echo = func(ended func(error)) engines.App {
		return apart(echo(ended), style+" echo", func(kind byte, data []byte) {
			if kind == toldEnd && ended != nil {
				n, _ := strconv.Atoi(string(data))
				ended(asError(n))
			}
		})
	}
	k.fail = apart(k.fail, style+" fail", nil)
	return k
}

func asError(errno int) error {
	if errno == 0 {
		return nil
	}
	return syscall.Errno(errno)
}

// apart gives an App the Recipe by which a child makes it.
func apart(app engines.App, name string, heard func(kind byte, data []byte)) engines.App {
	app.Recipe = &engines.Recipe{Args: []string{apartRole}, Setup: []byte("the suite"),
		Pack: func() ([]byte, error) { return []byte(name), nil }, Heard: heard}
	return app
}

// AppName is the name of an App of the suite's that runs apart.
func AppName(app engines.App) string {
	name, _ := app.Recipe.Packed()
	return string(name)
}

// Data is what an App of that name sends.
func Data(name string) []byte {
	switch name {
	case "pressure":
		return pattern(pressureSize)
	case "graceful":
		return pattern(gracefulSize)
	}
	return nil
}

// Told is what an App would tell, for one that tells it in words: "ended" with the code of an errno, "full", "empty".
func Told(what, code string) (kind byte, data []byte) {
	switch what {
	case "ended":
		n := 0
		for n < 200 && unix.ErrnoName(syscall.Errno(n)) != code {
			n++
		}
		return toldEnd, strconv.AppendInt(nil, int64(n%200), 10)
	case "full":
		return toldFull, nil
	case "empty":
		return toldEmpty, nil
	}
	return 0, nil
}

// An apartMaker makes the Apps of the rows in a child.
type apartMaker struct {
	tell child.Tell
}

// Setup has nothing to do but to see that it is called.
func (m *apartMaker) Setup(data []byte, tell child.Tell) error {
	m.tell = tell
	if string(data) != "the suite" {
		return fmt.Errorf("the setup is %q", data)
	}
	return nil
}

// Make finds the App by its name.
func (m *apartMaker) Make(ctx context.Context, name []byte) (engines.App, error) {
	ended := func(err error) {
		var errno syscall.Errno
		errors.As(err, &errno)
		m.tell(toldEnd, strconv.AppendInt(nil, int64(errno), 10))
	}
	switch string(name) {
	case "event echo":
		return eventKit().echo(ended), nil
	case "event fail":
		return eventKit().fail, nil
	case "linear echo":
		return linearKit().echo(ended), nil
	case "linear fail":
		return linearKit().fail, nil
	case "pressure":
		return pressureApp(ctx, func() { m.tell(toldFull, nil) },
			func(n int) { m.tell(toldQueued, strconv.AppendInt(nil, int64(n), 10)) }), nil
	case "graceful":
		return gracefulApp(ctx), nil
	case "readable":
		return readableApp(ctx, func() { m.tell(toldEmpty, nil) }), nil
	}
	return engines.App{}, fmt.Errorf("the suite has no App %q", name)
}

func (*apartMaker) Over() bool { return false }

func (*apartMaker) Code() int { return 0 }

// counted hears how often something was told.
func counted(kind byte, n *atomic.Int64) func(byte, []byte) {
	return func(k byte, _ []byte) {
		if k == kind {
			n.Add(1)
		}
	}
}

// BareRows are the rows for native handlers that run in a child of fork without exec: nothing there could tell a row
// anything, so they see less.
func BareRows(p Promise) []Row {
	p.Apart = true
	bare := bareKit()
	row := func(f func(context.Context, Starter, kit) error) func(context.Context, Starter) error {
		return func(ctx context.Context, start Starter) error { return f(ctx, start, bare) }
	}
	return []Row{
		{"echo", "what is sent comes back, small and large", row(echoRow)},
		{"crowd", "many connections from another process are open at once, and all are served", row(crowd(p.Crowd))},
		{"half-close", "a client that has ended its direction still gets all of its answer", row(halfCloseRow)},
		{"slow reader", "a client that never reads costs bounded memory and holds up nobody else", row(slowReader(p))},
		{"reset", "a reset by the peer ends one connection and is counted as ECONNRESET", row(resetRow)},
		{"8 MiB", "8 MiB written in uneven pieces come back intact", row(largeRow)},
		{"stop", "a stop closes the listener and every connection, in under a second", row(stopRow(p))},
		{"nothing left", "descriptors, goroutines, threads and children are back to where they were", row(leftRow(p))},
		{"collections", "garbage collections get through while the server sleeps and while it works", row(collectionsRow)},
		{"is what it says", "seen from outside, the model is what its name says", p.Is},
	}
}

func bareKit() kit {
	return kit{mute: true, echo: func(func(error)) engines.App {
		app := eventKit().echo(nil)
		app.Recipe = &engines.Recipe{Bare: "echo"}
		return app
	}}
}
