package forward

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/netloop"
)

// What nodes say to each other in headers. From anybody else these are left out.
const (
	ours         = "Sockeye-"
	clientHeader = ours + "Client" // the client's address, as http.Request has it
	knownHeader  = ours + "Known"  // in an answer: it is known who the client is
)

// presencePath is where a node says that it is there.
const presencePath = "/"

const (
	maxHeader = 64 << 10
	// openingMost is how many connections may be open that have asked for nothing yet: any may come to the port.
	openingMost   = 512
	headerTimeout = 10 * time.Second
	// idleTimeout is longer than other nodes keep a connection, so that they are who ends it.
	idleTimeout = 4 * idleFor
	// streams is how many requests may share a connection: another node's bounds are its own.
	streams = 1 << 20
)

// serve takes connections of other nodes until Stop.
func (f *Forwarder) serve(l net.Listener) {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	config := f.keys.from(f.admit())
	opening := newOpenings()
	f.server = &http.Server{
		Handler: http.HandlerFunc(f.receive), Protocols: protocols, TLSConfig: config,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streams, MaxReceiveBufferPerStream: shortBody, WriteByteTimeout: headerTimeout, SendPingTimeout: headerTimeout},
		ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ConnState: opening.state,
		ErrorLog: slog.NewLogLogger(f.deps.Log.Handler(), slog.LevelDebug),
	}
	f.run(func() {
		if err := f.server.Serve(netloop.TLSListener(l, config)); !errors.Is(err, http.ErrServerClosed) {
			f.deps.Log.Error("other nodes cannot pass on requests to this one any more", "err", err)
		}
	})
}

// admit returns who lets nodes in by their certificates.
func (f *Forwarder) admit() func(pin, net.Addr) error {
	var mu sync.Mutex
	var warned time.Time
	return func(certificate pin, from net.Addr) error {
		if f.peers.known(certificate) {
			return nil
		}
		f.figures.strangers.Add(1)
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); f.peers.settled() && now.Sub(warned) >= time.Minute {
			warned = now
			f.deps.Log.Warn("somebody has come to the port for other nodes whose certificate is none of theirs", "from", from.String())
		}
		return errPin
	}
}

// receive answers what another node has passed on.
func (f *Forwarder) receive(w http.ResponseWriter, r *http.Request) {
	client := r.Header.Get(clientHeader)
	switch {
	case r.URL.Path == presencePath:
		w.WriteHeader(http.StatusNoContent)
		return
	case r.URL.Path == questionPath:
		f.answerQuestion(w, r)
		return
	case client == "" || r.URL.Query().Get("sid") == "":
		engineio.ErrBadRequest.ServeHTTP(w, r)
		return
	}
	f.figures.taken.Add(1)
	r.Header.Del(clientHeader)
	v := &visit{answer: w.Header()}
	visitor := r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	visitor.RemoteAddr, visitor.TLS = client, nil
	if r.ProtoMajor == 2 {
		w = &sharing{w}
		visitor.Body = gather(r)
	}
	f.deps.Sessions.ServeHTTP(w, visitor)
}

// visit is a request that another node has passed on.
type visit struct{ answer http.Header }

type visitKey struct{}

// visitOf is nil for a request that has come to this node itself.
func visitOf(r *http.Request) *visit {
	v, _ := r.Context().Value(visitKey{}).(*visit)
	return v
}

// Vouch says of a request, before it is answered, that it is known who the client is. It is false, and does nothing, for
// one that no other node has passed on.
func Vouch(r *http.Request) bool {
	v := visitOf(r)
	if v != nil {
		v.answer.Set(knownHeader, "1")
	}
	return v != nil
}

// gather reads a body on the connection that all share, so that none keeps others waiting whose session does not read at
// the moment. The other node has all of it.
func gather(r *http.Request) io.ReadCloser {
	if r.ContentLength == 0 {
		return http.NoBody
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, shortBody+1))
	switch {
	case err == nil && len(text) > shortBody:
		err = errors.New("forward: a body that is too long for the shared connection")
	case err == nil:
		return io.NopCloser(bytes.NewReader(text))
	}
	return io.NopCloser(io.MultiReader(bytes.NewReader(text), failing{err}))
}

// failing is what is read of a body that is not there.
type failing struct{ cause error }

func (f failing) Read([]byte) (int, error) { return 0, f.cause }

// sharing is the answer to one of many requests on a connection, which that one must not close.
type sharing struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *sharing) WriteHeader(status int) {
	w.Header().Del("Connection")
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *sharing) Write(b []byte) (int, error) {
	w.Header().Del("Connection")
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *sharing) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// openings are the connections that have asked for nothing yet.
type openings struct {
	mu  sync.Mutex
	all map[net.Conn]bool
}

func newOpenings() *openings { return &openings{all: make(map[net.Conn]bool)} }

// state is for http.Server. It closes what is one too many.
func (o *openings) state(conn net.Conn, state http.ConnState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if state != http.StateNew {
		delete(o.all, conn)
		return
	}
	if len(o.all) >= openingMost {
		_ = conn.Close()
		return
	}
	o.all[conn] = true
}
