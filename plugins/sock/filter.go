package sock

import (
	"context"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/netlink"
	"github.com/nsh-lab/nsh/lua"
)

// filters are the options that say which sockets are meant.
type filters struct {
	State     string    `lua:"state" help:"the kernel's name of a state, in any case: \"LISTEN\", \"TIME_WAIT\""`
	Port      int       `lua:"port" min:"1" max:"65535" help:"port at either end"`
	LocalPort int       `lua:"local_port" min:"1" max:"65535" help:"port at the socket's own end"`
	PeerPort  int       `lua:"peer_port" min:"1" max:"65535" help:"port at the other end"`
	Address   string    `lua:"address" help:"address at either end, \"ip\" or \"ip:port\""`
	Family    string    `lua:"family" help:"ipv4 or ipv6 (an IPv4 connection of an IPv6 socket is ipv6)"`
	Proto     string    `lua:"proto" default:"tcp" enum:"tcp,udp,unix" help:"tcp, udp or unix"`
	Interface string    `lua:"interface" help:"name of the interface that the socket is bound to (SO_BINDTODEVICE)"`
	Process   lua.Value `lua:"process" help:"name or pid of a process that holds the socket"`
	where
}

// A query is the filters, read: what the kernel is asked, and what is left to decide here.
type query struct {
	netlink.Query
	iface   string
	process lua.Value
}

func (f *filters) query() (*query, error) {
	q := &query{process: f.Process, iface: f.Interface}
	q.Port, q.LocalPort, q.PeerPort = uint16(f.Port), uint16(f.LocalPort), uint16(f.PeerPort)
	if f.Proto == "udp" {
		q.Protocol = unix.IPPROTO_UDP
	}
	if f.State != "" {
		s, err := stateOf(f.State)
		if err != nil {
			return nil, err
		}
		q.States = netlink.Set(s)
	}
	switch strings.ToLower(f.Family) {
	case "":
	case "ipv4", "inet":
		q.Family = unix.AF_INET
	case "ipv6", "inet6":
		q.Family = unix.AF_INET6
	default:
		return nil, lua.Misusef("family", "%q unknown; it is ipv4 or ipv6", f.Family)
	}
	switch f.Process.Kind() {
	case "nil", "string", "number":
	default:
		return nil, lua.Misusef("process", "a name or a pid expected, got %s", f.Process.TypeName())
	}
	return q, q.address(f.Address)
}

// address reads "ip" or "ip:port"; ":port" is loopback, as everywhere.
func (q *query) address(s string) error {
	if s == "" {
		return nil
	}
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		q.Addr = ip
		return nil
	}
	a, err := engines.ParseAddr(s)
	if err != nil {
		return lua.Misusef("address", "%v", err)
	}
	ip, err := netip.ParseAddr(a.Host)
	if err != nil {
		return lua.Misusef("address", "%q is no IP address", a.Host)
	}
	q.Addr, q.AddrPort = ip, a.Port
	return nil
}

// matches decides what the kernel cannot: who holds a socket.
func (q *query) matches(inode uint32, held *holders) bool {
	if q.process.IsNil() {
		return true
	}
	name, isName := q.process.Text()
	pid, _ := q.process.Number()
	for _, h := range held.of(inode) {
		if isName && h.Process == name || !isName && float64(h.PID) == pid {
			return true
		}
	}
	return false
}

// plain says that the kernel's answer needs no second look.
func (q *query) plain() bool { return q.process.IsNil() }

// open opens the socket that the kernel answers on, and finds out there what the query means.
func (q *query) open(ctx context.Context, place engines.Place) (fd int, err error) {
	fd, err = diag(ctx, place)
	if err != nil || q.iface == "" {
		return fd, err
	}
	q.Iface, err = engines.ZoneIndex(fd, q.iface)
	if err != nil {
		unix.Close(fd)
		return -1, lua.NewFault("list sockets", q.iface, err)
	}
	return fd, nil
}

func stateWords() map[string]func(*lua.World) []string {
	return map[string]func(*lua.World) []string{"state": func(*lua.World) []string { return stateNames() }}
}

func stateNames() (names []string) {
	for _, s := range netlink.States() {
		names = append(names, s.String())
	}
	return names
}

// stateOf reads a state's name, in any case.
func stateOf(name string) (netlink.State, error) {
	for _, s := range netlink.States() {
		if strings.EqualFold(name, s.String()) {
			return s, nil
		}
	}
	names := stateNames()
	if near := lua.Nearest(strings.ToUpper(name), names); near != "" {
		return 0, lua.Misusef("state", "%q unknown, did you mean '%s'?", clip(name), near)
	}
	return 0, lua.Misusef("state", "%q unknown; it is one of: %s", clip(name), strings.Join(names, ", "))
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// diag opens the socket that the kernel answers on, in the network that is meant.
func diag(ctx context.Context, place engines.Place) (fd int, err error) {
	if err := engines.Ready(ctx, place); err != nil {
		return -1, err
	}
	fd, err = place.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return -1, lua.NewFault("open sock_diag", "", err)
	}
	return fd, nil
}
