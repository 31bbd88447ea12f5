package enginetest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"golang.org/x/sys/unix"
)

// RunRest has connections of an App that keeps none say something and fall silent. They cost next to nothing then; and
// they are the same as ever to whoever lists them, sends on them, closes them or stops the server.
// Most is how many bytes of heap one may take.
func RunRest(t Test, model engines.Model, most int) {
	var ends atomic.Int64
	app := eventKit().echo(func(error) { ends.Add(1) })
	s, err := engines.Start(t.Context(), model, engines.Config{}, app)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), RowLimit)
	defer cancel()
	const silent, named = 300, 20
	if err := silentCost(s, silent, most); err != nil {
		t.Fatal(err)
	}
	clients := make([]*net.TCPConn, named)
	for i := range clients {
		if clients[i], err = dial(ctx, s.Addr().String()); err == nil {
			defer clients[i].Close()
			err = exchange(clients[i], fmt.Appendf(nil, "I am %d", i))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := until(ctx, RowLimit, "the silent ones to be gone", func() (string, bool) {
		n := len(s.Conns())
		return fmt.Sprintf("%d connections, %d ends", n, ends.Load()), n == named && ends.Load() == silent
	}); err != nil {
		t.Fatal(err)
	}
	if err := listed(ctx, s, clients); err != nil {
		t.Errorf("%v", err)
	}
	if err := s.Stop(); err != nil || ends.Load() != silent+named {
		t.Errorf("after the stop %d of %d connections had ended: %v", ends.Load(), silent+named, err)
	}
}

// silentCost holds n connections that were answered once, and says so if each has taken more than most bytes of heap.
func silentCost(s *engines.Server, n, most int) error {
	addr := &unix.SockaddrInet4{Port: int(s.Addr().Port()), Addr: s.Addr().Addr().As4()}
	fds := make([]int, 0, n)
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	buf := make([]byte, 8)
	more := func(n int) error {
		for range n {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			fds = append(fds, fd)
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 20})
			if err := unix.Connect(fd, addr); err != nil {
				return err
			}
			unix.Write(fd, buf)
			m, err := unix.Read(fd, buf)
			for err == unix.EINTR { // the collector's signal: with a limit of time a read is not made again by itself
				m, err = unix.Read(fd, buf)
			}
			if m != len(buf) {
				return fmt.Errorf("%d bytes came back: %v", m, err)
			}
		}
		return nil
	}
	if err := more(n / 3); err != nil {
		return err
	}
	before := heap()
	if err := more(n - n/3); err != nil {
		return err
	}
	if each := (heap() - before) / (n - n/3); each > most {
		return fmt.Errorf("a silent connection took %d bytes", each)
	}
	return nil
}

// heap is the bytes that are in use.
func heap() int {
	runtime.GC()
	runtime.GC() // what a pool has let go of the first time
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// listed compares a server's list with its clients, which are the same again in a second one, and uses it.
func listed(ctx context.Context, s *engines.Server, clients []*net.TCPConn) error {
	conns := s.Conns()
	for i, c := range conns {
		local := clients[i].LocalAddr().(*net.TCPAddr).AddrPort()
		if peer := c.PeerAddr(); peer != netip.AddrPortFrom(local.Addr().Unmap(), local.Port()) || i > 0 && c.ID() <= conns[i-1].ID() {
			return fmt.Errorf("in place %d of the list is connection %d from %v, and not %v", i, c.ID(), peer, local)
		}
		if c.State() != "ESTABLISHED" || c.LocalAddr() != s.Addr() {
			return fmt.Errorf("a silent connection is %s, of %v", c.State(), c.LocalAddr())
		}
	}
	for i, client := range clients { // those that are known have turns like others, and stay who they are
		if err := exchange(client, fmt.Appendf(nil, "Still I am %d", i)); err != nil {
			return err
		}
	}
	if !slices.Equal(conns, s.Conns()) {
		return fmt.Errorf("a second list has other Conns than the first: %v", conns)
	}
	for i, c := range conns {
		said := fmt.Appendf(nil, "You are %d", i)
		if _, err := c.Send(ctx, said); err != nil {
			return err
		}
		if err := expect(clients[i], said); err != nil {
			return err
		}
	}
	conns[0].Close()
	if n, err := clients[0].Read(make([]byte, 1)); err != io.EOF {
		return fmt.Errorf("after the close %d bytes came, %v", n, err)
	}
	return until(ctx, 5*time.Second, "the closed one to leave the list", func() (string, bool) {
		now := s.Conns()
		return fmt.Sprint(len(now)), slices.Equal(now, conns[1:]) && s.Stats().Active == int64(len(now))
	})
}
