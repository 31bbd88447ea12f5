package sys

import (
	"math"
	"time"

	"github.com/nsh-lab/nsh/internal/raw"
	"github.com/nsh-lab/nsh/lua"
	"golang.org/x/sys/unix"
)

// form is how an option's value looks.
type form uint8

const (
	number  form = iota // an int, or a boolean for 1 and 0
	linger              // struct linger: seconds; -1, or false, is off
	seconds             // struct timeval; 0 is for ever
	text                // characters
	errno               // an errno, by its name; 0 is none
)

// An option is one of setsockopt(2). Only those that stand here are passed on: the kernel follows pointers in the values
// of some others.
type option struct {
	level, number int
	name          string
	form          form
	doc           string
}

func options() []option {
	const sol, ip, ip6, tcp = unix.SOL_SOCKET, unix.IPPROTO_IP, unix.IPPROTO_IPV6, unix.IPPROTO_TCP
	return []option{
		{sol, unix.SO_ACCEPTCONN, "SO_ACCEPTCONN", number, "1 for a listening socket. Read only."},
		{sol, unix.SO_BROADCAST, "SO_BROADCAST", number, "Datagrams may be sent to a broadcast address."},
		{sol, unix.SO_DOMAIN, "SO_DOMAIN", number, "The family, AF_INET or AF_INET6. Read only."},
		{sol, unix.SO_ERROR, "SO_ERROR", errno, "The error that is pending, by the errno's name, or 0; reading it clears it. Read only."},
		{sol, unix.SO_INCOMING_CPU, "SO_INCOMING_CPU", number, "The processor that the last packet came in on."},
		{sol, unix.SO_KEEPALIVE, "SO_KEEPALIVE", number, "Probes are sent when a connection is idle."},
		{sol, unix.SO_LINGER, "SO_LINGER", linger, "Seconds that close waits for what is unsent; with 0 it sends a reset; -1 is off."},
		{sol, unix.SO_OOBINLINE, "SO_OOBINLINE", number, "Urgent data comes in its place in the stream."},
		{sol, unix.SO_PRIORITY, "SO_PRIORITY", number, "The priority of what is sent, from 0 to 6."},
		{sol, unix.SO_PROTOCOL, "SO_PROTOCOL", number, "The protocol, such as IPPROTO_TCP. Read only."},
		{sol, unix.SO_RCVBUF, "SO_RCVBUF", number, "Bytes of the receive buffer; the kernel doubles what is set, for its own needs."},
		{sol, unix.SO_RCVLOWAT, "SO_RCVLOWAT", number, "Bytes that must be there before the socket is readable."},
		{sol, unix.SO_RCVTIMEO, "SO_RCVTIMEO", seconds, "Seconds after which a waiting receive or accept is nil and EAGAIN; 0 is never."},
		{sol, unix.SO_REUSEADDR, "SO_REUSEADDR", number, "bind may take a port of which connections are in TIME_WAIT, if those had it set too. Set it before bind."},
		{sol, unix.SO_REUSEPORT, "SO_REUSEPORT", number, "Several sockets share a port; all of them set it before bind."},
		{sol, unix.SO_SNDBUF, "SO_SNDBUF", number, "Bytes of the send buffer; the kernel doubles what is set."},
		{sol, unix.SO_SNDTIMEO, "SO_SNDTIMEO", seconds, "Seconds after which a waiting send or connect gives up; 0 is never."},
		{sol, unix.SO_TYPE, "SO_TYPE", number, "The type, SOCK_STREAM or SOCK_DGRAM. Read only."},
		{ip, unix.IP_BIND_ADDRESS_NO_PORT, "IP_BIND_ADDRESS_NO_PORT", number, "bind leaves the choice of the port to connect."},
		{ip, unix.IP_FREEBIND, "IP_FREEBIND", number, "bind takes an address that no interface has yet."},
		{ip, unix.IP_MTU, "IP_MTU", number, "Bytes that fit on the path of a connected socket. Read only."},
		{ip, unix.IP_MTU_DISCOVER, "IP_MTU_DISCOVER", number, "Whether packets may be fragmented: IP_PMTUDISC_DO, _DONT, _WANT."},
		{ip, unix.IP_RECVERR, "IP_RECVERR", number, "What ICMP says is kept for recvfrom with MSG_ERRQUEUE."},
		{ip, unix.IP_RECVTTL, "IP_RECVTTL", number, "recvfrom gives the TTL with which a datagram came."},
		{ip, unix.IP_TOS, "IP_TOS", number, "The type-of-service byte of what is sent."},
		{ip, unix.IP_TTL, "IP_TTL", number, "How many routers a packet may pass, from 1 to 255."},
		{ip6, unix.IPV6_RECVERR, "IPV6_RECVERR", number, "IP_RECVERR of IPv6."},
		{ip6, unix.IPV6_RECVHOPLIMIT, "IPV6_RECVHOPLIMIT", number, "IP_RECVTTL of IPv6."},
		{ip6, unix.IPV6_UNICAST_HOPS, "IPV6_UNICAST_HOPS", number, "IP_TTL of IPv6."},
		{ip6, unix.IPV6_V6ONLY, "IPV6_V6ONLY", number, "The socket takes no IPv4. Set it before bind."},
		{tcp, unix.TCP_CONGESTION, "TCP_CONGESTION", text, "The congestion control, such as \"cubic\" or \"reno\"."},
		{tcp, unix.TCP_CORK, "TCP_CORK", number, "Only full segments are sent, until it is taken off or 0.2 s have passed."},
		{tcp, unix.TCP_DEFER_ACCEPT, "TCP_DEFER_ACCEPT", number, "A listener wakes up only when there is data; seconds to wait for it."},
		{tcp, unix.TCP_KEEPCNT, "TCP_KEEPCNT", number, "Keepalive probes without an answer before the connection is given up."},
		{tcp, unix.TCP_KEEPIDLE, "TCP_KEEPIDLE", number, "Seconds of silence before the first keepalive probe."},
		{tcp, unix.TCP_KEEPINTVL, "TCP_KEEPINTVL", number, "Seconds between keepalive probes."},
		{tcp, unix.TCP_LINGER2, "TCP_LINGER2", number, "Seconds in FIN_WAIT2 after close."},
		{tcp, unix.TCP_MAXSEG, "TCP_MAXSEG", number, "Bytes of data in a segment."},
		{tcp, unix.TCP_NODELAY, "TCP_NODELAY", number, "Small segments are sent at once: no waiting for acknowledgements (Nagle)."},
		{tcp, unix.TCP_NOTSENT_LOWAT, "TCP_NOTSENT_LOWAT", number, "The socket is writable while fewer bytes than this are unsent."},
		{tcp, unix.TCP_QUICKACK, "TCP_QUICKACK", number, "Acknowledgements are sent at once, for a while."},
		{tcp, unix.TCP_SYNCNT, "TCP_SYNCNT", number, "How often connect repeats its SYN."},
		{tcp, unix.TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT", number, "Milliseconds that sent data may stay unacknowledged."},
		{tcp, unix.TCP_WINDOW_CLAMP, "TCP_WINDOW_CLAMP", number, "Bytes that the offered window is held to."},
	}
}

func findOption(level, name int) (option, error) {
	known := false
	for _, o := range options() {
		if o.level == level && o.number == name {
			return o, nil
		}
		known = known || o.level == level
	}
	if !known {
		return option{}, lua.Misusef("level", "SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6 or IPPROTO_TCP expected, got %d", level)
	}
	return option{}, lua.Misusef("name", "%d is no option of this level that nsh knows; help(\"sys\") lists them", name)
}

// getsockopt is getsockopt(2).
func (f *Fd) getsockopt(level, name int32) (any, error) {
	o, err := findOption(int(level), int(name))
	if err != nil {
		return nil, err
	}
	if err := f.socket("getsockopt"); err != nil {
		return nil, err
	}
	defer f.done()
	v, err := o.get(f.num)
	return v, f.fault("getsockopt "+o.name, "", err)
}

func (o option) get(fd int) (any, error) {
	switch o.form {
	case linger:
		l, err := unix.GetsockoptLinger(fd, o.level, o.number)
		if err != nil {
			return nil, err
		}
		if l.Onoff == 0 {
			return -1, nil
		}
		return int(l.Linger), nil
	case seconds:
		tv, err := unix.GetsockoptTimeval(fd, o.level, o.number)
		if err != nil {
			return nil, err
		}
		return time.Duration(tv.Nano()), nil
	case text:
		return unix.GetsockoptString(fd, o.level, o.number)
	}
	n, e := raw.GetInt(fd, o.level, o.number)
	if e != 0 {
		return nil, e
	}
	if o.form == errno && n != 0 {
		return unix.ErrnoName(unix.Errno(n)), nil
	}
	return n, nil
}

// setsockopt is setsockopt(2).
func (f *Fd) setsockopt(level, name int32, value lua.Value) error {
	o, err := findOption(int(level), int(name))
	if err != nil {
		return err
	}
	if err := f.socket("setsockopt"); err != nil {
		return err
	}
	defer f.done()
	err = o.set(f.num, value)
	return f.fault("setsockopt "+o.name, "", err)
}

func (o option) set(fd int, value lua.Value) error {
	if o.form == text {
		s, ok := value.Text()
		if !ok {
			return lua.Misusef("value", "string expected for %s, got %s", o.name, describe(value))
		}
		return unix.SetsockoptString(fd, o.level, o.number, s)
	}
	n, err := o.number64(value)
	if err != nil {
		return err
	}
	switch o.form {
	case seconds:
		tv := unix.NsecToTimeval(int64(n * 1e9))
		return unix.SetsockoptTimeval(fd, o.level, o.number, &tv)
	case linger:
		if errno := raw.SetLinger(fd, n >= 0, int(max(n, 0))); errno != 0 {
			return errno
		}
		return nil
	}
	if errno := raw.SetInt(fd, o.level, o.number, int(n)); errno != 0 {
		return errno
	}
	return nil
}

// number64 is a value that an option takes as a number.
func (o option) number64(value lua.Value) (float64, error) {
	if value.Kind() == "boolean" {
		switch {
		case value.Truth():
			return 1, nil
		case o.form == linger:
			return -1, nil
		}
		return 0, nil
	}
	n, ok := value.Number()
	what, fits := "whole number or boolean", n == math.Trunc(n) && math.Abs(n) <= math.MaxInt32
	if o.form == seconds {
		what, fits = "number of seconds", n >= 0 && n <= math.MaxInt32
	}
	if !ok || !fits {
		return 0, lua.Misusef("value", "%s expected for %s, got %s", what, o.name, describe(value))
	}
	return n, nil
}

// what is the option's line in the reference.
func (o option) what() string {
	return "Option of " + levelName(o.level) + ": " + lowerFirst(o.doc)
}

func levelName(level int) string {
	switch level {
	case unix.SOL_SOCKET:
		return "SOL_SOCKET"
	case unix.IPPROTO_IP:
		return "IPPROTO_IP"
	case unix.IPPROTO_IPV6:
		return "IPPROTO_IPV6"
	}
	return "IPPROTO_TCP"
}

// lowerFirst begins a sentence that stands in the middle of another; names in capitals stay.
func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return string(s[0]|0x20) + s[1:]
	}
	return s
}
