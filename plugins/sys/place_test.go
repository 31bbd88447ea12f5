package sys

import (
	"context"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
	"github.com/nsh-lab/nsh/plugins/plugintest"
)

// A host stands for a laboratory's: a place of its own with a list of what it allows.
type host struct {
	engines.Here
	allowed string
	sockets int
}

func (h *host) Socket(family, typ, proto int) (int, error) {
	h.sockets++
	return h.Here.Socket(family, typ, proto)
}

func (h *host) Allow(a netip.Addr) error {
	if a.String() != h.allowed {
		return syscall.EACCES
	}
	return nil
}

// TestPlace: sockets are made by the place that `on` names, and every address goes past it, those of accepted
// connections and of dups as well.
func TestPlace(t *testing.T) {
	h := &host{allowed: "127.0.0.7"}
	w := plugintest.New(t, Plugin(), plugins.Plugin{Name: "given", Doc: "For the test.", Modules: []lua.Module{{
		Name: "given", Doc: "For the test.", Consts: []lua.Const{{Name: "host", Doc: "For the test.", Value: h}},
		Types: []lua.Type{{Name: "Host", Doc: "For the test.", Of: (*host)(nil)}},
	}}})
	if out, err := w.Run(helpers + `
local on = {on = given.host}
local s = assert(sys.socket(sys.AF_INET, TCP, on)) fails("EACCES", s:bind(":0")) assert(s:bind("127.0.0.7:0")) s:listen(5)
local c = assert(sys.socket(sys.AF_INET, TCP, 0, on)) assert(c:connect(s:getsockname()))
local a = assert(s:accept())
fails("EACCES", a:connect("127.0.0.1:9")) fails("EACCES", a:dup():connect("127.0.0.1:9"))
local u = sys.socket(sys.AF_INET, UDP, on)
fails("EACCES", u:sendto("x", "127.0.0.1:9")) fails("EACCES", u:connect("127.0.0.1:9")) fails("EACCES", u:connect("a.name:9"))
equal(u:sendto("x", "127.0.0.7:9"), 1)`); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if h.sockets != 3 {
		t.Errorf("the place has made %d sockets", h.sockets)
	}
}

// TestLoopbackOnly is what a script file is held to where it gets no network of its own.
func TestLoopbackOnly(t *testing.T) {
	set, err := plugins.NewSet(Plugin())
	if err != nil {
		t.Fatal(err)
	}
	w, err := lua.New(lua.Config{Modules: set.Modules(), Place: engines.Here{LoopbackOnly: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c, err := lua.Compile("test.lua", helpers+`
fails("EACCES", socket():bind("0.0.0.0:0")) fails("EACCES", socket():connect("192.0.2.1:9")) fails("EACCES", socket(UDP):sendto("x", "224.0.0.1:9"))
fails("EACCES", socket(TCP, sys.AF_INET6):connect("[::ffff:192.0.2.1]:9")) fails("EACCES", socket():connect("www.example.org:9"))
fails("EACCES", socket():listen(1))                          -- which would be on all addresses
for _, family in ipairs{sys.AF_INET, sys.AF_INET6} do
  local u = socket(UDP, family) u:sendto("x", ":9") assert(not u:getsockname():find("0.0.0.0:", 1, true) and not u:getsockname():find("[::]", 1, true), u:getsockname())
end
local s, addr = listener() assert(socket():connect(addr)) assert(socket():connect((addr:gsub("^.*:", "localhost:"))))`)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := w.Exec(ctx, c); err != nil {
		t.Error(err)
	}
}

// TestInterrupt is Ctrl-C: the call returns at once, and the world is as good as before.
func TestInterrupt(t *testing.T) {
	w := plugintest.New(t, Plugin())
	for _, call := range []string{"s:accept()", "sys.select({s}, {}, {})", "sys.poll({{s, 'IN'}})", "ep:wait()", "sys.pipe():read(1)"} {
		c, err := lua.Compile("test.lua", helpers+"local s = listener() local ep = sys.epoll() ep:register(s, 'IN') "+call+" error('it returned')")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		began := time.Now()
		if _, err := w.Exec(ctx, c); err == nil || strings.Contains(err.Error(), "it returned") {
			t.Errorf("%s: %v", call, err)
		}
		cancel()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: interrupted after %v", call, took)
		}
	}
	if got := w.Value(`return sys.cpus() > 0`); got != "true" {
		t.Error(got)
	}
}

// TestNames: Tab and help know the constants.
func TestNames(t *testing.T) {
	w := plugintest.New(t, Plugin())
	docs := map[string]string{}
	names, _ := w.Names(t.Context(), "sys")
	for _, n := range names {
		docs[n.Name] = n.Doc
	}
	if !strings.HasPrefix(docs["SO_REUSEADDR"], "Option of SOL_SOCKET") || docs["stdin"] == "" || docs["socket"] == "" {
		t.Errorf("%q", docs)
	}
	set, err := plugins.NewSet(Plugin())
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"sys.AF_INET": "2", "sys.stdin": "Fd"} {
		if e := set.Index().Find(path); e == nil || e.Kind != "constant" || e.Returns != want {
			t.Errorf("%s: %+v", path, e)
		}
	}
	for _, want := range []string{"---@field SO_REUSEADDR number Option of SOL_SOCKET", "---@field stdin Fd The standard input"} {
		if !strings.Contains(set.Index().Stub(), want) {
			t.Errorf("the editor's stub has no %q", want)
		}
	}
	if !strings.Contains(set.Index().Markdown(), "| `sys.EPOLLET` | number | epoll: tell once") {
		t.Error("the reference has no table of constants")
	}
}
