package socketio

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/ordered"
)

// Config configures a Server. The zero value of a field stands for its default.
type Config struct {
	// Engine configures the connections. Its OnSession is the server's own.
	Engine engineio.Config
	// ConnectTimeout is how long a connection may stay without having joined a
	// namespace, middlewares included, see [Socket.HoldConnectTimeout]. Default 45 s.
	ConnectTimeout time.Duration
	// Recovery turns connection state recovery on; nil is off.
	Recovery *Recovery
	// Codec encodes packets. Default JSON{}, which stock clients speak.
	Codec Codec
	// NewCluster makes what connects each namespace to those of other servers. It is called
	// before the namespace has sockets. Default: Alone, of which there are no others.
	NewCluster func(*Namespace) Cluster
	// ForgetAuth drops what a client sent to sign in once its middlewares have
	// seen it: it is a secret, and takes memory for as long as the connection
	// lives. Socket.Auth finds nothing after that.
	ForgetAuth bool
	// MaxAuthBytes is the size of the largest payload that a client may send to join a
	// namespace, in bytes. It may be nested 100 deep in any case. 0 is no bound but that
	// of messages, which Engine.MaxStrangerPayload sets for a client that has joined none.
	MaxAuthBytes int
	// MaxQueuedEvents and MaxQueuedBytes bound the events of one connection that
	// wait for their handler; beyond them the connection is not read. Default 256
	// and 1 MiB.
	MaxQueuedEvents, MaxQueuedBytes int
	// MaxDetached is how many events of one connection may be handled beside their
	// order, see Event.Detach. When so many are, one more that is detached holds up
	// those behind it until one is through. Default 16.
	MaxDetached int
	// Logger gets what goes wrong in handlers. Default slog.Default().
	Logger *slog.Logger
}

// Recovery configures connection state recovery: a client that comes back
// within MaxDisconnection keeps its id, rooms and data, and gets what it
// missed. Middlewares run all the same.
type Recovery struct {
	// MaxDisconnection is how long a session is kept. Default 2 minutes.
	MaxDisconnection time.Duration
	// MaxPackets and MaxBytes bound the packets kept for each namespace, beyond
	// which the oldest go; a client that needs one of those is not recovered.
	// Default 10,000 and 16 MiB. Nor is one recovered that has missed more than
	// three quarters of what Engine.MaxQueuedBytes allows.
	MaxPackets, MaxBytes int
	// Elsewhere finds the other server that has the session of a client which this one does not know; nil: it is nowhere. It may
	// block until ctx ends. Strangers may ask for whatever they invent. Servers with it do not count their offsets from 1.
	Elsewhere func(ctx context.Context, c Claim) Holder
	// NewID makes the id of a socket, by which Elsewhere may find its server: 20 characters of base64url that nobody can guess.
	// Default: all of it is random.
	NewID func() string
}

func (c Config) withDefaults() Config {
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = 45 * time.Second
	}
	if c.Codec == nil {
		c.Codec = JSON{}
	}
	if c.NewCluster == nil {
		c.NewCluster = Alone
	}
	if c.Engine.MaxQueuedBytes <= 0 {
		c.Engine.MaxQueuedBytes = 64 << 20
	}
	if c.MaxQueuedEvents <= 0 {
		c.MaxQueuedEvents = 256
	}
	if c.MaxQueuedBytes <= 0 {
		c.MaxQueuedBytes = 1 << 20
	}
	if c.MaxDetached <= 0 {
		c.MaxDetached = 16
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Recovery != nil {
		r := *c.Recovery
		if r.MaxDisconnection <= 0 {
			r.MaxDisconnection = 2 * time.Minute
		}
		if r.MaxPackets <= 0 {
			r.MaxPackets = 10_000
		}
		if r.MaxBytes <= 0 {
			r.MaxBytes = 16 << 20
		}
		c.Recovery = &r
	}
	return c
}

// Server holds the namespaces. It is an http.Handler for all requests below its
// path, usually /socket.io/. Methods may be called concurrently.
type Server struct {
	cfg    Config
	engine *engineio.Server
	pidKey [32]byte     // signs the private session ids of recovery
	work   ordered.Pool // of clients with events to handle

	received, sent atomic.Uint64 // packets, see Traffic

	mu         sync.RWMutex
	namespaces map[string]*Namespace
	parents    []*ParentNamespace
}

// NewServer starts a server with the namespace "/". Shutdown ends it.
func NewServer(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg.withDefaults(), namespaces: make(map[string]*Namespace)}
	if _, err := rand.Read(s.pidKey[:]); err != nil {
		return nil, err
	}
	s.cfg.Engine.OnSession = s.open
	engine, err := engineio.NewServer(s.cfg.Engine)
	if err != nil {
		return nil, err
	}
	s.engine = engine
	s.Of("/")
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

