package handlers

import (
	"math/rand/v2"
	"net/netip"

	"github.com/nsh-lab/nsh/engines"
)

// service answers each datagram with one datagram, as inetd's services do; and as the careful inetds do it answers no
// other service. The sender's address of a datagram can be a lie, and two services that answer each other never end.
func service(answer func(data []byte) []byte) *engines.App {
	return &engines.App{Data: func(c *engines.Conn, data []byte) ([]byte, error) {
		if isService(c.PeerAddr(), c.LocalAddr()) {
			return nil, nil
		}
		return answer(data), nil
	}}
}

// isService says whether a peer looks like a service: its port is a reserved one, or it is this one.
func isService(peer, own netip.AddrPort) bool {
	return peer.Port() < 1024 || peer == own
}

func daytimeDatagram([]byte) []byte { return now() }

// chargenDatagram is RFC 864's: a random number, between 0 and 512, of characters.
func chargenDatagram() func([]byte) []byte {
	lines := pattern()
	return func([]byte) []byte { return lines[:rand.IntN(513)] }
}
