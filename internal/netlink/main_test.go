package netlink

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// diagSocket is a sock_diag descriptor for the test.
func diagSocket(tb testing.TB) int {
	tb.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { unix.Close(fd) })
	return fd
}

func within(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	tb.Cleanup(cancel)
	return ctx
}

// bench makes sockets on one loopback address and closes them with the test.
type bench struct {
	testing.TB
	family int
	addr   netip.Addr // where listeners are bound
}

func (b bench) check(what string, err error) {
	b.Helper()
	if err != nil {
		b.Fatalf("%s: %v", what, err)
	}
}

func (b bench) sockaddr(port uint16) unix.Sockaddr {
	if b.family == unix.AF_INET {
		return &unix.SockaddrInet4{Port: int(port), Addr: b.addr.As4()}
	}
	return &unix.SockaddrInet6{Port: int(port), Addr: b.addr.As16()}
}

func (b bench) socket() int {
	b.Helper()
	fd, err := unix.Socket(b.family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	b.check("socket", err)
	b.Cleanup(func() { unix.Close(fd) })
	return fd
}

func (b bench) listen(backlog int) (fd int, port uint16) {
	b.Helper()
	fd = b.socket()
	b.check("bind", unix.Bind(fd, b.sockaddr(0)))
	b.check("listen", unix.Listen(fd, backlog))
	return fd, b.port(fd)
}

func (b bench) port(fd int) uint16 {
	b.Helper()
	sa, err := unix.Getsockname(fd)
	b.check("getsockname", err)
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return uint16(sa.Port)
	case *unix.SockaddrInet6:
		return uint16(sa.Port)
	}
	b.Fatalf("getsockname: %T", sa)
	return 0
}

// pair is a connection: the server's end, the client's end, and the client's port.
func (b bench) pair(ln int, port uint16) (server, client int, clientPort uint16) {
	b.Helper()
	client = b.socket()
	b.check("connect", unix.Connect(client, b.sockaddr(port)))
	server, _, err := unix.Accept4(ln, unix.SOCK_CLOEXEC)
	b.check("accept", err)
	b.Cleanup(func() { unix.Close(server) })
	return server, client, b.port(client)
}

// fill writes until the peer, who does not read, has no room left, so that a FIN has to wait behind the data.
func (b bench) fill(fd int) {
	b.Helper()
	b.check("nonblock", unix.SetNonblock(fd, true))
	chunk := make([]byte, 64<<10)
	for n := 0; n < 1<<12; n++ {
		if _, err := unix.Write(fd, chunk); err == unix.EAGAIN {
			return
		} else {
			b.check("write", err)
		}
	}
	b.Fatal("the peer's buffer does not fill")
}

// await asks the kernel until the sockets whose local port is port are in the wanted state, with a bound.
func await(tb testing.TB, fd int, q Query, want State) Socket {
	tb.Helper()
	give := time.Now().Add(5 * time.Second)
	var seen string
	for time.Now().Before(give) {
		rows, whole, err := Append(within(tb), fd, q, nil)
		if err != nil || !whole {
			tb.Fatalf("dump: whole %v, %v", whole, err)
		}
		seen = ""
		for _, row := range rows {
			if row.State == want {
				return row
			}
			seen += fmt.Sprintf(" %v %v→%v", row.State, row.Local(), row.Peer())
		}
	}
	tb.Fatalf("wanted %v for %+v, saw%s", want, q, seen)
	return Socket{}
}