// Serve is srv.Serve(l) with connecting over WebSocket made half as expensive; see
// engineio.Server.Serve. srv.Handler is to send the requests below the server's
// path here, as with srv.Serve.
func (s *Server) Serve(srv *http.Server, l net.Listener) error { return s.engine.Serve(srv, l) }

// ListenAndServe is Serve on the TCP address srv.Addr, ":http" if that is empty.
func (s *Server) ListenAndServe(srv *http.Server) error { return s.engine.ListenAndServe(srv) }

// Listen returns the listener that Serve has srv serve on, for those who call
// srv.Serve themselves. It owns l.
func (s *Server) Listen(srv *http.Server, l net.Listener) (net.Listener, error) {
	return s.engine.Listen(srv, l)
}

// Of returns the namespace of that name, made if needed. The leading slash may
// be left out.
func (s *Server) Of(name string) *Namespace {
	if name == "" || name[0] != '/' {
		name = "/" + name
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.namespaces[name]; n != nil {
		return n
	}
	n := newNamespace(s, name, new(Handlers))
	s.namespaces[name] = n
	return n
}

// OfFunc makes every namespace whose name match allows; it is asked when a
// client wants to join a namespace that does not exist. auth decodes what the
// client sent along.
func (s *Server) OfFunc(match func(name string, auth Value) bool) *ParentNamespace {
	p := newParent(s, match)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parents = append(s.parents, p)
	return p
}

// OfPattern makes every namespace whose whole name pattern matches.
func (s *Server) OfPattern(pattern *regexp.Regexp) *ParentNamespace {
	whole := regexp.MustCompile(`^(?:` + pattern.String() + `)$`)
	return s.OfFunc(func(name string, _ Value) bool { return whole.MatchString(name) })
}

// Strangers and EndStranger are engineio.Server's; no stranger is who has joined a
// namespace.
func (s *Server) Strangers() int { return s.engine.Strangers() }

// EndStranger ends the oldest of the strangers, if it has been open for that long.
func (s *Server) EndStranger(age time.Duration) bool { return s.engine.EndStranger(age) }

// Connections is the number of open connections, whatever they have joined.
func (s *Server) Connections() int { return s.engine.Len() }

// StopOpening takes no more connections: they are answered in a way that sends clients and
// balancers to another server (503). The open ones go on. It is for a program that has its
// clients go to other servers, one by one, see [Socket.Retire].
func (s *Server) StopOpening() { s.engine.StopOpening() }

// StopAccepting takes no more connections from the listeners that Serve and Listen were given, for another process
// that has them too; see engineio.Server.StopAccepting.
func (s *Server) StopAccepting() { s.engine.StopAccepting() }

// Quiesce takes no more connections and reads no more from the open ones, and
// waits until the events that were received are handled, or ctx ends. Sockets
// can still be sent to. It is the first half of Shutdown, for a program that has
// something left to send in between.
func (s *Server) Quiesce(ctx context.Context) error {
	s.engine.Quiesce()
	return s.work.Wait(ctx)
}

// Shutdown quiesces the server, closes all connections in a way that clients
// reconnect from, and waits for the handlers to return. When ctx ends it does
// without what is not finished; a handler that waits for its client, which is
// not read any more, has a half of that time.
func (s *Server) Shutdown(ctx context.Context) error {
	first, cancel := halfOf(ctx)
	defer cancel()
	err := s.Quiesce(first)
	if ctx.Err() == nil {
		err = nil // closing the connections may yet free the handlers
	}
	err = errors.Join(err, s.engine.Shutdown(ctx))
	err = errors.Join(err, s.work.Stop(ctx))
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, n := range s.namespaces {
		err = errors.Join(err, n.cluster.Close())
	}
	return err
}

// halfOf ends after half of the time that ctx has left.
func halfOf(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}

// open is called for each new connection.
func (s *Server) open(session *engineio.Session) engineio.Handler {
	c := &client{server: s, session: session, decoder: s.cfg.Codec.NewDecoder()}
	c.timer = time.AfterFunc(s.cfg.ConnectTimeout, c.connectTimeout)
	if session.Protocol() == 3 {
		// The clients of Socket.IO 2 are in "/" without asking.
		c.post(job{packet: Received{Type: PacketConnect, Namespace: "/"}})
	}
	return c
}

// find returns the namespace a client may join, reserved for it until release;
// nil when there is none.
func (s *Server) find(name string, auth Value) *Namespace {
	s.mu.Lock()
	n, parents := s.namespaces[name], s.parents
	if n != nil {
		n.joining++
	}
	s.mu.Unlock()
	if n != nil {
		return n
	}
	for _, p := range parents {
		if p.match(name, auth) {
			return p.child(name)
		}
	}
	return nil
}
