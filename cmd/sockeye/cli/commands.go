package cli

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/ops"
)

type serve struct {
	config.Config `embed:""`
}

// Run serves until ctx ends.
func (s *serve) Run(ctx context.Context, p Program) error {
	if err := s.Finish(); err != nil {
		return usageError{err}
	}
	log, err := ops.NewLogger(p.Stderr, s.Log.Level, s.Log.Format)
	if err != nil {
		return usageError{err}
	}
	for _, warning := range s.Warnings() {
		log.Warn(warning)
	}
	s.Version = p.Version
	return p.Serve(ctx, s.Config, log, func(addr string) {
		_, _ = fmt.Fprintf(p.Stdout, "Sockeye is ready: http://%s\n", reachable(addr))
		if s.Dev {
			_, _ = fmt.Fprintln(p.Stdout, "Demo sign-in is on: anybody on this machine can sign in under any name.")
		}
	})
}

// reachable turns the address of all interfaces into one that a browser can open.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

type token struct {
	config.Signing `embed:""`

	File string        `name:"config" placeholder:"FILE" help:"The server's settings file."`
	User string        `required:"" placeholder:"ID" help:"User id."`
	Name string        `placeholder:"NAME" help:"Display name. Default: the id."`
	TTL  time.Duration `name:"ttl" default:"24h" help:"How long the token is good for."`
}

// Run prints the token and nothing else. It makes the data folder and the secret when there are none.
func (t *token) Run(p Program) error {
	secret, err := t.Secret()
	if err != nil {
		return err
	}
	issuer, err := account.NewIssuer(secret, time.Now)
	if err != nil {
		return err
	}
	signed, err := issuer.Sign(t.User, t.Name, t.TTL)
	if err != nil {
		return usageError{err}
	}
	_, err = fmt.Fprintln(p.Stdout, signed)
	return err
}

type version struct{}

// Run prints the version.
func (version) Run(p Program) error {
	_, err := fmt.Fprintf(p.Stdout, "sockeye %s (%s, %s/%s)\n", p.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

type healthcheck struct {
	URL     string        `name:"url" default:"http://127.0.0.1:3000/health" help:"Address to ask: /health, or /ready for a server that also wants traffic."`
	Timeout time.Duration `default:"5s" help:"How long to wait for the answer."`
}

// Run fails unless the answer is 200.
func (h *healthcheck) Run(ctx context.Context, p Program) error {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL, nil)
	if err != nil {
		return usageError{fmt.Errorf("url is %q: %w", h.URL, err)}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", h.URL, response.Status)
	}
	_, err = fmt.Fprintln(p.Stdout, "ok")
	return err
}
