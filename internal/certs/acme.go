package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/sockeye-im/sockeye/internal/deps"
)

const (
	// maxWaiting is how many handshakes for a host may wait for the authority. Each holds a connection and a goroutine, for minutes
	// if the authority is slow; more are refused.
	maxWaiting = 256
	// askTimeout bounds one request to the authority.
	askTimeout = 30 * time.Second
	// complainEvery is how often the log has that there is no certificate. The authority is not asked again sooner.
	complainEvery = time.Minute
)

// ACMEConfig says which certificates to get, and where.
type ACMEConfig struct {
	Hosts     []string // in ASCII and small letters; at least one
	Email     string   // where the authority can write to; may be empty
	Directory string   // URL of the authority's directory
	Cache     string   // folder for the account's key and the certificates with theirs; made when missing
	Now       func() time.Time
	Log       *slog.Logger
}

// ACME gets certificates from an authority and renews them after two thirds of their time, for which the authority
// connects to this server (tls-alpn-01, RFC 8737). All methods may be called concurrently.
type ACME struct {
	manager *autocert.Manager
	hosts   []string
	state   map[string]*hostState
	log     *slog.Logger
	now     func() time.Time

	complainAt atomic.Int64 // Unix nanoseconds

	asking context.Context // of every request to the authority
	cancel context.CancelFunc
	first  sync.WaitGroup // getting the first certificates
}

// hostState is what is known of a host.
type hostState struct {
	expires atomic.Int64  // Unix seconds of the certificate last used; 0: there was none
	waiting chan struct{} // handshakes under way: they wait while there is no certificate
}

// NewACME connects to nobody yet. By calling it the operator accepts the authority's terms.
func NewACME(cfg ACMEConfig) (*ACME, error) {
	if err := deps.Check(cfg); err != nil {
		return nil, err
	}
	a := &ACME{hosts: cfg.Hosts, state: make(map[string]*hostState), log: cfg.Log, now: cfg.Now}
	for _, host := range cfg.Hosts {
		a.state[host] = &hostState{waiting: make(chan struct{}, maxWaiting)}
	}
	a.asking, a.cancel = context.WithCancel(context.Background())
	a.manager = &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(cfg.Cache),
		HostPolicy: autocert.HostWhitelist(cfg.Hosts...),
		Email:      cfg.Email,
		Client: &acme.Client{
			DirectoryURL: cfg.Directory,
			UserAgent:    "sockeye",
			HTTPClient:   &http.Client{Transport: (*asking)(a), Timeout: askTimeout},
		},
	}
	return a, nil
}

// TLS is how the server speaks TLS with these certificates.
func (a *ACME) TLS() *tls.Config {
	config := Config(a.Certificate)
	config.NextProtos = append(config.NextProtos, acme.ALPNProto)
	return config
}

// Start gets the certificates that are missing, so that no client has to wait for them, and says in the log what came of
// it. The server must be serving by now: the authority connects to it.
func (a *ACME) Start() {
	a.first.Go(func() {
		for _, host := range a.hosts {
			_, _ = a.Certificate(modernHello(host)) // the log has an error
		}
	})
}

// modernHello is what a client says that takes an ECDSA certificate.
func modernHello(host string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{
		ServerName:       host,
		CipherSuites:     []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
	}
}

// Stop breaks off what is being asked of the authority and waits for what Start began.
func (a *ACME) Stop() {
	a.cancel()
	a.first.Wait()
}

// Expires is when the first of the certificates in use runs out; zero when there is none yet.
func (a *ACME) Expires() time.Time {
	soonest := int64(0)
	for _, state := range a.state {
		if at := state.expires.Load(); at != 0 && (soonest == 0 || at < soonest) {
			soonest = at
		}
	}
	if soonest == 0 {
		return time.Time{}
	}
	return time.Unix(soonest, 0)
}

// Certificate is for [tls.Config.GetCertificate]. A client that names no host gets the first one's certificate. The first
// handshake for a host waits for the authority.
func (a *ACME) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if host == "" {
		host = a.hosts[0]
	}
	state, known := a.state[host]
	if !known {
		return nil, fmt.Errorf("acme-hosts do not have %q", host)
	}
	named := *hello
	named.ServerName = host
	if isChallenge(hello) { // the authority: everybody else waits for it
		return a.manager.GetCertificate(&named)
	}
	select {
	case state.waiting <- struct{}{}:
		defer func() { <-state.waiting }()
	default:
		return nil, fmt.Errorf("more than %d handshakes wait for the certificate of %s", maxWaiting, host)
	}
	cert, err := a.manager.GetCertificate(&named)
	if err != nil {
		a.complain(host, err)
		return nil, err
	}
	if at := cert.Leaf.NotAfter.Unix(); state.expires.Swap(at) != at {
		a.log.Info("certificate in use", "host", host, "expires", cert.Leaf.NotAfter)
	}
	return cert, nil
}

func isChallenge(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acme.ALPNProto
}

func (a *ACME) complain(host string, err error) {
	now, quiet := a.now(), a.complainAt.Load()
	if now.UnixNano() < quiet || !a.complainAt.CompareAndSwap(quiet, now.Add(complainEvery).UnixNano()) {
		return
	}
	if a.asking.Err() == nil {
		a.log.Error("no certificate", "host", host, "directory", a.manager.Client.DirectoryURL, "err", err)
	}
}

// asking carries requests to the authority until Stop.
type asking ACME

// RoundTrip is part of [http.RoundTripper].
func (a *asking) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	release := context.AfterFunc(a.asking, func() { cancel(context.Cause(a.asking)) })
	response, err := http.DefaultTransport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		release()
		cancel(nil)
		return nil, err
	}
	response.Body = &answer{response.Body, func() { release(); cancel(nil) }}
	return response, nil
}

// answer is the body of an answer that Stop can break off.
type answer struct {
	io.ReadCloser
	release func()
}

// Close is part of [io.Closer].
func (a *answer) Close() error {
	defer a.release()
	return a.ReadCloser.Close()
}
