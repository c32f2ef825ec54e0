package engineio

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sockeye-im/sockeye/internal/netloop"
	"github.com/sockeye-im/sockeye/internal/ordered"
)

// Server holds the sessions. It is an http.Handler for all requests below its
// path; the path itself is the caller's to choose. Methods may be called
// concurrently.
type Server struct {
	cfg  Config
	loop *netloop.Loop
	door ordered.Pool // of requests for a WebSocket, where Serve accepts them

	guard     netloop.Guard // for requests that net/http serves
	strangers strangers

	mu       sync.Mutex
	sessions map[string]*Session
	open     int  // sessions that have not ended; some that have still owe an answer
	v3       int  // of them, speak version 3
	stopping bool // no new sessions

	opening ordered.Workers // handshakes whose session is registered and not yet started
	polling atomic.Int64    // of open, are on polling
}

// NewServer checks cfg and starts the connection loop; Shutdown ends it.
func NewServer(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, sessions: make(map[string]*Session), strangers: strangers{most: cfg.MaxStrangers}}
	refused := func(why netloop.Refusal) { s.refused(Refusal(why)) }
	partial := netloop.NewPartial(cfg.MaxPartial)
	s.guard = netloop.Guard{Stranger: cfg.strangerTerms(), Known: cfg.knownTerms(), Partial: partial, Refused: refused}
	s.loop, err = netloop.New(netloop.Config{
		MaxMessage:     cfg.MaxPayload,
		MaxQueuedBytes: cfg.MaxQueuedBytes,
		QueueMemory:    cfg.QueueMemory,
		WriteStall:     cfg.WriteStall,
		Parked:         cfg.Parked,
		Partial:        partial,
		Refused:        refused,
	})
	if err != nil {
		return nil, fmt.Errorf("engineio: %w", err)
	}
	return s, nil
}

// Len is the number of open sessions.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// Quiesce refuses new sessions and reads no more from the open ones, which can
// still be sent to: the first half of an orderly Shutdown. It waits for the
// handshakes that are under way, some 10 ms at most, since their sessions are open
// too: behind it OnSession is not called any more. OnSession must not call it.
func (s *Server) Quiesce() {
	sessions := s.stopOpening()
	_ = s.opening.Wait(context.Background()) // which does not end
	for _, session := range sessions {
		session.setPaused(byServer, true)
	}
}

// Shutdown refuses new sessions, ends all open ones with ShuttingDown behind
// what is queued for them, and waits until they are gone or ctx ends; then it
// drops the rest and stops the loop.
func (s *Server) Shutdown(ctx context.Context) error {
	for _, session := range s.stopOpening() {
		session.end(ShuttingDown, nil, true)
	}
	err := s.loop.Drain(ctx)
	s.loop.Stop()
	return errors.Join(err, s.door.Stop(ctx))
}

// StopOpening refuses new sessions, with an answer that sends clients and balancers to another
// server: 503, before Config.AllowRequest is asked and anything is held. Open sessions go on,
// with all their polls and upgrades, and those that are being opened come to be.
func (s *Server) StopOpening() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

// StopAccepting takes no more connections from the listeners that Serve and Listen were given; they stay open. Those
// that were accepted are served on. It is for a program whose listener another process has too, which accepts who
// connects from then on. Where net/http accepts, see Serve, it does nothing.
func (s *Server) StopAccepting() { s.loop.StopAccepting() }

// opens reports whether new sessions are taken.
func (s *Server) opens() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.stopping
}

// stopOpening is StopOpening, and returns those that are open.
func (s *Server) stopOpening() []*Session {
	s.StopOpening()
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions := make([]*Session, 0, len(s.sessions))
	for _, session := range s.sessions {
		sessions = append(sessions, session)
	}
	return sessions
}

// ServeHTTP handles handshakes, polls, data requests and WebSocket upgrades.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w, r, body := s.guard.Take(w, r)
	defer body.Release()
	if s.cfg.CORS.apply(w, r) {
		return
	}
	req, err := s.verify(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	switch {
	case req.elsewhere != nil:
		serveElsewhere(w, r, req.elsewhere)
	case req.transport == WebSocket:
		s.serveWebSocket(w, r, req)
	case req.session == nil:
		s.openPolling(w, r, req)
	default:
		if s.cfg.OnTrusted != nil && req.session.isTrusted() {
			s.cfg.OnTrusted(r)
		}
		req.session.servePolling(w, r, req)
	}
}

