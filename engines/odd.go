package engines

import (
	"net/netip"
)

// odd is what a connection has that is no plain TCP connection; most have none. It never changes: a change is a new one.
type odd struct {
	tls   *secure
	proto string // "udp" or "unix"
	local string // of a unix socket, "unix:/path"
	peer  string
}

// Proto is "tcp", "udp" or "unix".
func (c *Conn) Proto() string {
	if c.gram != nil {
		return "udp"
	}
	if o := c.odd.Load(); o != nil && o.proto != "" {
		return o.proto
	}
	return "tcp"
}

// isDatagram says whether what is received comes in datagrams, of which an empty one is no end.
func (c *Conn) isDatagram() bool {
	o := c.odd.Load()
	return o != nil && o.proto == "udp"
}

// PeerName is the other end's address as scripts write it.
func (c *Conn) PeerName() string {
	if o := c.odd.Load(); o != nil && o.proto == "unix" {
		return o.peer
	}
	return c.peer.String()
}

// LocalName is this end's.
func (c *Conn) LocalName() string {
	if o := c.odd.Load(); o != nil && o.proto == "unix" {
		return o.local
	}
	if at := c.LocalAddr(); at != (netip.AddrPort{}) {
		return at.String()
	}
	return ""
}

// Tied says whether the connection has a socket of its own, which a datagram that a server has received does not.
func (c *Conn) Tied() bool { return c.gram == nil }
