package engines

import (
	"fmt"
	"net"
	"slices"
	"syscall"

	"github.com/nsh-lab/nsh/internal/raw"
	"golang.org/x/sys/unix"
)

// A socketOption is an option by its kernel name.
type socketOption struct {
	name          string
	level, number int
	readOnly      bool
}

// socketOptions are those whose value is an int. SO_LINGER and TCP_CONGESTION have cases of their own.
func socketOptions() []socketOption {
	const sol, ip, tcp = unix.SOL_SOCKET, unix.IPPROTO_IP, unix.IPPROTO_TCP
	return []socketOption{
		{"IPV6_UNICAST_HOPS", unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, false},
		{"IP_MTU", ip, unix.IP_MTU, true},
		{"IP_TOS", ip, unix.IP_TOS, false},
		{"IP_TTL", ip, unix.IP_TTL, false},
		{"SO_ACCEPTCONN", sol, unix.SO_ACCEPTCONN, true},
		{"SO_DOMAIN", sol, unix.SO_DOMAIN, true},
		{"SO_ERROR", sol, unix.SO_ERROR, true},
		{"SO_INCOMING_CPU", sol, unix.SO_INCOMING_CPU, true},
		{"SO_KEEPALIVE", sol, unix.SO_KEEPALIVE, false},
		{"SO_OOBINLINE", sol, unix.SO_OOBINLINE, false},
		{"SO_PRIORITY", sol, unix.SO_PRIORITY, false},
		{"SO_PROTOCOL", sol, unix.SO_PROTOCOL, true},
		{"SO_RCVBUF", sol, unix.SO_RCVBUF, false},
		{"SO_RCVLOWAT", sol, unix.SO_RCVLOWAT, false},
		{"SO_REUSEADDR", sol, unix.SO_REUSEADDR, false},
		{"SO_REUSEPORT", sol, unix.SO_REUSEPORT, false},
		{"SO_SNDBUF", sol, unix.SO_SNDBUF, false},
		{"SO_TYPE", sol, unix.SO_TYPE, true},
		{"TCP_CORK", tcp, unix.TCP_CORK, false},
		{"TCP_DEFER_ACCEPT", tcp, unix.TCP_DEFER_ACCEPT, false},
		{"TCP_KEEPCNT", tcp, unix.TCP_KEEPCNT, false},
		{"TCP_KEEPIDLE", tcp, unix.TCP_KEEPIDLE, false},
		{"TCP_KEEPINTVL", tcp, unix.TCP_KEEPINTVL, false},
		{"TCP_LINGER2", tcp, unix.TCP_LINGER2, false},
		{"TCP_MAXSEG", tcp, unix.TCP_MAXSEG, false},
		{"TCP_NODELAY", tcp, unix.TCP_NODELAY, false},
		{"TCP_NOTSENT_LOWAT", tcp, unix.TCP_NOTSENT_LOWAT, false},
		{"TCP_QUICKACK", tcp, unix.TCP_QUICKACK, false},
		{"TCP_SYNCNT", tcp, unix.TCP_SYNCNT, false},
		{"TCP_USER_TIMEOUT", tcp, unix.TCP_USER_TIMEOUT, false},
		{"TCP_WINDOW_CLAMP", tcp, unix.TCP_WINDOW_CLAMP, false},
	}
}

// OptionNames are the names that GetOption knows, sorted.
func OptionNames() []string {
	names := []string{"SO_LINGER", "TCP_CONGESTION"}
	for _, o := range socketOptions() {
		names = append(names, o.name)
	}
	slices.Sort(names)
	return names
}

func findOption(name string) (socketOption, error) {
	for _, o := range socketOptions() {
		if o.name == name {
			return o, nil
		}
	}
	return socketOption{}, fmt.Errorf("there is no socket option %s here: %w", quote(name), syscall.ENOPROTOOPT)
}

// GetOption reads a socket option by its kernel name. The value is an int; SO_LINGER is seconds, or -1 when it is
// off; TCP_CONGESTION is a string.
func (c *Conn) GetOption(name string) (value any, err error) {
	if !c.acquire() {
		return nil, net.ErrClosed
	}
	defer c.release()
	c.onThread(func() { value, err = c.getOption(name) })
	return value, err
}

func (c *Conn) getOption(name string) (any, error) {
	switch name {
	case "SO_LINGER":
		l, err := unix.GetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER)
		if err != nil {
			return nil, err
		}
		if l.Onoff == 0 {
			return -1, nil
		}
		return int(l.Linger), nil
	case "TCP_CONGESTION":
		s, err := unix.GetsockoptString(c.fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		return s, err
	}
	o, err := findOption(name)
	if err != nil {
		return nil, err
	}
	v, errno := raw.GetInt(c.fd, o.level, o.number)
	if errno != 0 {
		return nil, &Error{"get " + name, "", errno}
	}
	return v, nil
}

// SetOption sets a socket option by its kernel name; value is an int, a bool, or for TCP_CONGESTION a string.
func (c *Conn) SetOption(name string, value any) (err error) {
	if !c.acquire() {
		return net.ErrClosed
	}
	defer c.release()
	c.onThread(func() { err = c.setOption(name, value) })
	return err
}

func (c *Conn) setOption(name string, value any) error {
	if text, ok := value.(string); ok && name == "TCP_CONGESTION" {
		return unix.SetsockoptString(c.fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, text)
	}
	n, ok := optionInt(value)
	if !ok || name == "TCP_CONGESTION" {
		return fmt.Errorf("socket option %s does not take %v: %w", name, value, syscall.EINVAL)
	}
	if name == "SO_LINGER" {
		c.lingers.Store(n > 0)
		if errno := raw.SetLinger(c.fd, n >= 0, max(n, 0)); errno != 0 {
			return errno
		}
		return nil
	}
	o, err := findOption(name)
	if err != nil {
		return err
	}
	if o.readOnly {
		return fmt.Errorf("socket option %s can only be read: %w", name, syscall.ENOPROTOOPT)
	}
	if errno := raw.SetInt(c.fd, o.level, o.number, n); errno != 0 {
		return &Error{"set " + name, "", errno}
	}
	return nil
}

func optionInt(value any) (int, bool) {
	switch v := value.(type) {
	case int:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}
