// Package packet listens: it receives the frames that pass through the interfaces of one network, reads their headers,
// and writes them to files that tcpdump(8) and Wireshark know. It never sends, and has no code that builds a header.
//
//	socket.go   the packet socket: the one file that has to do with packet(7), receive only
//	decode.go   Ethernet, ARP, IPv4, IPv6, UDP and ICMP
//	tcp.go      TCP and its options
//	pcapng.go   the file format
package packet

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// A Packet is a frame whose headers have been read. What is not there is zero.
type Packet struct {
	Time    time.Time // with a monotonic part
	Dev     string    // the interface that it was seen on
	Loop    bool      // that is a loopback device: it was sent and received here
	Out     bool      // it was seen on its way out
	Size    int       // bytes of the whole frame
	Frame   []byte    // its beginning, as it was received
	Cut     bool      // a header was not all there, or said what cannot be
	Name    string    // what the innermost header that could be read is: "tcp", "udp", "icmp", "icmpv6", "arp", "ip", "ethernet"
	SrcMAC  [6]byte
	DstMAC  [6]byte
	VLAN    int // the tag's number; 0 is none
	Src     netip.AddrPort
	Dst     netip.AddrPort // ports only of TCP and UDP
	TTL     int
	ID      int // IPv4's identification
	Offset  int // of a fragment, in bytes
	More    bool
	Len     int // bytes of payload: of TCP's and UDP's data, or of what comes after the IP header
	TCP     TCP
	ICMP    [2]uint8 // type and code
	ARP     ARP
	Checked bool // the IPv4 header's checksum holds
}

// An ARP is what an ARP message says (RFC 826).
type ARP struct {
	Op                 int // 1 asks, 2 answers
	SenderIP, TargetIP netip.Addr
	SenderMAC          [6]byte
	TargetMAC          [6]byte
}

// IsTCP says whether it is a segment of TCP whose headers are whole.
func (p *Packet) IsTCP() bool { return p.Name == "tcp" && !p.Cut }

// HasPort says whether one of its ends has the port.
func (p *Packet) HasPort(port uint16) bool { return p.Src.Port() == port || p.Dst.Port() == port }

// From is where it comes from: an address with its port, without one, or an Ethernet address.
func (p *Packet) From() string { return endName(p.Src, p.SrcMAC) }

// To is where it goes.
func (p *Packet) To() string { return endName(p.Dst, p.DstMAC) }

func endName(addr netip.AddrPort, mac [6]byte) string {
	switch {
	case !addr.IsValid():
		return MAC(mac)
	case addr.Port() == 0:
		return addr.Addr().String()
	}
	return addr.String()
}

// Text is the packet in a few words, without its ends. Sequence numbers are as they are on the wire.
func (p *Packet) Text() string { return p.Words(p.TCP.Seq, p.TCP.Ack) }

// Words is Text with other numbers for seq and ack: relative ones.
func (p *Packet) Words(seq, ack uint32) string {
	var b strings.Builder
	switch p.Name {
	case "tcp":
		b.WriteString(p.TCP.words(seq, ack, p.Len))
	case "udp":
		fmt.Fprintf(&b, "UDP len=%d", p.Len)
	case "icmp", "icmpv6":
		b.WriteString(icmpWords(p.Name, p.ICMP))
	case "arp":
		if p.ARP.Op == 1 {
			fmt.Fprintf(&b, "ARP who has %s? tell %s", p.ARP.TargetIP, p.ARP.SenderIP)
		} else {
			fmt.Fprintf(&b, "ARP %s is at %s", p.ARP.SenderIP, MAC(p.ARP.SenderMAC))
		}
	default:
		fmt.Fprintf(&b, "%s len=%d", p.Name, p.Len)
	}
	if p.Offset > 0 || p.More {
		fmt.Fprintf(&b, " (fragment at %d)", p.Offset)
	}
	if p.Cut {
		b.WriteString(" (cut)")
	}
	return b.String()
}

// MAC is an Ethernet address as text.
func MAC(a [6]byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5])
}

// icmpWords names the messages that laboratories meet (RFC 792, RFC 4443, RFC 4861).
func icmpWords(name string, at [2]uint8) string {
	type message struct {
		v6   bool
		kind uint8
	}
	words := map[message]string{
		{false, 0}: "echo reply", {false, 3}: "unreachable", {false, 5}: "redirect", {false, 8}: "echo request", {false, 11}: "time exceeded",
		{true, 1}: "unreachable", {true, 2}: "packet too big", {true, 3}: "time exceeded", {true, 128}: "echo request", {true, 129}: "echo reply",
		{true, 133}: "router solicitation", {true, 134}: "router advertisement", {true, 135}: "neighbour solicitation",
		{true, 136}: "neighbour advertisement", {true, 143}: "listener report",
	}[message{name == "icmpv6", at[0]}]
	if words == "" {
		words = fmt.Sprintf("type %d", at[0])
	}
	if at[1] != 0 {
		words += fmt.Sprintf(" code %d", at[1])
	}
	return strings.ToUpper(name[:4]) + name[4:] + " " + words
}
