package forward

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// pin is the SHA-256 fingerprint of a certificate. Nodes know each other by nothing else: what stands in a certificate,
// its dates and names, says nothing.
type pin [sha256.Size]byte

func pinOf(raw []byte) pin { return sha256.Sum256(raw) }

// errPin is that of a certificate which is not that of the node.
var errPin = errors.New("the certificate is none of a node of this cluster")

// keys are the certificate of this process, which nobody else has, and which ends with it.
type keys struct {
	certificate tls.Certificate
	pin         pin
}

func newKeys() (*keys, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sockeye node"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280 section 4.1.2.5: no date
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return &keys{tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: private}, pinOf(raw)}, nil
}

// to is TLS to the node with a pin.
func (k *keys) to(node pin) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{k.certificate},
		InsecureSkipVerify: true, // instead there is the pin, which no authority can give away
		VerifyConnection: func(state tls.ConnectionState) error {
			if pinOf(state.PeerCertificates[0].Raw) != node {
				return errPin
			}
			return nil
		},
	}
}

// from is TLS from nodes, each of which is let in by what known says of its pin and where it comes from.
func (k *keys) from(known func(pin, net.Addr) error) *tls.Config {
	base := &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{k.certificate}, NextProtos: []string{"h2", "http/1.1"},
		ClientAuth: tls.RequireAnyClientCert, SessionTicketsDisabled: true,
	}
	admitting := base.Clone()
	admitting.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		from := hello.Conn.RemoteAddr()
		config := base.Clone()
		config.VerifyConnection = func(state tls.ConnectionState) error {
			return known(pinOf(state.PeerCertificates[0].Raw), from)
		}
		return config, nil
	}
	return admitting
}
