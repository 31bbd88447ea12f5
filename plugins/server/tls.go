package server

import (
	"crypto/tls"
	"net"
	"os"

	"github.com/nsh-lab/nsh/engines"
	"github.com/nsh-lab/nsh/internal/tlsbox"
	"github.com/nsh-lab/nsh/lua"
)

// tlsOptions are those of server.start's tls.
type tlsOptions struct {
	Cert     string   `lua:"cert" help:"the certificate, in PEM, with those between it and an authority's; one is made on the spot when absent"`
	Key      string   `lua:"key" help:"its key, in PEM"`
	Names    []string `lua:"names" help:"more host names and addresses that a certificate made on the spot is for"`
	Min      string   `lua:"min" default:"1.2" enum:"1.2,1.3" help:"the oldest version to speak"`
	Max      string   `lua:"max" default:"1.3" enum:"1.2,1.3" help:"the newest version to speak"`
	ALPN     []string `lua:"alpn" help:"application protocols that the server speaks, the best first"`
	ClientCA string   `lua:"client_ca" help:"clients need a certificate that one of these has signed, in PEM"`
}

// secure reads the option tls: true, or a table. CA is the authority of a certificate made on the spot.
func (o *options) secure(env *lua.Env, place engines.Place, addr string) (cfg *tls.Config, ca string, err error) {
	var t tlsOptions
	switch kind := o.TLS.Kind(); {
	case o.TLS.IsNil(), kind == "boolean" && !o.TLS.Truth():
		return nil, "", nil
	case kind == "boolean":
		t.Min, t.Max = "1.2", "1.3"
	case kind != "table":
		return nil, "", lua.Misusef("tls", "true or a table expected, got %s", o.TLS.TypeName())
	default:
		if err := o.TLS.Read(env, &t); err != nil {
			return nil, "", lua.Misusef("tls", "%s", err)
		}
	}
	versions := tlsbox.Versions()
	cfg = &tls.Config{MinVersion: versions[t.Min], MaxVersion: versions[t.Max], NextProtos: t.ALPN}
	if cfg.MinVersion > cfg.MaxVersion {
		return nil, "", lua.Misusef("tls", "option 'min' is %s, above option 'max', %s", t.Min, t.Max)
	}
	if t.ClientCA != "" {
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
		if cfg.ClientCAs, err = tlsbox.Pool([]byte(t.ClientCA)); err != nil {
			return nil, "", lua.Misusef("tls", "option 'client_ca': %s", err)
		}
	}
	if t.Cert != "" || t.Key != "" {
		pair, err := tls.X509KeyPair([]byte(t.Cert), []byte(t.Key))
		if err != nil {
			return nil, "", lua.Misusef("tls", "options 'cert' and 'key': %s", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
		return cfg, "", nil
	}
	pair, text, err := tlsbox.Make(append(namesOf(place, addr), t.Names...)...)
	if err != nil {
		return nil, "", &lua.Fault{Code: "ERROR", Op: "listen", Addr: addr, Message: err.Error(), Err: err}
	}
	cfg.Certificates = []tls.Certificate{pair}
	return cfg, string(text), nil
}

// namesOf are the names that clients may have a server by: loopback's, its address, those of a laboratory's host.
func namesOf(place engines.Place, addr string) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	if a, err := engines.ParseAddr(addr); err == nil && !net.ParseIP(a.Host).IsLoopback() {
		names = append(names, a.Host)
	}
	if h, ok := place.(engines.Host); ok {
		if ip, ok := h.Home(); ok {
			names = append(names, ip.String())
		}
		if named, ok := place.(interface{ Name() string }); ok {
			names = append(names, named.Name())
		}
	}
	return names
}
