package netloop

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"slices"
	"time"
)

// Task is something to run.
type Task interface{ Run() }

// ListenerConfig says what becomes of the connections of a Listener.
type ListenerConfig struct {
	// Handler answers opening handshakes of WebSockets, and what Serves allows. It
	// may block. Answers are kept until they are whole; one to a handshake that is no
	// upgrade has at most 4 MiB, and is the last on the connection.
	Handler http.Handler
	// Serves tells by the target of a request, its path and query, whether the loop
	// is to serve it too: such requests cost a third of what they do with net/http,
	// and while their answer is deferred (Deferrable) no goroutine. Bodies of MaxBody
	// bytes are taken. nil is none.
	Serves  func(target []byte) bool
	MaxBody int
	// Terms says by the target of a request that Serves allows what is granted to its
	// body. It is asked when a head has come whose body has not: who is refused is
	// answered before a byte of that is kept. nil grants MaxBody bytes in BodyTimeout.
	Terms func(target []byte) Terms
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

// Terms are what is granted to the body of a request.
type Terms struct {
	// Max is how many bytes it may have. The Handler gets a request with a longer one
	// at once, with a Body that fails with ErrBodyRefused, and its answer is the last
	// one on the connection.
	Max int
	// Time is how long all of it may take; 0 is BodyTimeout. With a Rate, in bytes a
	// second, it may take longer by what has come divided by that.
	Time time.Duration
	Rate int
	// Stranger has what is kept of it count among that of strangers, see Partial.
	Stranger bool
	// Stream has a request whose body is longer than Max go to net/http, whose Handler reads
	// the body as it comes.
	Stream bool
}

// ErrBodyRefused is what reading a body fails with that was not waited for.
var ErrBodyRefused = errors.New("netloop: the body of the request is not taken")

func (c ListenerConfig) withDefaults() ListenerConfig {
	if c.Context == nil {
		c.Context = context.Background()
	}
	if c.IdleTimeout <= 0 {
		c.IdleTimeout = 2 * time.Minute
	}
	if c.BodyTimeout <= 0 {
		c.BodyTimeout = 30 * time.Second
	}
	if c.Terms == nil {
		granted := Terms{Max: c.MaxBody}
		c.Terms = func([]byte) Terms { return granted }
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

// SharedWriter is an http.ResponseWriter that need not copy what it is given.
type SharedWriter interface {
	// WriteShared is Write for bytes that nobody changes any more. It is worth its
	// while for the last and largest part of an answer.
	WriteShared(b []byte) (int, error)
}

// leastShared is from how many bytes on it is: less is better sent in one write with
// what stands before it.
const leastShared = 16 << 10

// StopAccepting takes no more connections from the listeners of [Loop.Listen], which stay open, and leaves those
// that have come. Who connects waits, for another process that has the listener too. A listener that the loop does
// not accept on goes on; a deadline in the past has it rest as well.
func (l *Loop) StopAccepting() {
	l.mu.Lock()
	doors := slices.Clone(l.doors) // which may be closed meanwhile
	l.mu.Unlock()
	for _, d := range doors {
		d.rest()
	}
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
