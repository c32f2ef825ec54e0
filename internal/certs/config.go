// Package certs has the certificate for each TLS handshake: from two files, which it reads again when they change, or
// from an authority that speaks ACME (RFC 8555).
package certs

import "crypto/tls"

// Config is how the server speaks TLS with the certificates that certificate returns. It may be used by many
// connections.
//
// The only protocol is HTTP/1.1. A WebSocket needs a connection of HTTP/1.1 in any case: with HTTP/2 a browser would hold
// two connections in place of one, and what HTTP/2 keeps for a connection costs more than an idle client. Where many files
// are fetched over one connection, a proxy in front does it better.
func Config(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: certificate,
		NextProtos:     []string{"http/1.1"},
	}
}
