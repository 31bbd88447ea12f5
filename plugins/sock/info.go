package sock

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// A Conn is an object of scripts that has a socket. It is an interface so that this plugin knows none of the others.
type Conn interface{ Fileno() int }

// An informed Conn reads TCP_INFO itself, and so holds its descriptor meanwhile.
type informed interface {
	Info() (*unix.TCPInfo, error)
}

// info asks the kernel about one connection: tcp(7), TCP_INFO.
func info(c Conn) (*plugins.TCPInfo, error) {
	var raw *unix.TCPInfo
	var err error
	if in, ok := c.(informed); ok {
		raw, err = in.Info()
	} else if fd := c.Fileno(); fd >= 0 {
		raw, err = unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	} else {
		err = net.ErrClosed
	}
	if errors.Is(err, net.ErrClosed) || errors.Is(err, unix.EBADF) {
		return nil, lua.Misusef("conn", "the connection is closed")
	}
	if err != nil {
		return nil, lua.NewFault("info", "", err)
	}
	return plugins.NewTCPInfo(raw), nil
}
