// Package app puts the server together: it is the only package that knows every
// driver. Run serves until it is told to stop; New shows of what the server is built, and
// in which order.
//
//	app.go        the life of a server: build, serve, drain, stop
//	build.go      New: its parts, each made of those above it
//	join.go       it hears other servers before it takes connections
//	handover.go   its connections go to them when it stops
//	supervised.go its listener stays for the server that follows
//	people.go     those that concern users; figures.go, tls.go, …: others
//	settings.go   the configuration in the words of each package; the seams for tests
package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/systemd"
)

// Run serves until ctx ends, then drains for at most the configured time. It
// calls ready once, with the address it listens on.
//
// A supervisor such as systemd may hand the listener over, and is told how the server does.
func Run(ctx context.Context, cfg config.Config, log *slog.Logger, ready func(addr string)) error {
	manager, err := systemd.Open()
	if err != nil {
		return err
	}
	settings := SettingsOf(cfg)
	settings.Listener = manager.Listener
	s, err := New(ctx, settings, log)
	if err != nil {
		return err
	}
	defer s.Stop()
	defer s.supervised(ctx, manager)()
	return s.Serve(ctx, func(addr string) {
		s.untold(manager.Ready("serving on " + addr))
		ready(addr)
	})
}

// Serve takes connections until ctx ends, and drains then. It calls ready once, with the
// address on which it listens.
func (s *Server) Serve(ctx context.Context, ready func(addr string)) error {
	served := make(chan error, 1)
	go func() { served <- s.Sockets.Serve(s.http, s.secure.listener(s.listener)) }()
	s.secure.begin()
	s.health.Ready()
	ready(s.listener.Addr().String())
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		err = s.drain(served)
	}
	return inOrder(err)
}

// inOrder is the error of a listener, which is none after it was closed.
func inOrder(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Stop stops all parts, the last one first, and drops what is left of connections.
func (s *Server) Stop() { s.parts.stop(s.log) }

// drain stops in the order in which nothing is lost: connections go to other nodes one by one,
// if there are any, no new ones are taken, what was received is finished, and clients
// are told to come back elsewhere.
func (s *Server) drain(served <-chan error) error {
	timeout := s.settings.DrainTimeout
	s.log.Info("draining", "connections", s.Sockets.Connections(), "timeout", timeout.String())
	s.health.Drain()
	s.runner.Rest()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s.handOver(ctx)
	s.leaveListener(ctx)
	s.Monitor.Stop() // and who follows it, or the listener would wait for them
	if err := s.finish(ctx); err != nil {
		s.log.Warn("not everything was finished in time", "err", err)
	}
	// Only now is the listener closed, if it is not another's too: until here /ready says why
	// to go elsewhere, and new connections are refused.
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
	return <-served
}

// finish handles what was received, tells the devices here what came of it, and
// closes their connections. The first two have a half of the time that is left.
func (s *Server) finish(ctx context.Context) error {
	deadline, _ := ctx.Deadline()
	handled, cancel := context.WithTimeout(ctx, time.Until(deadline)/2)
	defer cancel()
	if err := s.Gateway.Quiesce(handled); err != nil {
		s.log.Warn("commands are still under way", "err", err)
	}
	if err := s.Feed.Flush(handled); err != nil {
		s.log.Warn("events are still to be told", "err", err)
	}
	if s.forwarder != nil {
		s.forwarder.Release()
	}
	return s.Gateway.Shutdown(ctx)
}

// ended shuts down at once, dropping what is left; after a drain that is nothing.
func ended(shutdown func(context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := shutdown(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
