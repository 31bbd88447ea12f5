package client

import (
	"crypto/tls"
	"strings"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/tlsbox"
	"github.com/nsh-lab/nsh/lua"
)

// tlsOptions are those of client.dial's tls.
type tlsOptions struct {
	CA         string   `lua:"ca" help:"certificates to trust, in PEM, instead of the machine's: s.ca of a nsh server"`
	ServerName string   `lua:"server_name" help:"whom the certificate has to be for, and the name in the ClientHello (SNI); the address's host when absent"`
	Insecure   bool     `lua:"insecure" default:"false" help:"take any certificate"`
	Min        string   `lua:"min" default:"1.2" enum:"1.2,1.3" help:"the oldest version to speak"`
	Max        string   `lua:"max" default:"1.3" enum:"1.2,1.3" help:"the newest version to speak"`
	ALPN       []string `lua:"alpn" help:"application protocols to offer, the best first: {\"h2\", \"http/1.1\"}"`
	Cert       string   `lua:"cert" help:"a certificate of the client's own, in PEM"`
	Key        string   `lua:"key" help:"its key, in PEM"`
}

// secure reads the option tls: true, or a table.
func (o *dialOptions) secure(env *lua.Env, addr string) (*tls.Config, error) {
	var t tlsOptions
	switch kind := o.TLS.Kind(); {
	case o.TLS.IsNil(), kind == "boolean" && !o.TLS.Truth():
		return nil, nil
	case kind == "boolean":
		t.Min, t.Max = "1.2", "1.3"
	case kind != "table":
		return nil, lua.Misusef("tls", "true or a table expected, got %s", o.TLS.TypeName())
	default:
		if err := o.TLS.Read(env, &t); err != nil {
			return nil, lua.Misusef("tls", "%s", err)
		}
	}
	versions := tlsbox.Versions()
	cfg := &tls.Config{ServerName: t.ServerName, InsecureSkipVerify: t.Insecure, NextProtos: t.ALPN,
		MinVersion: versions[t.Min], MaxVersion: versions[t.Max]}
	if cfg.MinVersion > cfg.MaxVersion {
		return nil, lua.Misusef("tls", "option 'min' is %s, above option 'max', %s", t.Min, t.Max)
	}
	if cfg.ServerName == "" {
		if a, err := engines.ParseAddr(addr); err == nil {
			cfg.ServerName = strings.TrimSuffix(a.Host, ".")
		}
	}
	if t.CA != "" {
		var err error
		if cfg.RootCAs, err = tlsbox.Pool([]byte(t.CA)); err != nil {
			return nil, lua.Misusef("tls", "option 'ca': %s", err)
		}
	}
	if t.Cert != "" || t.Key != "" {
		pair, err := tls.X509KeyPair([]byte(t.Cert), []byte(t.Key))
		if err != nil {
			return nil, lua.Misusef("tls", "options 'cert' and 'key': %s", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// suits refuses what a kind of socket does not have.
func (o *dialOptions) suits(addr string) error {
	_, unix := engines.UnixPath(addr)
	switch {
	case unix && o.Proto == "udp":
		return lua.Misusef("proto", "unix sockets are streams here, not datagrams")
	case unix && o.From != "":
		return lua.Misusef("from", "a client of a unix socket has no address")
	case unix && o.TTL != 0:
		return lua.Misusef("ttl", "no router is passed on the way to a unix socket")
	case (unix || o.Proto == "udp") && o.NoDelay:
		return lua.Misusef("no_delay", "only TCP waits with small pieces")
	case o.Proto == "udp" && !o.TLS.IsNil():
		return lua.Misusef("tls", "TLS needs a connection, and UDP has none")
	case (unix || o.Proto == "udp") && o.Behaviour != nil && o.Behaviour.b.Kind != "silent":
		return lua.Misusef("behaviour", "it is one of TCP connections")
	case !o.TLS.IsNil() && o.Behaviour != nil && o.Behaviour.b.Kind == "vanishes":
		return nil
	}
	return nil
}

// tlsFault gives what went wrong in a handshake a code of its own.
func tlsFault(addr string, err error) error {
	code, text := tlsbox.Why(err)
	if code == "" {
		return err
	}
	return &lua.Fault{Code: code, Op: "dial", Addr: addr, Message: text, Err: err}
}
