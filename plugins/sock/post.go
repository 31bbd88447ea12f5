package sock

import (
	"context"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/internal/packet"
	"golang.org/x/sys/unix"
)

// A post is one network under observation.
type post struct {
	name    string
	place   engines.Place
	diag    int // sock_diag, to ask one question after the other
	news    int // sock_diag, to hear of sockets that are freed; -1 where the kernel does not tell
	asker   *netlink.Asker
	packets *packet.Socket // nil without the right to
	refused error          // why
}

// open takes up a post. The right to receive packets is wanted, not needed.
func (o *observer) open(ctx context.Context, place engines.Place) (*post, error) {
	p := &post{name: placeName(place), place: place, diag: -1, news: -1}
	if err := engines.Ready(ctx, place); err != nil {
		return nil, err
	}
	if o.tracer == nil || o.keep > 0 { // the kernel tells more than packets do
		p.packets, p.refused = openPackets(place)
	}
	if p.refused != nil && !o.states {
		return nil, p.refused
	}
	if !o.states {
		return p, nil
	}
	var err error
	if p.diag, err = diag(ctx, place); err != nil {
		p.close()
		return nil, err
	}
	p.asker = netlink.NewAsker(p.diag)
	if p.news, err = diag(ctx, place); err == nil && netlink.HearDestroyed(p.news) != nil {
		unix.Close(p.news)
		p.news = -1
	}
	return p, nil
}

// openPackets begins to receive packets. In a network that is not the script's own, a script that is held to loopback
// addresses has no right to.
func openPackets(place engines.Place) (*packet.Socket, error) {
	if here, ok := place.(engines.Here); ok && here.LoopbackOnly {
		return nil, unix.EPERM
	}
	return packet.Open(place.Socket)
}

func (p *post) close() {
	for _, fd := range []int{p.diag, p.news} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	if p.packets != nil {
		p.packets.Close()
	}
}
