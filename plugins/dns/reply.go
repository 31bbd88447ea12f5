package dns

import (
	"context"
	"encoding/binary"
	"net/netip"

	mdns "github.com/miekg/dns"
)

const (
	udpSize  = 512     // RFC 1035, section 2.3.4, for who says nothing about it
	ednsSize = 1232    // what this server offers to take: it fits any path without fragments
	tcpSize  = 1 << 16 // less one; the length before a message has two bytes
)

// A request is one query that came, and the reply that is made for it.
type request struct {
	query *mdns.Msg
	reply *mdns.Msg
	from  netip.AddrPort
	proto string // "udp" or "tcp"
}

// A responder fills in the reply of a request, whose question is one of class IN. It may take its time, and says whether
// there is to be an answer at all.
type responder func(ctx context.Context, r *request) bool

// respond answers one packet. The message is nil when there is nothing to say: to what is too short for a header, and to
// answers, since two servers that answer answers never stop. It is there without bytes when the responder wants it so.
func respond(ctx context.Context, packet []byte, from netip.AddrPort, tcp bool, fill responder) (*mdns.Msg, []byte) {
	if len(packet) < headerSize || binary.BigEndian.Uint16(packet[2:])&flagQR != 0 {
		return nil, nil
	}
	query := new(mdns.Msg)
	if query.Unpack(packet) != nil {
		return packed(formErr(packet), udpSize)
	}
	r := new(mdns.Msg).SetReply(query)
	size := udpSize
	if opt := query.IsEdns0(); opt != nil {
		size = max(size, int(opt.UDPSize()))
		r.SetEdns0(ednsSize, false)
		if opt.Version() != 0 {
			r.Rcode = mdns.RcodeBadVers
		}
	}
	proto := "udp"
	if tcp {
		size, proto = tcpSize-1, "tcp"
	}
	switch {
	case r.Rcode != mdns.RcodeSuccess:
	case query.Opcode != mdns.OpcodeQuery:
		r.Opcode, r.Rcode = query.Opcode, mdns.RcodeNotImplemented
	case len(query.Question) != 1:
		r.Rcode = mdns.RcodeFormatError
	case query.Question[0].Qclass != mdns.ClassINET && query.Question[0].Qclass != mdns.ClassANY:
		r.Rcode = mdns.RcodeRefused
	case query.Question[0].Qtype == mdns.TypeAXFR || query.Question[0].Qtype == mdns.TypeIXFR:
		r.Rcode = mdns.RcodeRefused
	case !fill(ctx, &request{query, r, from, proto}):
		return r, nil
	}
	return packed(r, size)
}

// packed cuts a message to the size, with TC set when records did not fit, and packs it. A message that cannot be
// packed becomes SERVFAIL: the server lives on whatever its zone holds.
func packed(r *mdns.Msg, size int) (*mdns.Msg, []byte) {
	r.Truncate(size)
	r.Compress = true // Truncate turns it off where it is not needed to fit
	wire, err := r.Pack()
	if err != nil {
		r.Answer, r.Ns, r.Extra = nil, nil, nil
		r.Rcode = mdns.RcodeServerFailure
		if wire, err = r.Pack(); err != nil {
			return nil, nil
		}
	}
	return r, wire
}

// formErr answers what has a header and cannot be read.
func formErr(packet []byte) *mdns.Msg {
	flags := binary.BigEndian.Uint16(packet[2:])
	r := new(mdns.Msg)
	r.Id = binary.BigEndian.Uint16(packet)
	r.Response = true
	r.Opcode = int(flags >> 11 & 0xF)
	r.RecursionDesired = flags>>8&1 != 0
	r.Rcode = mdns.RcodeFormatError
	return r
}
