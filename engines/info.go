package engines

import (
	"net"

	"golang.org/x/sys/unix"
)

// Info is the kernel's TCP_INFO: times in microseconds unless linux/tcp.h says otherwise.
func (c *Conn) Info() (*unix.TCPInfo, error) {
	if !c.acquire() {
		return nil, net.ErrClosed
	}
	defer c.release()
	var info *unix.TCPInfo
	var err error
	c.onThread(func() { info, err = unix.GetsockoptTCPInfo(c.fd, unix.IPPROTO_TCP, unix.TCP_INFO) })
	if err != nil {
		return nil, &Error{"get TCP_INFO", "", err}
	}
	return info, nil
}

// State is the kernel's name for the state of the connection at this end: "ESTABLISHED", "CLOSE_WAIT", …; "CLOSE" once
// it is closed here, though the kernel may still be busy with it (FIN_WAIT1, TIME_WAIT).
func (c *Conn) State() string {
	if c.Proto() != "tcp" {
		if c.Closed() || c.gram != nil { // a server's UDP socket is connected to nobody, which the kernel calls so
			return "CLOSE"
		}
		return "ESTABLISHED" // the kernel has no other for a connected socket of these
	}
	info, err := c.Info()
	if err != nil {
		return "CLOSE"
	}
	return StateName(info.State)
}

// StateName is the kernel's name for a TCP state (include/net/tcp_states.h).
func StateName(state uint8) string {
	names := [...]string{"", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE",
		"CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV"}
	if int(state) >= len(names) {
		return ""
	}
	return names[state]
}
