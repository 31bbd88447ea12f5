package tracefs

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/nsh-lab/nsh/internal/netlink"
)

// A Change is what one line tells.
type Change struct {
	Clock       time.Duration // CLOCK_MONOTONIC
	Local, Peer netip.AddrPort
	From, To    netlink.State
}

// Parse reads a line of the trace. ok is false for what tells of no TCP socket.
func Parse(line string) (c Change, ok bool) {
	head, rest, ok := strings.Cut(line, ": inet_sock_set_state: ")
	if !ok {
		return c, false
	}
	at := head[strings.LastIndexByte(head, ' ')+1:]
	seconds, err := strconv.ParseFloat(at, 64)
	if err != nil {
		return c, false
	}
	c.Clock = time.Duration(seconds*1e6) * time.Microsecond
	fields := map[string]string{}
	for _, f := range strings.Fields(rest) {
		name, value, _ := strings.Cut(f, "=")
		fields[name] = value
	}
	if fields["protocol"] != "IPPROTO_TCP" {
		return c, false
	}
	suffix := ""
	if fields["family"] == "AF_INET6" {
		suffix = "v6"
	}
	var okLocal, okPeer, okFrom, okTo bool
	c.Local, okLocal = end(fields["saddr"+suffix], fields["sport"])
	c.Peer, okPeer = end(fields["daddr"+suffix], fields["dport"])
	c.From, okFrom = state(fields["oldstate"])
	c.To, okTo = state(fields["newstate"])
	return c, okLocal && okPeer && okFrom && okTo
}

func end(addr, port string) (netip.AddrPort, bool) {
	ip, err := netip.ParseAddr(addr)
	n, err2 := strconv.ParseUint(port, 10, 16)
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), err == nil && err2 == nil
}

func state(name string) (netlink.State, bool) {
	name = strings.TrimPrefix(name, "TCP_")
	if name == "NEW_SYN_RECV" {
		return netlink.SynRecv, true
	}
	for _, s := range netlink.States() {
		if s.String() == name {
			return s, true
		}
	}
	return 0, false
}
