package shell

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// TestMain makes the test binary an nsh when it is started as one: what the tests below start is the real thing, with
// a plugin of a few functions.
func TestMain(m *testing.M) {
	if os.Getenv("NSH_SHELL_TEST") == "forbidden" { // a machine without user namespaces: root in one may say so
		if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
			panic(err)
		}
	}
	if os.Getenv("NSH_SHELL_TEST") != "" || len(os.Args) > 1 && strings.HasPrefix(os.Args[1], plugins.RolePrefix) {
		os.Exit(Main(demo()))
	}
	os.Exit(m.Run())
}

type startOptions struct {
	Model string `lua:"model" default:"select" enum:"select,epoll" help:"how it waits"`
	Addr  string `lua:"addr" help:"address to listen on"`
}

type row struct {
	State string  `lua:"state"`
	RecvQ float64 `lua:"recv_q"`
}

func demo() plugins.Plugin {
	return plugins.Plugin{
		Name: "demo", Doc: "What the shell's tests need.",
		Modules: []lua.Module{{
			Name: "demo", Doc: "What the shell's tests need. Nothing else.",
			Funcs: []lua.Func{
				{Name: "start", Params: "options", Doc: "Starts nothing.",
					Words: map[string]func(*lua.World) []string{"addr": func(*lua.World) []string { return []string{"home:80", "here:80"} }},
					Call:  func(o startOptions) string { return o.Model }},
				{Name: "wait", Doc: "Waits until it is cancelled.",
					Call: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
				{Name: "dial", Params: "addr", Doc: "Is refused.",
					Call: func(ctx context.Context, addr string) (string, error) {
						return "", lua.NewFault("dial", addr, syscall.ECONNREFUSED)
					}},
				{Name: "list", Doc: "Gives two rows.",
					Call: func() []row { return []row{{"LISTEN", 0}, {"\x1b[31mESTABLISHED", 129}} }},
				{Name: "allowed", Params: "addr", Doc: "Says whether an address may be used.",
					Call: allowed},
				{Name: "fail", Doc: "Counts a failed check.",
					Call: func(env *lua.Env) { env.World().Fail("failed: it holds") }},
				{Name: "skip", Doc: "Cannot run here.",
					Call: func() error { return lua.Exit(77, "skipped: no network") }},
			},
		}},
		Roles: demoRoles(),
	}
}

func allowed(env *lua.Env, addr string) error {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return err
	}
	return plugins.PlaceOf(env).Allow(a)
}

func demoRoles() []engines.Role {
	return []engines.Role{{Name: "demo", Run: func(args []string) int { return 40 + len(args) }}}
}
