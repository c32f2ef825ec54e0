package engineio

import (
	"bytes"
	"cmp"
	"context"
	"net"
	"net/http"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// Serve is srv.Serve(l), but for connections that begin with the opening handshake
// of a WebSocket or with a request of the long-polling transport: those are
// accepted by the connection loop and never become net/http's, which makes
// connecting half as expensive and polling a third, and a poll wait without a
// goroutine. Their requests go to srv.Handler like all others, middlewares and other
// WebSocket libraries included. (A middleware that wraps the http.ResponseWriter
// costs its polls a goroutine again.)
//
// It makes a difference on Linux, for a plain TCP listener. For such connections
// http.LocalAddrContextKey is left out, srv.ConnState hears of their beginning and
// their end only, and an answer to an opening handshake that is no upgrade ends the
// connection, is sent when it is whole and has at most 4 MiB. A srv with a ConnContext
// is served by net/http alone. Like srv.Serve it returns when srv is shut down or
// closed.
func (s *Server) Serve(srv *http.Server, l net.Listener) error {
	listener, err := s.Listen(srv, l)
	if err != nil {
		_ = l.Close()
		return err
	}
	return srv.Serve(listener)
}

// ListenAndServe is Serve on the TCP address srv.Addr, ":http" if that is empty.
func (s *Server) ListenAndServe(srv *http.Server) error {
	l, err := net.Listen("tcp", cmp.Or(srv.Addr, ":http"))
	if err != nil {
		return err
	}
	return s.Serve(srv, l)
}

// Listen returns the listener that Serve has srv serve on, for those who call
// srv.Serve themselves. It owns l.
func (s *Server) Listen(srv *http.Server, l net.Listener) (net.Listener, error) {
	if srv.ConnContext != nil {
		return l, nil
	}
	return s.loop.Listen(l, s.listenerConfig(srv, l))
}

func (s *Server) listenerConfig(srv *http.Server, l net.Listener) netloop.ListenerConfig {
	cfg := netloop.ListenerConfig{
		Handler:       srv.Handler,
		Serves:        s.polls,
		MaxBody:       s.cfg.MaxPayload,
		Terms:         s.terms,
		IdleTimeout:   srv.IdleTimeout,
		BodyTimeout:   requestTimeout,
		HeaderTimeout: cmp.Or(srv.ReadHeaderTimeout, srv.ReadTimeout),
		ConnState:     srv.ConnState,
		ErrorLog:      srv.ErrorLog,
		Run:           func(t netloop.Task) { s.door.Start(t) },
	}
	if cfg.Handler == nil {
		cfg.Handler = http.DefaultServeMux
	}
	cfg.Context = contextOf(srv, l)
	return cfg
}

// polls reports whether a request is for the long-polling transport, by its target.
func (s *Server) polls(target []byte) bool {
	path, query, _ := bytes.Cut(target, []byte("?"))
	if !bytes.HasPrefix(path, []byte(s.cfg.Path)) {
		return false
	}
	version, _ := parameter(query, "EIO")
	transport, _ := parameter(query, "transport")
	return len(version) > 0 && string(transport) == Polling
}

// parameter finds a parameter of a query whose value is written as it is, as clients
// write those of the protocol.
func parameter(query []byte, name string) (value []byte, found bool) {
	for part := range bytes.SplitSeq(query, []byte("&")) {
		if key, value, ok := bytes.Cut(part, []byte("=")); ok && string(key) == name {
			return value, true
		}
	}
	return nil, false
}

// contextOf is what net/http makes the contexts of requests from.
func contextOf(srv *http.Server, l net.Listener) context.Context {
	base := context.Background()
	if srv.BaseContext != nil {
		base = srv.BaseContext(l)
	}
	return context.WithValue(base, http.ServerContextKey, srv)
}
