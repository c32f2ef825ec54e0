package netloop

import (
	"context"
	"log"
	"net"
	"net/http"
	"time"
)

// Task is something to run.
type Task interface{ Run() }

// ListenerConfig says what becomes of the connections of a Listener.
type ListenerConfig struct {
	// Handler answers opening handshakes of WebSockets, and what Serves allows. It
	// may block.
	Handler http.Handler
	// Serves tells by the target of a request, its path and query, whether the loop
	// is to serve it too: such requests cost a third of what they do with net/http,
	// and while their answer is deferred (Deferrable) no goroutine. Their answers
	// are kept until they are whole, bodies of MaxBody bytes are taken. nil is none.
	Serves  func(target []byte) bool
	MaxBody int
	// Context is what the contexts of requests descend from: of those that Serves
	// allows they end with the answer or the connection, of opening handshakes with
	// this one alone. They hold no http.LocalAddrContextKey.
	Context context.Context
	// IdleTimeout is how long a connection may stay without a further request.
	// Default 2 minutes.
	IdleTimeout time.Duration
	// HeaderTimeout is how long a new connection has for its first request, and any
	// for the rest of a head that has begun; 0 is without end.
	HeaderTimeout time.Duration
	// BodyTimeout is how long a body may take behind its head. Default 30 s.
	BodyTimeout time.Duration
	// WriteTimeout bounds the answer to an opening handshake that is no upgrade. A
	// client that takes nothing of another for Config.WriteStall is cut off. Default
	// 30 s.
	WriteTimeout time.Duration
	// Run has a task done soon, on a goroutine where it may block.
	Run func(Task)
	// ConnState is http.Server's: it hears of connections that are new, that have
	// become WebSockets or were hijacked (StateHijacked), and of those that have
	// ended before, or went on to net/http, which tells it of them as new ones
	// (StateClosed). Of such a net.Conn only Close and the addresses are of use.
	ConnState func(net.Conn, http.ConnState)
	// ErrorLog gets panics of the handler. Default log.Default().
	ErrorLog *log.Logger
}

func (c ListenerConfig) withDefaults() ListenerConfig {
	if c.Context == nil {
		c.Context = context.Background()
	}
	if c.WriteTimeout <= 0 {
		c.WriteTimeout = 30 * time.Second
	}
	if c.IdleTimeout <= 0 {
		c.IdleTimeout = 2 * time.Minute
	}
	if c.BodyTimeout <= 0 {
		c.BodyTimeout = 30 * time.Second
	}
	if c.ErrorLog == nil {
		c.ErrorLog = log.Default()
	}
	return c
}

// Deferrable is the http.ResponseWriter of a request that need not be answered when
// its handler returns.
type Deferrable interface {
	http.ResponseWriter
	// Defer takes the duty to call Finish, once, after what is to be written is. gone
	// is called when the client goes away before. false: it has gone already, and
	// Finish need not be called.
	Defer(gone func()) bool
	// Finish sends the answer. It must not be called by the loop's own goroutines.
	Finish()
}

// Listen returns a listener for net/http whose connections are accepted by the
// loop. One that begins with an opening handshake goes to cfg.Handler and stays
// with the loop: it costs a third of what net/http's goroutine, buffers and
// bookkeeping do, and until its request is there no more than a descriptor. All
// others come out of Accept, with the same answers to bad requests as ever.
//
// inner becomes the listener's own. Where the loop has no pollers, or inner is
// not TCP, it is returned as it is. Close ends the listener; when the loop stops
// before, the listener goes on without it.
func (l *Loop) Listen(inner net.Listener, cfg ListenerConfig) (net.Listener, error) {
	return l.listen(inner, cfg.withDefaults())
}
