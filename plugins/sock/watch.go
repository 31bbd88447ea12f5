package sock

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
	"github.com/nsh-lab/nsh/plugins/sock/trail"
)

// An ended Conn knows its two ends.
type ended interface {
	LocalAddr() netip.AddrPort
	PeerAddr() netip.AddrPort
}

type watchOptions struct {
	Port    int  `lua:"port" min:"1" max:"65535" help:"the server's port: every connection to it"`
	Conn    Conn `lua:"conn" help:"one connection, by either of its ends, instead of a port"`
	Packets bool `lua:"packets" help:"keep the packets, too: for ladder(), events() and save()"`
	everywhere
}

// A Watch follows the states of connections until it is stopped.
type Watch struct{ *recording }

// A recording is what Watch and Capture share: an observer, and the record that it fills.
type recording struct {
	what     string // "watch" or "capture"
	of       string // what it is about, in words
	record   *trail.Record
	observer *observer
	held     []*lua.Held
	once     sync.Once
	deaf     func() // ends the witness of calls
	pair     [2]netip.AddrPort
}

// watch begins to watch.
func watch(ctx context.Context, env *lua.Env, o watchOptions) (*Watch, error) {
	r := &recording{what: "watch"}
	ob := &observer{states: true}
	switch {
	case o.Conn != nil && o.Port != 0:
		return nil, lua.Misusef("port", "a port or a conn, not both")
	case o.Conn != nil:
		c, ok := o.Conn.(ended)
		if !ok || !c.LocalAddr().IsValid() || !c.PeerAddr().IsValid() {
			return nil, lua.Misusef("conn", "a TCP connection expected, got one without two addresses")
		}
		r.pair = [2]netip.AddrPort{unzoned(c.LocalAddr()), unzoned(c.PeerAddr())}
		r.of = r.pair[0].String() + " – " + r.pair[1].String()
		r.record = trail.New(0, o.Packets)
		ob.want = func(a, b netip.AddrPort) bool {
			return a == r.pair[0] && b == r.pair[1] || a == r.pair[1] && b == r.pair[0]
		}
		ob.query = netlink.Query{Port: r.pair[0].Port()}
	case o.Port != 0:
		port := uint16(o.Port)
		r.of = fmt.Sprintf("port %d", port)
		r.record = trail.New(port, o.Packets)
		ob.want = func(a, b netip.AddrPort) bool { return a.Port() == port || b.Port() == port }
		ob.query = netlink.Query{Port: port}
	default:
		return nil, lua.Misusef("port", "a port or a conn expected, got neither")
	}
	if o.Packets {
		ob.keep = keptFrame
	}
	if err := r.begin(ctx, env, ob, o.Places(env)); err != nil {
		return nil, err
	}
	return &Watch{r}, nil
}

// keptFrame is all of a frame.
const keptFrame = 1 << 18

func unzoned(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// begin starts the observer, and has it end with its scope and with the laboratories that it looks at.
func (r *recording) begin(ctx context.Context, env *lua.Env, ob *observer, places []engines.Place) error {
	r.observer = ob
	ob.record = r.record
	if err := ob.start(ctx, places); err != nil {
		return whyNot(r.what, err)
	}
	book := ledgerOf(env)
	book.add(r)
	stopCalls := env.World().OnCall(r.called)
	r.deaf = func() { stopCalls(); book.remove(r) }
	held := env.Own(r.what+" of "+r.of, r.halt)
	r.held = append(r.held, held)
	for _, place := range places {
		plugins.Keep(place, held)
	}
	return nil
}

// whyNot says in words what a refusal means.
func whyNot(what string, err error) error {
	var known *lua.Fault
	if errors.As(err, &known) && known.Op != "" {
		return err
	}
	f, ok := lua.NewFault(what, "", err).(*lua.Fault)
	if ok && f.Code == "EPERM" && known == nil {
		f.Message = "no right to receive packets here: a laboratory's hosts and the network of a script file give it; the prompt takes --private, or root"
	}
	return f
}

// halt ends it; what it has seen stays.
func (r *recording) halt() {
	r.once.Do(func() {
		r.observer.stop()
		r.deaf()
	})
}

// stop ends it by hand.
func (r *recording) stop(context.Context) {
	r.halt()
	for _, h := range r.held {
		h.Release()
	}
}

// called is told of every call of the script's, and notes those on connections that are meant.
func (r *recording) called(name string, self, result any, from, till time.Time) {
	c, ok := self.(ended)
	if !ok {
		if c, ok = result.(ended); !ok {
			return
		}
	}
	local, peer := unzoned(c.LocalAddr()), unzoned(c.PeerAddr())
	if !r.observer.want(local, peer) {
		return
	}
	r.record.Note(trail.Event{Time: from, Till: till, Kind: "call", Text: name, Local: local, Peer: peer})
}

// mark notes a text.
func (r *recording) mark(text string) { r.record.Mark(text, time.Now()) }

// fresh is the record, with what has happened by now.
func (r *recording) fresh(ctx context.Context) (*trail.Record, error) {
	return r.record, r.observer.look(ctx)
}

func (r *recording) String() string {
	state := ""
	if r.observer.isStopped() {
		state = " (stopped)"
	}
	return strings.ToUpper(r.what[:1]) + r.what[1:] + " of " + r.of + state
}

// source says what it can see, and what it cannot.
func (r *recording) source() string { return r.observer.source() }

// left is what there was no room for: packets that the kernel dropped before they were taken, and what the record has no
// place for.
func (r *recording) left() int { return r.record.Left() + int(r.observer.lost()) }

// A ledger is the recordings of a world that are under way: those that sock.mark means.
type ledger struct {
	mu   sync.Mutex
	open []*recording
}

func ledgerOf(env *lua.Env) *ledger {
	return lua.State(env.World(), func() *ledger { return &ledger{} })
}

func (l *ledger) add(r *recording) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, r)
}

func (l *ledger) remove(r *recording) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = slices.DeleteFunc(l.open, func(x *recording) bool { return x == r })
}

// mark notes a text in all of them, and says how many those are.
func mark(env *lua.Env, text string) int {
	l, now := ledgerOf(env), time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.open {
		r.record.Mark(text, now)
	}
	return len(l.open)
}
