package packet

import (
	"encoding/binary"
	"net/netip"
)

// Numbers of the headers (linux/if_ether.h, IANA's protocol numbers).
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherVLAN = 0x8100
	etherQinQ = 0x88a8
	etherIPv6 = 0x86dd

	protoICMP     = 1
	protoTCP      = 6
	protoUDP      = 17
	protoICMPv6   = 58
	nextHopByHop  = 0
	nextRouting   = 43
	nextFragment  = 44
	nextNothing   = 59
	nextDstOption = 60
)

// Decode reads the headers of p.Frame, an Ethernet frame of which the beginning may be all there is.
func Decode(p *Packet) {
	b := p.Frame
	p.Name = "ethernet"
	if len(b) < 14 {
		p.Cut = true
		return
	}
	copy(p.DstMAC[:], b)
	copy(p.SrcMAC[:], b[6:])
	kind, at := binary.BigEndian.Uint16(b[12:]), 14
	for (kind == etherVLAN || kind == etherQinQ) && len(b) >= at+4 {
		p.VLAN = int(binary.BigEndian.Uint16(b[at:]) & 0xfff)
		kind, at = binary.BigEndian.Uint16(b[at+2:]), at+4
	}
	b, p.Len = b[at:], max(p.Size-at, 0)
	switch kind {
	case etherIPv4:
		p.ipv4(b)
	case etherIPv6:
		p.ipv6(b)
	case etherARP:
		p.arp(b)
	}
}

// ports reads the two ports that TCP and UDP begin with.
func (p *Packet) ports(b []byte) {
	p.Src = netip.AddrPortFrom(p.Src.Addr(), binary.BigEndian.Uint16(b))
	p.Dst = netip.AddrPortFrom(p.Dst.Addr(), binary.BigEndian.Uint16(b[2:]))
}

func (p *Packet) ipv4(b []byte) {
	p.Name = "ip"
	if len(b) < 20 || b[0]>>4 != 4 {
		p.Cut = true
		return
	}
	size, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	p.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:16])), 0)
	p.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), 0)
	p.ID, p.TTL = int(binary.BigEndian.Uint16(b[4:])), int(b[8])
	part := binary.BigEndian.Uint16(b[6:])
	p.More, p.Offset = part&0x2000 != 0, int(part&0x1fff)*8
	if total == 0 { // a segment of 64 KiB and more that is not cut up yet
		total = p.Len
	}
	if size < 20 || size > len(b) || total < size {
		p.Cut = true
		return
	}
	p.Checked = checksum(b[:size])
	p.Len = total - size
	p.inner(int(b[9]), upTo(b[size:], p.Len), p.Len)
}

// checksum says whether the sum over a header is what it is to be (RFC 1071).
func checksum(b []byte) bool {
	sum := uint32(0)
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return sum == 0xffff
}

func (p *Packet) ipv6(b []byte) {
	p.Name = "ip"
	if len(b) < 40 || b[0]>>4 != 6 {
		p.Cut = true
		return
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n == 0 {
		n = max(p.Len-40, 0)
	}
	next := int(b[6])
	p.TTL = int(b[7])
	p.Src = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), 0)
	p.Dst = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[24:40])), 0)
	p.Len = n
	b = upTo(b[40:], n)
	for range 8 { // extension headers; more of them are nobody's
		size := 0
		switch next {
		case nextHopByHop, nextRouting, nextDstOption:
			if len(b) >= 2 {
				size = 8 + int(b[1])*8
			}
		case nextFragment:
			if len(b) >= 8 {
				size = 8
				part := binary.BigEndian.Uint16(b[2:])
				p.Offset, p.More = int(part&^7), part&1 != 0
			}
		default:
			p.inner(next, b, n)
			return
		}
		if size == 0 || size > len(b) {
			p.Cut = true
			return
		}
		next, b, n = int(b[0]), b[size:], n-size
		p.Len = n
	}
}

// inner reads what IP carries: n bytes, of which b are there. Only the first fragment has a header.
func (p *Packet) inner(proto int, b []byte, n int) {
	if p.Offset > 0 {
		return
	}
	switch proto {
	case protoTCP:
		p.tcp(b, n)
	case protoUDP:
		p.Name = "udp"
		if len(b) < 8 {
			p.Cut = true
			return
		}
		p.ports(b)
		p.Len = max(n-8, 0)
	case protoICMP, protoICMPv6:
		p.Name = "icmp"
		if proto == protoICMPv6 {
			p.Name = "icmpv6"
		}
		if len(b) < 4 {
			p.Cut = true
			return
		}
		p.ICMP = [2]uint8{b[0], b[1]}
	}
}

// arp reads a message about IPv4 over Ethernet; there is no other in use.
func (p *Packet) arp(b []byte) {
	p.Name = "arp"
	if len(b) < 28 || binary.BigEndian.Uint16(b[2:]) != etherIPv4 || b[4] != 6 || b[5] != 4 {
		p.Cut = true
		return
	}
	p.ARP.Op = int(binary.BigEndian.Uint16(b[6:]))
	copy(p.ARP.SenderMAC[:], b[8:])
	copy(p.ARP.TargetMAC[:], b[18:])
	p.ARP.SenderIP, p.ARP.TargetIP = netip.AddrFrom4([4]byte(b[14:18])), netip.AddrFrom4([4]byte(b[24:28]))
	p.Src, p.Dst = netip.AddrPortFrom(p.ARP.SenderIP, 0), netip.AddrPortFrom(p.ARP.TargetIP, 0)
}

// upTo leaves out what stands behind the n bytes: Ethernet pads short frames.
func upTo(b []byte, n int) []byte {
	if len(b) > n {
		return b[:n]
	}
	return b
}
