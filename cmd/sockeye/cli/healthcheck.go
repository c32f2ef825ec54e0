package cli

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

type healthcheck struct {
	URL     string        `name:"url" placeholder:"URL" help:"Address to ask: …/health, or …/ready for a server that also wants traffic. Default: /health of the server that has these settings."`
	Timeout time.Duration `default:"5s" help:"How long to wait for the answer."`

	File      string   `name:"config" placeholder:"FILE" help:"The server's settings file."`
	Listen    string   `placeholder:":3000" help:"The server's setting."`
	TLSCert   string   `name:"tls-cert" placeholder:"FILE" help:"The server's setting."`
	ACMEHosts []string `name:"acme-hosts" placeholder:"HOST" help:"The server's setting."`
}

// Help is told by --help, behind the settings.
func (healthcheck) Help() string {
	return "It prints ok and ends with 0 if the server answers 200. Otherwise it says why not, with the reason that /ready gives, and ends with 1, or with 2 for an address that is none."
}

// Run fails unless the answer is 200.
func (h *healthcheck) Run(ctx context.Context, p Program) error {
	own := h.URL == ""
	if own {
		h.URL = h.own()
	}
	address, err := url.Parse(h.URL)
	if err != nil {
		return usageError{fmt.Errorf("url is %q: %w", h.URL, err)}
	}
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL, nil)
	if err != nil {
		return usageError{fmt.Errorf("url is %q: %w", h.URL, err)}
	}
	// Certificates are for the names that clients use. On the way to this machine itself there is nobody to be told apart
	// from, and no secret is sent.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		InsecureSkipVerify: own || loopback(address.Hostname()), //nolint:gosec // see above
	}}
	client := &http.Client{Transport: transport}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	reason := reasonOf(response.Body)
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s%s", h.URL, response.Status, reason)
	}
	_, err = fmt.Fprintln(p.Stdout, "ok")
	return err
}

// reasonOf is what /ready says of why not, in words that go behind others; empty where it is not the answer of a server.
func reasonOf(body io.Reader) string {
	const most = 4 << 10
	var answer struct {
		Reason string `json:"reason"`
	}
	if json.NewDecoder(io.LimitReader(body, most)).Decode(&answer) != nil || answer.Reason == "" {
		return ""
	}
	return ": " + strconv.QuoteToGraphic(answer.Reason)
}

// own is the address of the server on this machine that has these settings.
func (h *healthcheck) own() string {
	address := url.URL{Scheme: "http", Host: "127.0.0.1:3000", Path: "/health"}
	if h.TLSCert != "" || len(h.ACMEHosts) > 0 {
		address.Scheme = "https"
	}
	if host, port, err := net.SplitHostPort(h.Listen); err == nil {
		if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		address.Host = net.JoinHostPort(host, port)
	}
	return address.String()
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
