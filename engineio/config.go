package engineio

import (
	"fmt"
	"net/http"
	"slices"
	"time"
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

	// MaxQueuedFrames and MaxQueuedBytes bound what waits for a client that does
	// not read; over either the session ends with SlowConsumer. Four times as much
	// may wait for one that is to poll. Default 256 and 1 MiB.
	MaxQueuedFrames, MaxQueuedBytes int
	// WriteStall is how long a client may take nothing of what waits for it.
	// Default 10 s.
	WriteStall time.Duration
	// Parked serves each WebSocket with a parked goroutine, as is done for TLS
	// and on systems other than Linux, instead of epoll.
	Parked bool
}

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
	number(&c.MaxQueuedFrames, 256)
	number(&c.MaxQueuedBytes, 1<<20)
	if c.HTTPCompression == 0 {
		c.HTTPCompression = 1024
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
		if cookie.Name == "" {
			cookie.Name = "io"
		}
		if cookie.Path == "" {
			cookie.Path = "/"
		}
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
