package netlink

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDestroy ends one of two connections. Only root may, on the machine's own network.
func TestDestroy(t *testing.T) {
	families(t, func(t *testing.T, b bench) {
		_, port := b.listen(4)
		one, other := b.socket(), b.socket()
		for _, s := range []int{one, other} {
			b.check("connect", unix.Connect(s, b.sockaddr(port)))
		}
		name, err := unix.Getsockname(one)
		b.check("getsockname", err)
		fd := diagSocket(t)
		rows, whole, err := Append(within(t), fd, Query{LocalPort: portOf(name), PeerPort: port, States: Set(Established)}, nil)
		if err != nil || !whole || len(rows) != 1 {
			t.Fatalf("%d rows, whole %v, %v", len(rows), whole, err)
		}
		err = Destroy(within(t), fd, &rows[0])
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) {
			t.Skip(err)
		}
		b.check("destroy", err)
		if _, err := unix.Write(one, []byte("x")); err != unix.ECONNABORTED && err != unix.EPIPE {
			t.Errorf("writing to what is destroyed: %v", err)
		}
		if _, err := unix.Write(other, []byte("x")); err != nil {
			t.Errorf("writing to the other: %v", err)
		}
		if err := Destroy(within(t), fd, &rows[0]); !errors.Is(err, unix.ENOENT) {
			t.Errorf("once more: %v", err)
		}
	})
}

func portOf(sa unix.Sockaddr) uint16 {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return uint16(a.Port)
	case *unix.SockaddrInet6:
		return uint16(a.Port)
	}
	return 0
}
