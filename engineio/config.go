package engineio

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// The transports.
const (
	Polling   = "polling"
	WebSocket = "websocket"
)

// Config configures a Server. The zero value of a field stands for its
// default, which is Node's.
type Config struct {
	// OnSession is called when a session opens, before anything of it arrives,
	// and returns who handles it. It runs on the request's goroutine. Required.
	OnSession func(*Session) Handler

	// PingInterval and PingTimeout: version 4 sends a ping every PingInterval
	// and ends a session whose pong is not there PingTimeout later; version 3
	// ends a session without a ping for the sum of both. Default 25 s and 20 s.
	PingInterval, PingTimeout time.Duration
	// UpgradeTimeout bounds the time from the probe's connection to the
	// upgrade. Default 10 s.
	UpgradeTimeout time.Duration
	// MaxPayload is the size in bytes of the largest message or request body
	// taken from a client. Default 1,000,000.
	MaxPayload int
	// MaxStrangerPayload is what MaxPayload is until Session.Trust, for clients that
	// have not said yet who they are. So is the time for the body of a request bounded
	// then: 10 s in all, while others have 30 s and a second more for each KiB that has
	// come. 0 makes no difference between clients.
	MaxStrangerPayload int
	// MaxStrangers is how many sessions may be open before Session.Trust; for one more
	// the oldest of them ends. 0 is no bound.
	MaxStrangers int
	// MaxPartial bounds the bytes of all requests and messages together of which a part
	// has come. An eighth is for sessions before Session.Trust and for requests that no
	// session is known of. Whoever would need more loses the connection. 0 is no bound.
	MaxPartial int
	// OnRefuse is told why a request or a session was turned away, whenever one is. It
	// must not block, and may be called concurrently. nil tells nobody.
	OnRefuse func(Refusal)
	// OnTrusted is called with each request of the polling transport for a session that
	// is trusted, see Session.Trust. It must not block. nil is no call.
	OnTrusted func(*http.Request)
	// Path is what the paths of the server's requests begin with, such as /engine.io/.
	// It is for Serve, which leaves requests for other paths to net/http. Default "",
	// which is any path.
	Path string
	// NewID makes the ids of sessions. Whoever knows one can speak for its session, so that
	// nobody must be able to guess one; it has no character that a URL would have to escape.
	// It may be called concurrently. Default: 120 random bits, as 20 characters.
	NewID func() string
	// Elsewhere says, where there are other servers beside this one, who answers requests
	// for a session that this one does not have, by its id; nil is nobody, and such
	// a request is refused. It is asked before a byte of the body is kept and by the
	// connection loop, so it must not block. The handler gets requests as net/http
	// would bring them, opening handshakes that can be hijacked among them;
	// the headers of CORS are set by then. nil: there are no others.
	Elsewhere func(id string) http.Handler
	// Transports allowed. Default both.
	Transports []string
	// NoUpgrades keeps polling sessions on polling.
	NoUpgrades bool
	// NoEIO3 refuses version 3 of the protocol (Socket.IO 2 clients).
	NoEIO3 bool
	// AllowRequest may refuse a handshake; the error's text goes to the client
	// with code 4 (Forbidden). nil allows all.
	AllowRequest func(*http.Request) error
	// CORS answers cross-origin requests of browsers; nil leaves its headers out.
	CORS *CORS
	// Cookie, when not nil, is the template of a cookie that carries the session
	// id, set with the handshake. An empty name stands for io, an empty path for
	// /. Mind HttpOnly and SameSite.
	Cookie *http.Cookie
	// HTTPCompression is the size in bytes from which the answers to polls are
	// compressed with gzip or deflate. Default 1024; -1 never.
	HTTPCompression int
	// PerMessageDeflate, when not nil, offers compression on WebSockets.
	PerMessageDeflate *PerMessageDeflate

	// MaxQueuedBytes bounds what waits for one client; over it the session ends with
	// SlowConsumer. A message counts for 96 bytes more than it has, which it takes in
	// memory; one alone may be larger. Who reads gets all that fits; senders that can
	// wait need not care, see Session.AwaitRoom. Default 64 MiB.
	MaxQueuedBytes int
	// QueueMemory bounds what waits for all clients together. Several servers may
	// share one. Default NewQueueMemory(0), the server's own.
	QueueMemory *QueueMemory
	// WriteStall is how long a client may take nothing of what waits for it before its
	// session ends with SlowConsumer: no byte on a WebSocket, no poll that fetches
	// messages on polling. Default 10 s.
	WriteStall time.Duration
	// Parked serves each WebSocket with a parked goroutine, as is done for TLS
	// and on systems other than Linux, instead of epoll.
	Parked bool
}

// QueueMemory bounds what waits for slow clients in all queues together. A message
// that waits for many of them counts once. Beyond the limit those sessions end, with
// SlowConsumer, for which most waits.
type QueueMemory = netloop.QueueMemory

// NewQueueMemory makes one with a limit in bytes; 0 or less stands for a quarter of
// the process's memory limit (runtime/debug.SetMemoryLimit), or 256 MiB where it has
// none.
func NewQueueMemory(limit int64) *QueueMemory { return netloop.NewQueueMemory(limit) }

// PerMessageDeflate allows the compression of RFC 7692. By default no context
// is kept from message to message, so that a broadcast is compressed once and
// an idle connection keeps no window.
type PerMessageDeflate struct {
	ServerContextTakeover bool // some 600 KiB a connection
	ClientContextTakeover bool // up to 32 KiB a connection
}

func (c Config) withDefaults() (Config, error) {
	if c.OnSession == nil {
		return c, fmt.Errorf("engineio: OnSession is required")
	}
	duration := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	duration(&c.PingInterval, 25*time.Second)
	duration(&c.PingTimeout, 20*time.Second)
	duration(&c.UpgradeTimeout, 10*time.Second)
	duration(&c.WriteStall, 10*time.Second)
	number := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	number(&c.MaxPayload, 1_000_000)
	number(&c.MaxQueuedBytes, 64<<20)
	if c.QueueMemory == nil {
		c.QueueMemory = NewQueueMemory(0)
	}
	c.HTTPCompression = cmp.Or(c.HTTPCompression, 1024)
	if c.NewID == nil {
		c.NewID = newID
	}
	if c.Elsewhere == nil {
		c.Elsewhere = func(string) http.Handler { return nil }
	}
	if len(c.Transports) == 0 {
		c.Transports = []string{Polling, WebSocket}
	}
	for _, name := range c.Transports {
		if name != Polling && name != WebSocket {
			return c, fmt.Errorf("engineio: transport %q is neither %s nor %s", name, Polling, WebSocket)
		}
	}
	if c.Cookie != nil {
		cookie := *c.Cookie
		cookie.Name = cmp.Or(cookie.Name, "io")
		cookie.Path = cmp.Or(cookie.Path, "/")
		c.Cookie = &cookie
	}
	return c, nil
}

func (c *Config) upgrades(transport string) []string {
	if transport == Polling && !c.NoUpgrades && slices.Contains(c.Transports, WebSocket) {
		return []string{WebSocket}
	}
	return []string{}
}
