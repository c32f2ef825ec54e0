package certs_test

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/certs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Getting certificates from an authority that speaks ACME is tested with the whole server, in test/blackbox.

// An authority that does not answer neither holds up the end nor fills the log, and unknown hosts do not reach it.
func TestACMEWithoutAnAuthority(t *testing.T) {
	asked := make(chan string, 10)
	authority := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		<-r.Context().Done()
	}))
	defer authority.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	var log bytes.Buffer
	a, err := certs.NewACME(certs.ACMEConfig{
		Hosts: []string{"chat.example.com"}, Directory: authority.URL + "/directory", Cache: t.TempDir(),
		Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Certificate(&tls.ClientHelloInfo{ServerName: "other.example.com"}); err == nil || !strings.Contains(err.Error(), "acme-hosts") {
		t.Errorf("another host: %v", err)
	}
	if _, err := a.Certificate(&tls.ClientHelloInfo{ServerName: "chat.example.com", SupportedProtos: []string{"acme-tls/1"}}); err == nil {
		t.Error("answered a challenge that nobody has")
	}
	if len(asked) > 0 {
		t.Errorf("asked for %s", <-asked)
	}
	a.Start()
	if got := <-asked; got != "/directory" {
		t.Errorf("asked for %s", got)
	}
	if !a.Expires().IsZero() {
		t.Errorf("a certificate that expires %s", a.Expires())
	}
	a.Stop() // while the authority has not answered
	if log.Len() > 0 {
		t.Errorf("logged %s", log.String())
	}
}

func TestACMEComplains(t *testing.T) {
	authority := httptest.NewServer(http.NotFoundHandler())
	defer authority.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	var log bytes.Buffer
	a, err := certs.NewACME(certs.ACMEConfig{
		Hosts: []string{"chat.example.com"}, Directory: authority.URL, Cache: t.TempDir(),
		Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Stop()
	for _, name := range []string{"chat.example.com", "CHAT.example.com.", ""} { // who names no host gets the first
		if _, err := a.Certificate(&tls.ClientHelloInfo{ServerName: name}); err == nil || strings.Contains(err.Error(), "acme-hosts") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if said := strings.Count(log.String(), "no certificate"); said != 1 || !strings.Contains(log.String(), "host=chat.example.com") {
		t.Errorf("logged %s", log.String())
	}
}
