package socketio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
)

// Middleware decides whether a socket may join a namespace. It runs before the
// client is told that it is connected, may block, and may put what it finds out
// into Socket.SetData. The rooms that it has the socket join are entered when it
// is let in. ctx ends when the client goes away or is refused.
//
// An error refuses the socket, and its text goes to the client, as from a
// middleware of Node's: a *ConnectError, also a wrapped one, is told without what
// is around it and with its data, any other is logged as well. What clients must
// not read belongs into the log, and something else into the error. Of a panic
// they learn only that there was one.
type Middleware func(ctx context.Context, s *Socket) error

// ConnectError refuses a connection; the client finds it in its connect_error.
type ConnectError struct {
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (e *ConnectError) Error() string { return e.Message }

// EventHandler handles an event. ctx ends when the socket leaves. An error, or a
// panic as an ErrPanic, goes to the OnError handlers, and a client that waits for
// an acknowledgement is told: see AckError.
type EventHandler func(ctx context.Context, e *Event) error

// Handlers is what a namespace, or all the children of a parent, call. It is
// part of Namespace and ParentNamespace. Handlers may be added at any time, from
// any goroutine.
type Handlers struct {
	mu          sync.RWMutex
	middlewares []Middleware
	connect     []func(context.Context, *Socket)
	disconnect  []func(*Socket, Reason)
	filters     []EventHandler
	events      map[string][]EventHandler
	any         []EventHandler
	outgoing    []func(s *Socket, event string, args []any)
	failures    []func(*Event, error)
	serverSide  map[string][]func(Args) ([]any, error)
}

// Use adds a middleware; they run in the order they were added.
func (h *Handlers) Use(m Middleware) { add(h, &h.middlewares, m) }

// OnConnect adds a handler for sockets that have joined. It runs before any
// event of the socket.
func (h *Handlers) OnConnect(f func(context.Context, *Socket)) { add(h, &h.connect, f) }

// OnDisconnect adds a handler for sockets that have left. It runs once for each
// that was connected, after its last event. Socket.OnDisconnect is for one socket,
// and says more.
func (h *Handlers) OnDisconnect(f func(*Socket, Reason)) { add(h, &h.disconnect, f) }

// Filter adds a handler that sees every event before its handlers do, and keeps
// it from them by returning an error: what Node calls a middleware of the
// socket.
func (h *Handlers) Filter(f EventHandler) { add(h, &h.filters, f) }

// On adds a handler for an event. See Handle for one with a typed argument. It
// panics with ErrReservedEvent for the names that never come: connect,
// connect_error, disconnect, disconnecting, newListener and removeListener.
// OnConnect and OnDisconnect are for what they stand for.
func (h *Handlers) On(event string, f EventHandler) {
	refuseReserved(event)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.events == nil {
		h.events = make(map[string][]EventHandler)
	}
	h.events[event] = append(h.events[event], f)
}

// OnAny adds a handler for all events, called before those of On.
func (h *Handlers) OnAny(f EventHandler) { add(h, &h.any, f) }

// OnAnyOutgoing adds a handler that sees all events sent to sockets, for each
// socket, volatile ones that were lost too. It is called by the sender, after
// the event is on its way, and must not block.
func (h *Handlers) OnAnyOutgoing(f func(s *Socket, event string, args []any)) { add(h, &h.outgoing, f) }

// OnError adds a handler for errors of event handlers and filters, on whose
// goroutine it runs. Without one they are logged. It may acknowledge the event
// with something else than the client is told otherwise.
func (h *Handlers) OnError(f func(*Event, error)) { add(h, &h.failures, f) }

// OnServerSide adds a handler for events that other servers send with
// ServerSideEmit. What it returns is the acknowledgement, if one is asked for.
// It panics with ErrReservedEvent as On does.
func (h *Handlers) OnServerSide(event string, f func(Args) ([]any, error)) {
	refuseReserved(event)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.serverSide == nil {
		h.serverSide = make(map[string][]func(Args) ([]any, error))
	}
	h.serverSide[event] = append(h.serverSide[event], f)
}

// add adds a handler to one of the lists of h.
func add[F any](h *Handlers, list *[]F, f F) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*list = append(*list, f)
}

// admit runs the middlewares.
func (h *Handlers) admit(s *Socket) error {
	h.mu.RLock()
	middlewares := h.middlewares
	h.mu.RUnlock()
	for _, m := range middlewares {
		if err := guard(func() error { return m(s.Context(), s) }); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handlers) connected(s *Socket) {
	h.mu.RLock()
	connect := h.connect
	h.mu.RUnlock()
	for _, f := range connect {
		h.contain(s, "connect", func() error { f(s.Context(), s); return nil })
	}
}

func (h *Handlers) disconnected(s *Socket, reason Reason) {
	h.mu.RLock()
	disconnect := h.disconnect
	h.mu.RUnlock()
	for _, f := range disconnect {
		h.contain(s, "disconnect", func() error { f(s, reason); return nil })
	}
}

// dispatch hands an event to its handlers: filters, catch-all ones, those of
// the namespace, those of the socket. Then it tells the client of the first that
// failed, if nobody has acknowledged the event.
func (h *Handlers) dispatch(e *Event) {
	h.mu.RLock()
	filters, catchAll, named := h.filters, h.any, h.events[e.name]
	h.mu.RUnlock()
	own, ownAny := e.socket.own(e.name)
	for _, filter := range filters {
		if err := e.call(filter); err != nil {
			h.failed(e, err)
			e.refuse(err)
			return
		}
	}
	var failure error
	for _, group := range [...][]EventHandler{catchAll, ownAny, named, own} {
		for _, f := range group {
			if err := e.call(f); err != nil {
				h.failed(e, err)
				if failure == nil {
					failure = err
				}
			}
		}
	}
	if failure != nil {
		e.refuse(failure)
	}
}

func (h *Handlers) failed(e *Event, err error) {
	h.mu.RLock()
	failures := h.failures
	h.mu.RUnlock()
	if len(failures) == 0 {
		e.socket.logger().Error("socketio: event handler", "event", e.name, "err", err)
		return
	}
	for _, f := range failures {
		h.contain(e.socket, e.name, func() error { f(e, err); return nil })
	}
}

// contain keeps a panic of a handler from ending the process.
func (h *Handlers) contain(s *Socket, name string, f func() error) { contain(s.logger(), name, f) }

func contain(log *slog.Logger, name string, f func() error) {
	if err := guard(f); err != nil {
		log.Error("socketio: handler", "event", name, "err", err)
	}
}

// ErrPanic is what a panic of a handler becomes.
var ErrPanic = errors.New("socketio: handler panicked")

func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrPanic, r, debug.Stack())
		}
	}()
	return f()
}
