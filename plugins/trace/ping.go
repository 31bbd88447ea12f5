package trace

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
	"golang.org/x/sys/unix"
)

type pingOptions struct {
	N        int           `lua:"n" default:"4" min:"1" max:"100000" help:"how many requests"`
	TTL      int           `lua:"ttl" default:"0" min:"0" max:"255" help:"the TTL to send with; 0 is the kernel's, 64"`
	Size     int           `lua:"size" default:"56" min:"0" max:"65507" help:"bytes of data in each request"`
	Interval time.Duration `lua:"interval" default:"0.2s" help:"seconds from one request to the next"`
	Timeout  time.Duration `lua:"timeout" default:"1s" help:"seconds to wait for each answer"`
	plugins.Where
}

// Echoes are the answers to echo requests.
type Echoes struct {
	List []Echo `lua:",list" help:"{seq, addr, ttl, seconds, code}"`
}

// An Echo is what became of one request.
type Echo struct {
	Seq  int            `lua:"seq" help:"its number, from 1"`
	Addr *string        `lua:"addr" help:"who answered; nil where nobody did"`
	TTL  *int           `lua:"ttl" help:"what was left of the answer's TTL"`
	Took *time.Duration `lua:"seconds" help:"how long the answer took; nil without one"`
	Code *string        `lua:"code" help:"what was said instead: \"TIME_EXCEEDED\", \"EHOSTUNREACH\", …"`
}

// An EchoSummary is what came of all of them.
type EchoSummary struct {
	To       string         `lua:"to" help:"the address that was asked"`
	Sent     int            `lua:"sent" help:"requests"`
	Received int            `lua:"received" help:"answers"`
	Loss     float64        `lua:"loss" help:"the share that was not answered, from 0 to 1"`
	Min      *time.Duration `lua:"min" help:"seconds of the quickest answer"`
	Avg      *time.Duration `lua:"avg" help:"seconds on average"`
	Max      *time.Duration `lua:"max" help:"seconds of the slowest answer"`
}

// String is what ping prints at its end.
func (s EchoSummary) String() string {
	text := fmt.Sprintf("%s: %d sent, %d received, %.0f %% lost", s.To, s.Sent, s.Received, s.Loss*100)
	if s.Min != nil && s.Avg != nil && s.Max != nil {
		text += fmt.Sprintf("; min/avg/max %.3f/%.3f/%.3f ms", s.Min.Seconds()*1000, s.Avg.Seconds()*1000, s.Max.Seconds()*1000)
	}
	return text
}

// Show prints it as ping does.
func (s EchoSummary) Show() any { return s.String() }

func ping(ctx context.Context, env *lua.Env, to string, o pingOptions) (lua.Results, error) {
	place := o.Place(env)
	during, end := plugins.During(ctx, place, "ping", to)
	echoes, summary, err := o.ping(during, place, to)
	if err = end(err); err != nil {
		return nil, plugins.Fault("ping", to, err)
	}
	return lua.Results{echoes, summary}, nil
}

func (o pingOptions) ping(ctx context.Context, place engines.Place, to string) (*Echoes, *EchoSummary, error) {
	addr, err := resolve(ctx, place, to)
	if err != nil {
		return nil, nil, err
	}
	proto := unix.IPPROTO_ICMP
	if addr.Is6() {
		proto = unix.IPPROTO_ICMPV6
	}
	p, err := newProbe(place, proto, netip.AddrPortFrom(addr, 0), o.TTL)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return nil, nil, &lua.Fault{Op: "ping", Addr: to, Code: "EACCES", Err: err,
			Message: "net.ipv4.ping_group_range does not let this group send echo requests (icmp(7))"}
	}
	if err != nil {
		return nil, nil, err
	}
	defer p.close()
	r := &round{probe: p, options: o, echoes: make([]Echo, o.N), sent: make([]time.Time, o.N)}
	if err := r.run(ctx); err != nil {
		return nil, nil, err
	}
	return &Echoes{r.echoes}, r.summary(addr), nil
}

// timeExceeded is what RFC 792 calls it. The kernel's EHOSTUNREACH does not tell it from a host that is not there.
const timeExceeded = "TIME_EXCEEDED"

// A round is one call of ping.
type round struct {
	probe   *probe
	options pingOptions
	echoes  []Echo
	sent    []time.Time
}

// run sends the requests one after the other. What is late is still heard while a later one is waited for.
func (r *round) run(ctx context.Context) error {
	for i := range r.echoes {
		r.echoes[i].Seq = i + 1
		r.sent[i] = time.Now()
		if err := r.probe.send(r.request(i)); err != nil {
			return err
		}
		for !r.settled(i) && time.Since(r.sent[i]) < r.options.Timeout {
			h, err := r.probe.hear(ctx, r.sent[i].Add(r.options.Timeout))
			if err != nil {
				return err
			}
			r.take(i, h)
		}
		if i+1 < len(r.echoes) {
			select {
			case <-time.After(time.Until(r.sent[i].Add(r.options.Interval))):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

func (r *round) settled(i int) bool { return r.echoes[i].Took != nil || r.echoes[i].Code != nil }

// request is an echo request (RFC 792, RFC 4443); the kernel fills in the identifier and the checksum.
func (r *round) request(i int) []byte {
	const echo4, echo6 = 8, 128
	b := make([]byte, 8+r.options.Size)
	b[0] = echo4
	if r.probe.v6 {
		b[0] = echo6
	}
	binary.BigEndian.PutUint16(b[6:], uint16(i+1))
	for n := range b[8:] {
		b[8+n] = byte(n)
	}
	return b
}

// take files what was heard under its request; now is the one that is waited for.
func (r *round) take(now int, h *heard) {
	if h == nil {
		return
	}
	i := now
	if len(h.data) >= 8 {
		// Sequence numbers have 16 bits: it is the newest request with that one.
		seq := int(binary.BigEndian.Uint16(h.data[6:]))
		if i = now + 1 - ((now+1)-seq)&0xffff; i < 1 {
			return
		}
		i--
	}
	e := &r.echoes[i]
	if r.settled(i) {
		return // a duplicate
	}
	if h.from.IsValid() {
		from := h.from.WithZone("").String()
		e.Addr = &from
	}
	if h.errno != 0 {
		code := codeOf(h.errno)
		if h.passed {
			code = timeExceeded
		}
		e.Code = &code
		return
	}
	took := h.at.Sub(r.sent[i]).Round(time.Microsecond)
	e.TTL, e.Took = &h.ttl, &took
}

func (r *round) summary(to netip.Addr) *EchoSummary {
	s := &EchoSummary{To: to.String(), Sent: len(r.echoes)}
	var total time.Duration
	for _, e := range r.echoes {
		if e.Took == nil {
			continue
		}
		s.Received++
		total += *e.Took
		if s.Min == nil || *e.Took < *s.Min {
			s.Min = e.Took
		}
		if s.Max == nil || *e.Took > *s.Max {
			s.Max = e.Took
		}
	}
	s.Loss = float64(s.Sent-s.Received) / float64(s.Sent)
	if s.Received > 0 {
		avg := total / time.Duration(s.Received)
		s.Avg = &avg
	}
	return s
}
