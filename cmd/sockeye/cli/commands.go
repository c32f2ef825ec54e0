package cli

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"slices"
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
	for _, warning := range slices.Concat(s.Warnings(), config.UnknownVariables(p.Environ)) {
		log.Warn(warning)
	}
	s.Version = p.Version
	settings := s.Config
	p.last(func() error {
		return p.Serve(ctx, settings, log, func(addr string) {
			scheme := "http"
			if settings.TLS.On() {
				scheme = "https"
			}
			_, _ = fmt.Fprintf(p.Stdout, "Sockeye is ready: %s://%s\n", scheme, reachable(addr))
			if settings.Dev {
				_, _ = fmt.Fprintln(p.Stdout, "Demo sign-in is on: anybody on this machine can sign in under any name.")
			}
		})
	})
	return nil
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

	File string         `name:"config" placeholder:"FILE" help:"The server's settings file."`
	User account.UserID `required:"" placeholder:"ID" help:"User id."`
	Name string         `placeholder:"NAME" help:"Display name. Default: the id."`
	TTL  time.Duration  `name:"ttl" default:"24h" help:"How long the token is good for."`
}

// Run prints the token and nothing else. It makes no secret: no server would know it.
func (t *token) Run(ctx context.Context, p Program) error {
	secret, err := p.Secret(ctx, t.Signing)
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
