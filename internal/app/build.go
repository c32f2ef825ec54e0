package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/broadcast"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/ask"
	"github.com/sockeye-im/sockeye/internal/cluster/census"
	"github.com/sockeye-im/sockeye/internal/cluster/forward"
	"github.com/sockeye-im/sockeye/internal/cluster/handoff"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/feed/relay"
	"github.com/sockeye-im/sockeye/internal/gateway"
	"github.com/sockeye-im/sockeye/internal/httpapi"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/netloop"
	"github.com/sockeye-im/sockeye/internal/ops"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/upload"
	"github.com/sockeye-im/sockeye/internal/usage"
	"github.com/sockeye-im/sockeye/internal/web"
	"github.com/sockeye-im/sockeye/internal/webhook"
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
	bodyTimeout   = 30 * time.Second
	bodyRate      = 1 << 10 // bytes a second, for which a body may take longer
)

// socketPath is where Socket.IO is served.
const socketPath = "/socket.io/"

// Server is the object graph. Each part is made of those above it. Two ways lead back up:
// the door asks the gateway, which opens it, how many are there; and the feed tells parts
// what became true. Tests reach into it; nobody else does.
type Server struct {
	settings Settings
	log      *slog.Logger
	parts    parts
	listener net.Listener

	secure     secure
	Issuer     *account.Issuer // of the server's own tokens
	verifiers  *account.Verifiers
	Registry   *prometheus.Registry
	counts     *counts
	Door       *gateway.Door
	Queues     *engineio.QueueMemory // of all connections
	Sockets    *socketio.Server
	index      *gateway.Index     // of plain WebSockets
	forOthers  net.Listener       // for other nodes; nil where there can be none
	forwarder  *forward.Forwarder // passes requests on to them; nil likewise
	handoff    *handoff.Handoff   // of sessions, to where their clients come; nil likewise
	peers      *cluster.Peers     // the other nodes; nil where there is one
	Feed       feed.Feed
	Relay      *relay.Relay   // is the Feed where other servers may be; else nil
	paths      []cluster.Path // of hints to the others
	Node       *cluster.Node  // this server among them; nil where there can be none
	Store      Store
	Hub        *hub.Hub
	Accounts   *account.Service
	Presence   *presence.Tracker
	Typing     *presence.Typing
	Files      *upload.Service // nil: this server has no place for them
	Chat       *chat.Service
	Commands   *command.Table
	Gateway    *gateway.Gateway
	Overview   httpapi.Overview // of all nodes
	asker      *ask.Asker       // asks the others; nil where there are none
	Census     *census.Census
	Monitor    *monitor.Monitor
	Webhooks   *webhook.Service
	Incoming   *webhook.Doors
	courier    *webhook.Courier                                // tells of events
	followers  []func([]chat.Event, []account.Event) []job.Job // what follows events
	Broadcasts *broadcast.Service                              // says something to many
	Push       *push.Service                                   // tells devices that are not connected
	Jobs       *job.Queue
	runner     *job.Runner // does them
	jobCounts  *jobCounts  // how many there are
	Usage      *usage.Counter
	health     *ops.Health
	http       *http.Server
}

// New builds a server, which takes no connections yet. Stop ends it: it stops the parts in
// the reverse order.
func New(ctx context.Context, settings Settings, log *slog.Logger) (*Server, error) {
	s := &Server{settings: settings, log: log, peers: settings.Peers}
	for _, build := range []func(context.Context) error{
		// What the process has: its folder, its addresses, its memory, its certificates.
		s.lockData, s.listen, s.limitMemory, s.buildTLS, s.buildCounts, s.buildForwarder,
		// The way out: what is committed goes by the feed to the hub, and from there to sockets.
		s.buildSockets, s.buildFeed, s.buildStore, s.buildNode, s.buildHub,
		// The rules, whose tokens are good, and who is here.
		s.buildTrust, s.buildAccounts, s.buildPresence, s.buildFiles, s.buildChat, s.buildWebhooks, s.buildUsage, s.buildPush,
		s.followEvents, s.buildBroadcasts,
		// The way in: commands, from sockets and over HTTP, and what is done later.
		s.buildCommands, s.buildGateway, s.buildJobs, s.buildMonitor, s.buildHealth, s.buildCensus, s.buildHTTP,
		// What publishes by itself, once all who are to be told are there: the other servers, and what is done now and then.
		s.joinCluster, s.startJobs, s.buildUpkeep,
	} {
		if err := build(ctx); err != nil {
			s.Stop()
			return nil, err
		}
	}
	return s, nil
}