// request is a verified request.
type request struct {
	protocol  int
	transport string
	session   *Session     // nil for a handshake
	elsewhere http.Handler // who answers for a session that is not here; else nil
	jsonp     string       // the callback's index, "" when not JSONP
	base64    bool         // the client cannot take binary
}

// verify holds a request against the configuration and the sessions, in the
// order of Node's checks.
func (s *Server) verify(r *http.Request) (request, error) {
	query, _ := url.ParseQuery(r.URL.RawQuery) // what is malformed is left out
	req := request{transport: query.Get("transport"), jsonp: query.Get("j"), base64: query.Has("b64")}
	if !slices.Contains(s.cfg.Transports, req.transport) {
		return req, ErrUnknownTransport
	}
	switch query.Get("EIO") {
	case "4":
		req.protocol = v4
	case "3":
		req.protocol = v3
	}
	if req.jsonp != "" && !isDigits(req.jsonp) {
		return req, ErrBadRequest
	}
	upgrade := netloop.IsUpgrade(r)
	if id := query.Get("sid"); id != "" {
		return s.verifySession(req, id, upgrade)
	}
	switch {
	case r.Method != http.MethodGet:
		return req, ErrBadHandshakeMethod
	case upgrade != (req.transport == WebSocket):
		return req, ErrBadRequest
	case req.protocol == 0, req.protocol == v3 && s.cfg.NoEIO3:
		return req, ErrUnsupportedProtocol
	}
	if !s.opens() {
		return req, errStopping
	}
	if s.cfg.AllowRequest != nil {
		if err := s.cfg.AllowRequest(r); err != nil {
			return req, &RequestError{ErrForbidden.Code, err.Error()}
		}
	}
	return req, nil
}

func (s *Server) verifySession(req request, id string, upgrade bool) (request, error) {
	req.session = s.session(id)
	if req.session == nil {
		req.elsewhere = s.cfg.Elsewhere(id)
	}
	if req.elsewhere != nil {
		return req, nil // and has it verified there
	}
	if req.session == nil || req.session.overdue() {
		return req, ErrUnknownSession
	}
	// A second WebSocket for a session is accepted here and closed by probe.
	if upgrade != (req.transport == WebSocket) || !upgrade && req.session.Transport() != Polling {
		return req, ErrBadRequest
	}
	req.protocol = req.session.protocol
	return req, nil
}

// serveElsewhere has a request answered for another server, of whose session it is. What is read
// of the body goes there, and that server says how large it may be.
func serveElsewhere(w http.ResponseWriter, r *http.Request, elsewhere http.Handler) {
	if body, ok := r.Body.(*netloop.Body); ok {
		body.Stream()
	}
	elsewhere.ServeHTTP(w, r)
}

// isDigits guards the JSONP callback's index, which is echoed into a script.
func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) <= 20
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *RequestError
	if !errors.As(err, &refusal) {
		refusal = ErrBadRequest
	}
	switch refusal.Code {
	case ErrForbidden.Code: // AllowRequest counts for itself
	case ErrUnknownSession.Code:
		s.refused(RefusedSession)
	default:
		s.refused(RefusedRequest)
	}
	if errors.Is(err, errStopping) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "Server is shutting down", http.StatusServiceUnavailable)
		return
	}
	refusal.ServeHTTP(w, r)
}

func (s *Server) session(id string) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[id]
}

var errStopping = errors.New("engineio: server is shutting down")

// newSession registers a session whose transport is still to come. The caller calls
// opening.Done once its handler is there and what came with the handshake is handled.
func (s *Server) newSession(r *http.Request, req request) (*Session, error) {
	session := &Session{id: s.cfg.NewID(), server: s, protocol: req.protocol, handshake: newHandshake(r)}
	session.heartbeat.Owner = session
	if !s.enter(session) {
		return nil, errStopping
	}
	if oldest := s.strangers.enter(session); oldest != nil {
		s.endStranger(oldest)
	}
	return session, nil
}

var errStrangers = errors.New("too many sessions that nobody vouches for")

// enter counts a session; false when there are to be no more.
func (s *Server) enter(session *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.opening.Add()
	s.sessions[session.id] = session
	s.open++
	if session.protocol == v3 {
		s.v3++
	}
	return true
}

// ended takes a session out of the count, and out of reach unless it lingers.
func (s *Server) ended(session *Session, lingers bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if session.protocol == v3 {
		s.v3--
	}
	if !lingers {
		delete(s.sessions, session.id)
	}
}

func (s *Server) forget(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, session.id)
}

// newID makes a session id of 120 random bits: whoever knows it can speak for
// the session.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
