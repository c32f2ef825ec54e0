// Command authority is a certificate authority that speaks ACME, for tests: Pebble, the one that the makers of Let's
// Encrypt test clients with, on free ports. For it every name is 127.0.0.1. It prints the URL of its directory, and then
// reads from standard input the port on which the server that wants certificates shows that a name is its own. Its
// requests wait until then.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

func main() {
	roots := flag.String("roots", "", "`file` to write the certificate to by which clients trust this authority's own address")
	validity := flag.Duration("validity", 90*24*time.Hour, "how long certificates last")
	flag.Parse()
	if err := run(*roots, *validity); err != nil {
		fmt.Fprintln(os.Stderr, "authority:", err)
		os.Exit(1)
	}
}

func run(roots string, validity time.Duration) error {
	own, err := certificate(roots)
	if err != nil {
		return err
	}
	resolver, err := serveNames()
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{own}})
	if err != nil {
		return err
	}
	handler := sync.OnceValue(func() http.Handler {
		var port int
		if _, err := fmt.Scan(&port); err != nil {
			log.Fatalf("no port on standard input: %v", err)
		}
		return pebble(resolver, port, validity)
	})
	fmt.Printf("https://%s%s\n", listener.Addr(), wfe.DirectoryPath)
	go func() {
		handler()
		_, _ = io.Copy(io.Discard, os.Stdin) // the test has ended
		os.Exit(0)
	}()
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler().ServeHTTP(w, r) }))
}

func pebble(resolver string, port int, validity time.Duration) http.Handler {
	logger := log.New(os.Stderr, "pebble ", 0)
	store := db.NewMemoryStore()
	profiles := map[string]ca.Profile{"default": {Description: "the only one", ValidityPeriod: uint64(validity.Seconds())}}
	authority := ca.New(logger, store, "", "ecdsa", 0, 1, profiles)
	validation := va.New(logger, port, port, true, resolver, store)
	front := wfe.New(logger, store, validation, authority, []string{"pebble.test"}, true, false, 1, 1)
	return front.Handler()
}

// certificate makes the certificate of the authority's own address.
func certificate(roots string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, os.WriteFile(roots, encoded, 0o600)
}

// serveNames resolves every name to 127.0.0.1 and returns the resolver's address.
func serveNames() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // Pebble asks over TCP
	if err != nil {
		return "", err
	}
	server := &dns.Server{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		answer := new(dns.Msg).SetReply(question)
		if q := question.Question[0]; q.Qtype == dns.TypeA {
			answer.Answer = append(answer.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.IPv4(127, 0, 0, 1),
			})
		}
		_ = w.WriteMsg(answer)
	})}
	go func() { log.Fatal(server.ActivateAndServe()) }()
	return listener.Addr().String(), nil
}