func (s *Server) lockData(context.Context) error {
	unlock, err := claimFolder(s.settings.Account.Data)
	if err != nil {
		return err
	}
	s.parts.add("data folder", unlock)
	return nil
}

// listen takes the address before anything is changed in the folder. Who connects waits
// until the server is built.
func (s *Server) listen(ctx context.Context) (err error) {
	if s.listener = s.settings.Listener; s.listener != nil {
		s.log.Info("the listener was handed over, so the setting listen is not used", "address", s.listener.Addr().String())
	} else if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.settings.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.parts.add("listener", func() error { return unlessClosed(s.listener.Close()) })
	return nil
}

// unlessClosed is the error of closing a listener, which is none where its server has closed it.
func unlessClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// buildSockets makes the door, which is shut, and the Socket.IO server behind it.
func (s *Server) buildSockets(context.Context) (err error) {
	door := s.settings.Door
	if most := door.WebSockets(); door.Room > 0 && door.MaxConnections > most {
		s.log.Warn("max-connections is more than the limit for open files allows", "max-connections", door.MaxConnections, "used", most)
		door.MaxConnections = most
	}
	if s.Door, err = gateway.NewDoor(door, gateway.DoorDeps{Metrics: s.counts, Now: s.settings.Now}); err != nil {
		return err
	}
	s.Queues = engineio.NewQueueMemory(int64(s.settings.Limits.QueueMemory)) // behind the memory limit
	cfg := s.settings.Sockets
	cfg.Logger = s.log
	cfg.Engine.QueueMemory = s.Queues
	cfg.Engine.OnTrusted = s.vouch
	cfg.Engine.OnRefuse = func(why engineio.Refusal) { s.counts.ConnectionRefused(string(why)) }
	cfg.Engine.AllowRequest = s.Door.Admit
	cfg.Recovery = s.recovery(cfg.Recovery)
	if s.forwarder != nil {
		cfg.Engine.NewID, cfg.Engine.Elsewhere = s.forwarder.NewID, s.forwarder.Elsewhere
	}
	if s.Sockets, err = socketio.NewServer(cfg); err != nil {
		return err
	}
	s.parts.add("sockets", func() error { return ended(s.Sockets.Shutdown) })
	return nil
}

func (s *Server) buildStore(ctx context.Context) (err error) {
	if s.Store, err = databaseOf(s.settings.Account.Signing).open(ctx, s.log, s.settings.Version, news{s.Feed}); err != nil {
		return err
	}
	s.parts.add("store", s.Store.Close)
	return nil
}

func (s *Server) buildHub(context.Context) (err error) {
	s.index = gateway.NewIndex()
	s.Hub, err = hub.New(s.settings.Hub, hub.Deps{
		Audiences: []hub.Audience{gateway.Sockets(s.Sockets.Of("/")), s.index}, Members: s.settings.Members(s.Store), Log: s.log,
		Observe: s.counts.delivery.Observe,
	})
	if err != nil {
		return err
	}
	s.parts.add("hub", func() error { s.Hub.Stop(); return nil })
	s.Feed.Follow(s.Hub.Tell)
	return nil
}

func (s *Server) buildChat(context.Context) (err error) {
	rules := s.settings.Rules
	rules.Files = true
	s.Chat, err = chat.New(rules, chat.Deps{Store: s.settings.Chats(s.Store), Now: s.settings.Said, NewID: s.settings.NewID})
	if err != nil {
		return err
	}
	s.Feed.Heed(func(facts *feed.Facts) { s.Chat.Heard(facts.Accounts) })
	return nil
}

// follow has somebody say which jobs are to follow the events of each transaction, see [Store.Follow].
func (s *Server) follow(follows func([]chat.Event, []account.Event) []job.Job) {
	s.followers = append(s.followers, follows)
}

// followEvents has all who follow events asked from here on: no client is let in yet.
func (s *Server) followEvents(context.Context) error {
	followers := s.followers
	s.Store.Follow(func(chats []chat.Event, accounts []account.Event) (jobs []job.Job) {
		for _, follows := range followers {
			jobs = append(jobs, follows(chats, accounts)...)
		}
		return jobs
	})
	return nil
}

