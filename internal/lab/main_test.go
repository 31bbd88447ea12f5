package lab

import (
	"context"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/internal/fence"
	"golang.org/x/sys/unix"
)

const (
	testRole   = "laboratory-under-test"
	insideRole = "inside-a-laboratory"
)

func spawn(_ string, f func()) { go f() }

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case fence.ProbeArg:
			os.Exit(fence.Probed())
		case testRole:
			os.Exit(Run(spawn))
		case insideRole:
			os.Exit(inside(os.Args[2]))
		}
	}
	os.Exit(m.Run())
}

func needsNamespaces(t *testing.T) {
	t.Helper()
	if _, err := fence.Probe(); err != nil {
		t.Skip("no laboratories here: ", fence.Why(err))
	}
}

// laboratory is a laboratory with one link between two hosts, 10.0.0.1 and 10.0.0.2.
type laboratory struct {
	*testing.T
	*Process
}

func newLaboratory(t *testing.T, mtu int) *laboratory {
	t.Helper()
	needsNamespaces(t)
	descriptors, goroutines := opened(t), runtime.NumGoroutine()
	p, err := Start(testRole, spawn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		within(t, 3*time.Second, func() (bool, any) {
			now := opened(t)
			return len(now) <= len(descriptors) && runtime.NumGoroutine() <= goroutines, now
		})
	})
	l := &laboratory{t, p}
	l.do(Request{NewHost: &NewHost{}})
	l.do(Request{NewHost: &NewHost{}})
	l.do(Request{NewLink: &NewLink{MTU: mtu, A: end(0), B: end(1)}})
	return l
}

func end(host int) End {
	return End{Host: host, Name: "eth0", Prefixes: []netip.Prefix{netip.PrefixFrom(address(host), 24)}}
}

func address(host int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + host)}) }

// opened is what is open in this process.
func opened(t *testing.T) (out []string) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		to, _ := os.Readlink("/proc/self/fd/" + e.Name())
		if !strings.HasPrefix(to, "/proc/") && !strings.Contains(to, "eventpoll") && !strings.Contains(to, "eventfd") { // Go's own poller
			out = append(out, to)
		}
	}
	return out
}

// within waits until something holds, and fails with what was seen.
func within(t *testing.T, limit time.Duration, holds func() (bool, any)) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		ok, seen := holds()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v; seen: %v", limit, seen)
		}
	}
}

func (l *laboratory) do(r Request) Reply {
	l.Helper()
	reply, err := l.Process.Do(context.Background(), r)
	if err != nil {
		l.Fatalf("%+v: %v", r, err)
	}
	return reply
}

// set makes the link the same both ways.
func (l *laboratory) set(seed int64, s Shape) {
	l.Helper()
	l.do(Request{SetShape: &SetShape{Seed: seed, Shapes: [2]Shape{s, s}}})
}

func (l *laboratory) count() [2]Traffic {
	l.Helper()
	return *l.do(Request{Count: &Count{}}).Traffic
}

// socket is one of a host's.
func (l *laboratory) socket(host, family, typ, proto int) int {
	l.Helper()
	fd, err := l.Descriptor(context.Background(), Request{Host: host, Socket: &Socket{family, typ, proto}})
	if err != nil {
		l.Fatal(err)
	}
	return fd
}

// udp is a socket at port 7 of a host.
func (l *laboratory) udp(host int) *net.UDPConn {
	l.Helper()
	fd := l.socket(host, unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: 7, Addr: address(host).As4()}); err != nil {
		l.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "udp")
	defer f.Close()
	c, err := net.FilePacketConn(f)
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { c.Close() })
	return c.(*net.UDPConn)
}

var toB = &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 7}

// tcp is a connection from A to B.
func (l *laboratory) tcp() (a, b *net.TCPConn) {
	l.Helper()
	fd := l.socket(1, unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_TCP)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: 7}); err != nil {
		l.Fatal(err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		l.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "listener")
	ln, err := net.FileListener(f)
	f.Close()
	if err != nil {
		l.Fatal(err)
	}
	defer ln.Close()
	fd = l.socket(0, unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_TCP)
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: 7, Addr: address(1).As4()})
	if err != nil && err != unix.EINPROGRESS {
		l.Fatal(err)
	}
	ln.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second))
	there, err := ln.Accept()
	if err != nil {
		l.Fatal(err)
	}
	f = os.NewFile(uintptr(fd), "client")
	here, err := net.FileConn(f)
	f.Close()
	if err != nil {
		l.Fatal(err)
	}
	for _, c := range []net.Conn{here, there} {
		c.SetDeadline(time.Now().Add(30 * time.Second))
		l.Cleanup(func() { c.Close() })
	}
	return here.(*net.TCPConn), there.(*net.TCPConn)
}
