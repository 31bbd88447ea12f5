// Package client opens connections: one with client.dial, a crowd of them with client.open; and measures
// servers with client.load.
package client

import (
	"context"
	"errors"
	"time"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/engines/crowd"
	"github.com/nsh-lab/nsh/lua"
	"github.com/nsh-lab/nsh/plugins"
)

// Plugin declares client.*.
func Plugin() plugins.Plugin {
	return plugins.Plugin{
		Name: "client", Needs: []string{"server"}, // which declares Conn
		Doc: "Clients: single connections, crowds and loads.",
		Modules: []lua.Module{{
			Name: "client",
			Doc:  "Opens connections: one, a crowd of them, or as many as it takes to measure how a server answers.",
			Funcs: append([]lua.Func{
				{Name: "dial", Params: "addr, options", Returns: "Conn | nil, err", Call: dial,
					Doc: "Connects, to \"host:port\" or \"unix:/path\". Refused, unreachable and timed out are nil, err. With proto = \"udp\" nothing is sent: that nobody listens is told by the first recv, or the next send. With tls it does the handshake, too; what is wrong with the peer has a code: ETLSAUTHORITY, ETLSNAME, ETLSCERTIFICATE, ETLSALERT, ETLSRECORD.",
					Example: `local s = assert(server.start{model = "goroutine", handler = "echo"})
local c = assert(client.dial(s.addr, {timeout = 1}))
c:send("ping\n")
print(c:recv("line"))  --> ping
local none, err = client.dial("127.0.0.1:1")
print(none, err.code)  --> nil	ECONNREFUSED`},
				{Name: "open", Params: "options", Returns: "Crowd | nil, err", Call: open,
					Doc: "Opens n TCP connections and holds them, on a few threads. What one process cannot hold is spread over worker processes, which end with this one. None opened is still a Crowd: its stats say what happened. Where a limit makes n impossible it is nil, err, which says which limit, and the n that would work.",
					Example: `local s = assert(server.start{model = "epoll", handler = "echo"})
local crowd = client.open{to = s.addr, n = 100}
crowd:send("x")
crowd:recv(1)
print(crowd.n, crowd:stats().opened, s:stats().accepted)  --> 100	100	100`},
				loadFunc(),
			}, behaviours()...),
			Types: append([]lua.Type{crowdType(), behaviourType()}, plugins.LoadTypes()...),
		}},
		Roles: []engines.Role{{Name: workerRole, Run: func([]string) int { return crowd.Worker() }}},
	}
}

// dialOptions are those of client.dial.
type dialOptions struct {
	Proto   string        `lua:"proto" default:"tcp" enum:"tcp,udp" help:"transport protocol; with udp each send is a datagram, and recv gives one"`
	Timeout time.Duration `lua:"timeout" default:"10s" help:"seconds to wait for the connection"`
	From    string        `lua:"from" help:"this end's address, \"host\" or \"host:port\"; the kernel's choice when absent"`
	TTL     int           `lua:"ttl" default:"0" min:"0" max:"255" help:"how many routers a packet may pass; 0 is the kernel's default"`
	NoDelay bool          `lua:"no_delay" default:"false" help:"TCP_NODELAY: send small pieces at once"`

	TLS       lua.Value  `lua:"tls" help:"true, or {ca, server_name, insecure, min, max, alpn, cert, key}: ca is what to trust in PEM, server_name whom the certificate has to be for, insecure takes any"`
	Behaviour *Behaviour `lua:"behaviour" help:"how it misbehaves by itself, beside what the script does: client.silent{}, client.slow{}, …"`
	plugins.Where
}

func (o *dialOptions) engine(addr string, place engines.Place) engines.DialOptions {
	return engines.DialOptions{Proto: o.Proto, Addr: addr, From: o.From, Timeout: o.Timeout, NoDelay: o.NoDelay, TTL: o.TTL,
		Buffer: o.Behaviour.engine().Buffer, Place: place}
}

// checkAddr raises a malformed address as the caller's mistake.
func checkAddr(name, addr string) error {
	if _, err := engines.ParseAddr(addr); err != nil {
		return lua.Misusef(name, "%s", err)
	}
	return nil
}

// checkTarget is checkAddr, and knows unix sockets.
func checkTarget(name, addr string) error {
	path, ok := engines.UnixPath(addr)
	if !ok {
		return checkAddr(name, addr)
	}
	if err := engines.CheckUnixPath(path); err != nil {
		return lua.Misusef(name, "%s", err)
	}
	return nil
}

// checkFrom takes "host" and "host:port".
func checkFrom(from string) error {
	if from == "" {
		return nil
	}
	if _, err := engines.ParseAddr(from); err == nil {
		return nil
	}
	return checkAddr("from", hostOnly(from))
}

func hostOnly(host string) string {
	if len(host) > 1 && host[0] != '[' && contains(host, ':') {
		host = "[" + host + "]"
	}
	return host + ":0"
}

func contains(s string, c byte) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == c {
			return true
		}
	}
	return false
}

func dial(ctx context.Context, env *lua.Env, addr string, o dialOptions) (*plugins.Conn, error) {
	if err := errors.Join(checkTarget("addr", addr), checkFrom(o.From), o.suits(addr)); err != nil {
		return nil, err
	}
	config, err := o.secure(env, addr)
	if err != nil {
		return nil, err
	}
	place := o.Place(env)
	ctx, end := plugins.During(ctx, place, "dial", addr)
	dial := o.engine(addr, place)
	dial.TLS = config
	c, err := engines.Dial(ctx, dial)
	if err = tlsFault(addr, end(err)); err != nil {
		return nil, plugins.Fault("dial", addr, err)
	}
	conn := plugins.NewConn(c, false).OwnedBy(env, place)
	switch b := o.Behaviour.engine(); b.Kind {
	case "", crowd.Silent:
	case crowd.Vanishes: // before anything that the script does
		if err := crowd.Behave(ctx, c, b); err != nil {
			conn.Conn.Close()
			return nil, plugins.Fault("dial", addr, err)
		}
	default:
		lua.Go("a client's behaviour", nil, func() { crowd.Behave(context.Background(), c, b) }) // to the close
	}
	return conn, nil
}