// buildBroadcasts makes what brings the words of the application's backend to many.
func (s *Server) buildBroadcasts(context.Context) (err error) {
	s.Broadcasts, err = broadcast.New(broadcast.Deps{
		Store: s.Store, Chat: s.Chat, Accounts: s.Accounts, Notifier: news{s.Feed}, Pusher: s.Push, MaxText: s.settings.Rules.MaxText, Log: s.log, Now: time.Now,
		NewID: chat.NewID,
	})
	return err
}

func (s *Server) buildUpkeep(context.Context) error {
	u := &upkeep{
		chat: s.Chat, announce: announcer{s.Feed, s.Hub}.heads, heed: s.Accounts.Heed, count: s.jobCounts.count, now: time.Now, log: s.log,
	}
	u.start()
	s.parts.add("upkeep", u.stop)
	return nil
}

func (s *Server) buildCommands(context.Context) (err error) {
	s.Commands, err = command.New(command.Deps{
		Events: s.settings.Events, Chat: s.Chat, Accounts: s.Accounts, Presence: s.Presence, Typing: s.Typing,
		Metrics: s.counts, Log: s.log, Now: s.settings.Now,
	})
	return err
}

// buildGateway opens the door: connections may come from here on.
func (s *Server) buildGateway(context.Context) (err error) {
	native := s.settings.Native
	native.QueueMemory = s.Queues
	s.Gateway, err = gateway.New(native, gateway.Deps{
		Door: s.Door, Sockets: s.Sockets, Index: s.index, Hub: s.Hub, Commands: s.Commands, Chat: s.Chat, Accounts: s.settings.SignIn(s.Accounts),
		Presence: s.Presence, Typing: s.Typing, Peers: s.peers, PassedOn: s.passedOn(), Metrics: s.counts, Log: s.log, Now: s.settings.Now,
	})
	if err != nil {
		return err
	}
	s.parts.add("gateway", func() error { defer s.Gateway.Stop(); return ended(s.Gateway.Shutdown) })
	s.Feed.Heed(func(facts *feed.Facts) { s.Gateway.Heard(facts.Accounts) }) // behind the accounts
	return s.buildOverview()
}

func (s *Server) buildHealth(ctx context.Context) (err error) {
	s.health, err = ops.NewHealth(ops.HealthConfig{
		Version: s.settings.Version, Connections: s.Gateway.Connections, Now: time.Now, Log: s.log,
		Checks: s.checks(ctx), Aids: s.aids(),
	})
	return err
}

func (s *Server) buildHTTP(ctx context.Context) error {
	mux := http.NewServeMux()
	routes := ops.Routes{Health: s.health, Pprof: s.settings.Pprof.On}
	if s.settings.Metrics.On {
		routes.Metrics = s.Registry
	}
	routes.Register(mux)
	secret, err := s.Store.Secret(ctx)
	if err != nil {
		return err
	}
	api, err := httpapi.New(s.settings.API, httpapi.Deps{
		Accounts: s.Accounts, Chat: s.Chat, Commands: s.Commands, Presence: s.Presence, Clients: s.Door,
		Overview: s.Overview, Nodes: s.Census, Monitor: s.Monitor, Jobs: s.Jobs, Usage: s.Usage, Webhooks: s.Webhooks, Incoming: s.Incoming,
		Broadcasts: s.Broadcasts, Push: s.Push, Files: s.Files, Secret: secret, Log: s.log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	if err := s.shareRates(api); err != nil {
		return err
	}
	api.Register(mux)
	if s.settings.Dev {
		httpapi.NewDevLogin(s.Issuer, s.log).Register(mux)
	}
	mux.Handle(socketPath, s.Sockets)
	mux.Handle("/ws", s.Gateway.Native())
	mux.Handle("/", web.Handler())
	guard := bodyGuard(s.settings.Config, func(why netloop.Refusal) { s.counts.ConnectionRefused(string(why)) })
	s.http = &http.Server{
		Handler: strict(s.settings.TLS.HSTS, guard.Handler(mux)), ReadHeaderTimeout: headerTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ConnState: s.Door.ConnState,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	return nil
}
