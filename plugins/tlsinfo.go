package plugins

import (
	"crypto/tls"
	"net"
	"time"
)

// TLSInfo is what the two ends of a connection have agreed on.
type TLSInfo struct {
	Version string   `lua:"version"`
	Cipher  string   `lua:"cipher"`
	Name    string   `lua:"server_name,omitempty"`
	ALPN    string   `lua:"alpn,omitempty"`
	Resumed bool     `lua:"resumed"`
	Peer    *TLSPeer `lua:"peer,omitempty"`
}

// TLSPeer is the other end's certificate.
type TLSPeer struct {
	Subject string   `lua:"subject"`
	Issuer  string   `lua:"issuer"`
	Names   []string `lua:"names"`
	Until   string   `lua:"until"`
}

// tls is conn:tls().
func (c *Conn) tls() *TLSInfo {
	s, ok := c.TLSState()
	if !ok {
		return nil
	}
	out := &TLSInfo{Version: tls.VersionName(s.Version), Cipher: tls.CipherSuiteName(s.CipherSuite), Name: s.ServerName,
		ALPN: s.NegotiatedProtocol, Resumed: s.DidResume}
	if len(s.PeerCertificates) > 0 {
		p := s.PeerCertificates[0]
		out.Peer = &TLSPeer{Subject: p.Subject.String(), Issuer: p.Issuer.String(), Until: p.NotAfter.UTC().Format(time.RFC3339)}
		out.Peer.Names = append(out.Peer.Names, p.DNSNames...)
		for _, ip := range p.IPAddresses {
			out.Peer.Names = append(out.Peer.Names, net.IP(ip).String())
		}
	}
	return out
}
