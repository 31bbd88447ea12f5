package sock

import (
	"bytes"
	"context"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/lua/show"
)

// A fakeConn is an object of scripts with a real socket: what package plugins has for client.dial's.
type fakeConn struct{ fd int }

func (c *fakeConn) Fileno() int { return c.fd }

// run runs a script with the plugin's module and a module "given" of values, and returns what it printed.
func run(tb testing.TB, src string, given ...lua.Const) (string, error) {
	tb.Helper()
	var mu sync.Mutex
	var out bytes.Buffer
	modules := append(Plugin().Modules, lua.Module{Name: "given", Doc: "For the test.", Consts: given, Types: []lua.Type{
		{Name: "FakeConn", Doc: "For the test.", Of: (*fakeConn)(nil)},
	}})
	w, err := lua.New(lua.Config{
		Modules: modules, Stdout: writer(func(p []byte) (int, error) { mu.Lock(); defer mu.Unlock(); return out.Write(p) }),
		Style: func() show.Options { return show.Options{Width: 200, Raw: true} },
	})
	if err != nil {
		tb.Fatal(err)
	}
	defer w.Close()
	chunk, err := lua.Compile("test.lua", src)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err = w.Exec(ctx, chunk)
	mu.Lock()
	defer mu.Unlock()
	return out.String(), err
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func expect(tb testing.TB, src, want string, given ...lua.Const) {
	tb.Helper()
	got, err := run(tb, src, given...)
	if err != nil {
		tb.Errorf("%s\n%v", src, err)
	}
	if got = strings.TrimRight(got, "\n"); got != want {
		tb.Errorf("%s\nprinted %s\nwanted  %s", src, got, want)
	}
}

// listener listens on loopback and gives its port; it accepts nothing by itself.
func listener(tb testing.TB, network, addr string) (net.Listener, int) {
	tb.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		tb.Skipf("%s: %v", addr, err)
	}
	tb.Cleanup(func() { ln.Close() })
	return ln, ln.Addr().(*net.TCPAddr).Port
}

// connected is both ends of a connection, as descriptors that the test closes.
func connected(tb testing.TB, ln net.Listener) (server, client net.Conn) {
	tb.Helper()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { client.Close() })
	server, err = ln.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { server.Close() })
	return server, client
}

func descriptor(tb testing.TB, c net.Conn) int {
	tb.Helper()
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		tb.Fatal(err)
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	f.Close()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { unix.Close(fd) })
	return fd
}

func descriptors(tb testing.TB) int {
	tb.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	return len(list)
}
