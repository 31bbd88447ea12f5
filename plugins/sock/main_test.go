package sock

import (
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// A fakeConn is an object of scripts with a real socket: what package plugins has for client.dial's.
type fakeConn struct{ fd int }

func (c *fakeConn) Fileno() int { return c.fd }

// run runs a script with the plugin and a module "given" of values, and returns what it printed.
func run(tb testing.TB, src string, given ...lua.Const) (string, error) {
	tb.Helper()
	return plugintest.New(tb, Plugin(), plugins.Plugin{
		Name: "given", Doc: "For the test.", Modules: []lua.Module{{
			Name: "given", Doc: "For the test.", Consts: given,
			Types: []lua.Type{
				{Name: "FakeConn", Doc: "For the test.", Of: (*fakeConn)(nil)},
				{Name: "Shy", Doc: "For the test.", Of: (*shy)(nil)},
				{Name: "Network", Doc: "For the test.", Of: (*network)(nil), Methods: []lua.Func{{
					Name: "act", Doc: "Does what the test says.", Call: func(n *network) error { return n.act() }}}},
			},
		}},
	}).Run(src)
}

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

// is is a value that the script finds under given.
func is(name string, value any) lua.Const {
	return lua.Const{Name: name, Doc: "for the test", Value: value}
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
