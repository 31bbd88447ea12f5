package sock

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins/sock/trail"
)

type captureOptions struct {
	Port int `lua:"port" min:"1" max:"65535" help:"TCP and UDP with this port at either end; without it everything"`
	Snap int `lua:"snap" default:"262144" min:"0" max:"262144" help:"bytes of each frame to keep; 0 keeps the headers' meaning only"`
	everywhere
}

// A Capture receives packets until it is stopped.
type Capture struct{ *recording }

// capture begins to receive.
func capture(ctx context.Context, env *lua.Env, o captureOptions) (*Capture, error) {
	r := &recording{what: "capture", of: "everything", record: trail.NewPackets()}
	ob := &observer{keep: o.Snap, want: func(a, b netip.AddrPort) bool { return true }}
	if port := uint16(o.Port); port != 0 {
		r.of = fmt.Sprintf("port %d", port)
		ob.want = func(a, b netip.AddrPort) bool { return a.Port() == port || b.Port() == port }
	}
	if err := r.begin(ctx, env, ob, o.Places(env)); err != nil {
		return nil, err
	}
	return &Capture{r}, nil
}

// A Packet is a packet as scripts have it; its fields are made when they are touched.
type Packet struct {
	e     trail.Event
	event *Event
}

// field is an Event's field of the packet.
func field[T any](get func(*Event) T) func(*Packet) T {
	return func(p *Packet) T {
		if p.event == nil {
			made := newEvent(&p.e)
			p.event = &made
		}
		return get(p.event)
	}
}

// packets are those that have come, in the order of their time.
func (c *Capture) packets(ctx context.Context) ([]*Packet, error) {
	rec, err := c.fresh(ctx)
	if err != nil {
		return nil, err
	}
	all := rec.PacketEvents()
	rows := make([]Packet, len(all))
	out := make([]*Packet, len(all))
	for i := range all {
		rows[i].e = all[i]
		out[i] = &rows[i]
	}
	return out, nil
}
