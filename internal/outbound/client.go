package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// The bounds of what comes back.
const (
	maxHeaders = 32 << 10 // bytes
	idleFor    = 30 * time.Second
)

// Config is whom a client reaches.
type Config struct {
	Allow Allowed
	// DialTimeout is how long the look-up of a name and the connection may take together.
	DialTimeout time.Duration
	// Roots are the authorities whose certificates are good; nil are the system's.
	Roots *x509.CertPool
	// Resolver looks names up; nil is the system's.
	Resolver *net.Resolver
	// OnDial is called when an address is about to be dialled that may be. It is for tests; nil is nobody.
	OnDial func(netip.AddrPort)
}

// Client sends requests to addresses that others have named. Its methods may be called concurrently.
type Client struct {
	allow Allowed
	http  *http.Client // whose transport tells both schemes apart
	both  transports
}

// NewClient returns a client. Close ends its idle connections.
func NewClient(cfg Config) *Client {
	c := &Client{allow: cfg.Allow, both: transports{secure: cfg.transport(cfg.Allow.Check), plain: cfg.transport(cfg.Allow.CheckPlain)}}
	c.http = &http.Client{
		Transport:     c.both,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// transport dials what check permits, which is asked with the address itself: a name that is looked up has led there.
func (cfg *Config) transport(check func(netip.Addr) error) *http.Transport {
	dialer := &net.Dialer{
		Timeout: cfg.DialTimeout, Resolver: cfg.Resolver,
		ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("the address %q of %s cannot be read: %w", address, network, err)
			}
			if err := check(at.Addr()); err != nil {
				return err
			}
			if cfg.OnDial != nil {
				cfg.OnDial(at)
			}
			return nil
		},
	}
	return &http.Transport{
		Proxy: nil, DialContext: dialer.DialContext, TLSHandshakeTimeout: cfg.DialTimeout, MaxResponseHeaderBytes: maxHeaders,
		MaxIdleConns: 100, MaxIdleConnsPerHost: 4, IdleConnTimeout: idleFor, ForceAttemptHTTP2: true, DisableCompression: true,
		TLSClientConfig: &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12},
	}
}

// transports are one for each scheme.
type transports struct{ secure, plain *http.Transport }

func (t transports) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "http" {
		return t.plain.RoundTrip(r)
	}
	return t.secure.RoundTrip(r)
}

// Close ends idle connections.
func (c *Client) Close() {
	c.both.secure.CloseIdleConnections()
	c.both.plain.CloseIdleConnections()
}

// Do sends a request and returns the answer with at most maxBody bytes of its body. A redirect is an answer like any other. What
// is wrong with the body behind its status is not an error: less of it is returned.
func (c *Client) Do(r *http.Request, maxBody int64) (status int, header http.Header, body []byte, err error) {
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	body, _ = io.ReadAll(io.LimitReader(answer.Body, maxBody))
	_ = answer.Body.Close()
	return answer.StatusCode, answer.Header, body, nil
}

// WhyNot is the [Forbidden] in the chain of an error; not ok if there is none.
func WhyNot(err error) (f Forbidden, ok bool) {
	ok = errors.As(err, &f)
	return f, ok
}
