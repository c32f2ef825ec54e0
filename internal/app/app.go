// Package app puts the server together: it is the only package that knows every
// driver. Run starts the parts in the order in which they need each other and
// stops them in reverse.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/gateway"
	"github.com/sockeye-im/sockeye/internal/httpapi"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/ops"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
	"github.com/sockeye-im/sockeye/internal/web"
	"github.com/sockeye-im/sockeye/socketio"
)

// The bounds of an HTTP request. What upgrades to a WebSocket is the connection
// loop's from then on, and a poll, which may wait for longer, has its own write
// deadline once there is an answer.
const (
	headerTimeout = 10 * time.Second
	writeTimeout  = 2 * time.Minute
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10 // a token may take 8 KiB
)

// Run serves until ctx ends, then drains for at most the configured time. It
// calls ready once, with the address it listens on.
func Run(ctx context.Context, cfg config.Config, log *slog.Logger, ready func(addr string)) error {
	s := &server{cfg: cfg, log: log}
	defer s.parts.stop(log)
	if err := s.build(ctx); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	served := make(chan error, 1)
	go func() { served <- s.sockets.Serve(s.http, s.secure.listener(listener)) }()
	s.secure.begin()
	s.health.Ready()
	ready(listener.Addr().String())
	select {
	case err = <-served:
	case <-ctx.Done():
		err = s.drain(served)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// server is the object graph.
type server struct {
	cfg   config.Config
	log   *slog.Logger
	parts parts

	verifiers *account.Verifiers
	issuer    *account.Issuer
	sockets   *socketio.Server
	hub       *hub.Hub
	store     *sqlite.Store
	accounts  *account.Service
	monitor   *monitor.Monitor
	delivery  monitor.Latencies // from the commit to the queues of devices
	answers   monitor.Latencies // from a command to its acknowledgement
	refused   atomic.Int64      // connections
	presence  *presence.Tracker
	typing    *presence.Typing
	chat      *chat.Service
	metrics   *ops.Metrics
	commands  *command.Table
	gateway   *gateway.Gateway
	native    *gateway.Native
	health    *ops.Health
	secure    secure
	mux       *http.ServeMux
	http      *http.Server
}

func (s *server) build(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		s.lockData, s.buildMemory, s.buildTLS, s.buildTrust, s.buildSockets, s.buildStore, s.buildAccounts, s.buildPresence, s.buildChat, s.buildUpkeep,
		s.buildGateway, s.buildMonitor, s.buildHTTP,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) lockData(context.Context) error {
	unlock, err := lockFolder(s.cfg.Account.Data)
	if err != nil {
		return err
	}
	s.parts.add("data folder", unlock)
	return nil
}

func (s *server) buildSockets(context.Context) error {
	cfg := socketConfig(s.cfg, s.log)
	cfg.Engine.AllowRequest = func(r *http.Request) error {
		return s.gateway.Admit(r, s.sockets.Connections())
	}
	sockets, err := socketio.NewServer(cfg)
	if err != nil {
		return err
	}
	s.sockets = sockets
	s.parts.add("sockets", func() error {
		return ended(sockets.Shutdown)
	})
	return nil
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

func (s *server) buildStore(ctx context.Context) error {
	s.hub = hub.New(s.sockets.Of("/"), s.log)
	s.hub.Observe(func(took time.Duration) { s.delivery.Observe(took) })
	s.parts.add("hub", func() error { s.hub.Stop(); return nil })
	store, err := sqlite.Open(ctx, sqlite.DefaultConfig(s.cfg.Account.Data), s.hub.Publish)
	if err != nil {
		return err
	}
	s.store = store
	s.parts.add("store", store.Close)
	return nil
}

func (s *server) buildChat(context.Context) error {
	service, err := chat.New(chatConfig(s.cfg), s.store, time.Now, chat.NewID, nil)
	s.chat = service
	return err
}

func (s *server) buildUpkeep(context.Context) error {
	u := &upkeep{chat: s.chat, announce: s.hub.Announce, heed: s.accounts.Heed, now: time.Now, log: s.log}
	u.start()
	s.parts.add("upkeep", u.stop)
	return nil
}

func (s *server) buildGateway(context.Context) error {
	registry := ops.NewRegistry()
	metrics, err := ops.NewMetrics(registry, ops.Vocabulary{
		Messages: command.Names(), Operations: command.Names(), Refusals: gateway.Refusals(), Ends: gateway.Ends(),
		ErrorTypes: []string{"command"}, ErrorCodes: command.Codes(),
	})
	if err != nil {
		return err
	}
	s.metrics = metrics
	table := command.New(command.Deps{
		Events: eventRate(s.cfg), Chat: s.chat, Accounts: s.accounts, Presence: s.presence, Typing: s.typing,
		Metrics: watched{metrics, s}, Log: s.log, Now: time.Now,
	})
	s.gateway = gateway.New(gatewayConfig(s.cfg), gateway.Deps{
		Commands: table, Chat: s.chat, Accounts: s.accounts, Presence: s.presence, Typing: s.typing,
		Metrics: watched{metrics, s}, Log: s.log, Now: time.Now, Blocked: s.accounts.AddressBlocked,
	})
	s.parts.add("gateway", func() error { s.gateway.Stop(); return nil })
	s.commands = table
	s.gateway.Serve(s.sockets.Of("/"))
	if s.native, err = gateway.NewNative(s.gateway, s.hub, nativeConfig(s.cfg)); err != nil {
		return err
	}
	s.parts.add("native connections", func() error { return ended(s.native.Shutdown) })
	s.health = ops.NewHealth(ops.HealthConfig{
		Version: s.cfg.Version, Connections: s.gateway.Connections, Now: time.Now, Log: s.log,
		Checks: []ops.Check{{Name: "database", Run: s.store.Ping}},
	})
	routes := ops.Routes{Health: s.health, Pprof: s.cfg.Pprof.On}
	if s.cfg.Metrics.On {
		routes.Metrics = registry
	}
	s.mux = http.NewServeMux()
	routes.Register(s.mux)
	s.http = &http.Server{
		Handler: strict(s.cfg.TLS.HSTS, s.mux), ReadHeaderTimeout: headerTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ConnState: s.gateway.ConnState,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	return s.watch()
}

func (s *server) buildHTTP(context.Context) error {
	mux := s.mux
	mux.Handle("/socket.io/", s.sockets)
	mux.Handle("/ws", s.native)
	api, err := httpapi.New(apiConfig(s.cfg), httpapi.Deps{
		Accounts: s.accounts, Chat: s.chat, Commands: s.commands, Notifier: s.hub, Presence: s.presence, Clients: s.gateway,
		Overview: gateway.NewOverview(s.sockets.Of("/"), s.native, s.accounts.ConnectedUsers), Monitor: s.monitor,
		Log: s.log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	api.Register(mux)
	if s.cfg.Dev {
		httpapi.NewDevLogin(s.issuer, s.log).Register(mux)
	}
	mux.Handle("/", web.Handler())
	return nil
}

// drain stops in the order in which nothing is lost: no new connections, what
// was received is finished, clients are told to come back elsewhere.
func (s *server) drain(served <-chan error) error {
	s.log.Info("draining", "connections", s.sockets.Connections(), "timeout", s.cfg.DrainTimeout.String())
	s.health.Drain()
	s.monitor.Stop() // and who follows it, or the listener would wait for them
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.DrainTimeout)
	defer cancel()
	if err := s.finish(ctx); err != nil {
		s.log.Warn("not everything was finished in time", "err", err)
	}
	// Only now is the listener closed: until here /ready says why to go
	// elsewhere, and new connections are refused.
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
	return <-served
}

// finish handles what was received, tells the devices here what came of it, and
// closes their connections.
func (s *server) finish(ctx context.Context) error {
	half, cancel := context.WithTimeout(ctx, s.cfg.DrainTimeout/2)
	defer cancel()
	if err := s.sockets.Quiesce(half); err != nil {
		s.log.Warn("commands are still under way", "err", err)
	}
	if err := s.native.Quiesce(half); err != nil {
		s.log.Warn("commands are still under way", "err", err)
	}
	if err := s.gateway.Settle(half); err != nil {
		s.log.Warn("commands are still under way", "err", err)
	}
	if err := s.hub.Flush(half); err != nil {
		s.log.Warn("events are still to be told", "err", err)
	}
	return errors.Join(s.native.Shutdown(ctx), s.sockets.Shutdown(ctx))
}
