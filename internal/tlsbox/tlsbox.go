// Package tlsbox makes certificates on the spot, for laboratories: an authority that lives as long as nobody forgets it, and a
// certificate that it has signed.
package tlsbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"
)

// lifetime is how long a certificate is valid. It begins an hour ago, for machines whose clocks differ.
const lifetime = 7 * 24 * time.Hour

// Make makes an authority and a certificate for the names, host names and IP addresses. CA is the authority's own, in PEM: who
// trusts it trusts the certificate.
func Make(names ...string) (cert tls.Certificate, ca []byte, err error) {
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cert, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cert, nil, err
	}
	from := time.Now().Add(-time.Hour)
	authority := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "nsh laboratory authority"},
		NotBefore: from, NotAfter: from.Add(lifetime), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	signed, err := x509.CreateCertificate(rand.Reader, authority, authority, &signer.PublicKey, signer)
	if err != nil {
		return cert, nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "nsh laboratory server"},
		NotBefore: from, NotAfter: from.Add(lifetime), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else if name != "" {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, authority, &key.PublicKey, signer)
	if err != nil {
		return cert, nil, err
	}
	cert = tls.Certificate{Certificate: [][]byte{der, signed}, PrivateKey: key}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), nil
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return n
}

// Pool reads certificates in PEM, to be trusted.
func Pool(text []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("there is no certificate in PEM (-----BEGIN CERTIFICATE-----)")
	}
	return pool, nil
}

// Versions are the versions by their names.
func Versions() map[string]uint16 {
	return map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}
}

// Why is what is wrong with a peer, in words and with a code of its own; "" where the error is not TLS's.
func Why(err error) (code, text string) {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert *net.OpError
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return "ETLSAUTHORITY", "the certificate is signed by nobody who is trusted here (ca = … trusts one, insecure = true all)"
	case errors.As(err, &host):
		return "ETLSNAME", fmt.Sprintf("the certificate is not one for %s", host.Host)
	case errors.As(err, &invalid):
		return "ETLSCERTIFICATE", invalid.Error()
	case errors.As(err, &alert) && alert.Op == "remote error": // as crypto/tls wraps what came
		return "ETLSALERT", "the peer has refused: " + strings.TrimPrefix(alert.Err.Error(), "tls: ")
	case errors.As(err, &header):
		return "ETLSRECORD", "the peer does not speak TLS"
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		if text := inner.Error(); strings.HasPrefix(text, "tls: ") {
			return "ETLSRECORD", "the peer does not speak TLS as it should: " + strings.TrimPrefix(text, "tls: ")
		}
	}
	return "", ""
}
