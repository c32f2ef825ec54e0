package engineio

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

const (
	// requestTimeout bounds the reading of a data request's body and the
	// writing of a poll's answer.
	requestTimeout = 30 * time.Second
	// lingerTime is how long a session that has ended keeps its last packets
	// for the poll that is to fetch them.
	lingerTime = 30 * time.Second
	// upgradeHold is how long a poll waits during an upgrade before it is
	// answered with a noop, so that the client can pause polling and go on.
	upgradeHold = 100 * time.Millisecond
	// pollBurst is how many times its limits the queue may hold: a client that
	// polls, however fast, can be handed nothing before it comes back.
	pollBurst = 4
)

// polling is the state of a session on the long-polling transport, guarded by
// the session's lock.
type polling struct {
	packets  []packet // wait for the next poll
	bytes    int
	compress bool          // one of packets may be compressed
	waiter   *waiter       // the poll that waits; nil without one
	posting  bool          // a data request is under way
	base64   bool          // the client cannot take binary
	upgrade  *probe        // nil without an upgrade under way
	probed   bool          // the probe was answered
	resumed  chan struct{} // not nil while paused
	linger   *linger       // not nil once ended with packets left
}

// linger forgets an ended session when nobody fetches its last packets.
type linger struct {
	session *Session
	timer   netloop.Timer
}

// Expire is for the timing wheel.
func (l *linger) Expire(*netloop.Timer) { l.session.server.forget(l.session) }

func (p *polling) wake() {
	if p.waiter != nil {
		p.waiter.wake()
		p.waiter = nil
	}
}

func (p *polling) setPaused(paused bool) {
	if paused {
		p.resumed = make(chan struct{})
	} else if p.resumed != nil {
		close(p.resumed)
		p.resumed = nil
	}
}

func (p *polling) take() (packets []packet, compress bool) {
	packets, compress = p.packets, p.compress
	p.packets, p.bytes, p.compress = nil, 0, false
	return packets, compress
}

func (s *Server) openPolling(w http.ResponseWriter, r *http.Request, req request) {
	session, err := s.newSession(r, req)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.setCookie(w.Header(), session)
	session.mu.Lock()
	session.poll = &polling{base64: req.base64, packets: []packet{{kind: packetOpen, data: session.openPacket(Polling)}}}
	if !session.closed { // by Shutdown
		s.polling.Add(1)
	}
	session.mu.Unlock()
	session.live()
	session.servePoll(w, r, req)
}

func (s *Session) servePolling(w http.ResponseWriter, r *http.Request, req request) {
	switch r.Method {
	case http.MethodGet:
		s.servePoll(w, r, req)
	case http.MethodPost:
		s.serveData(w, r, req)
	default:
		ErrBadHandshakeMethod.write(w)
	}
}

// queue adds a packet for the next poll. mu is held.
func (s *Session) queue(p packet, compress bool) error {
	if s.overflowed {
		return ErrClosed
	}
	q := s.poll
	q.packets = append(q.packets, p)
	q.bytes += len(p.data)
	q.compress = q.compress || compress
	q.wake()
	cfg := &s.server.cfg
	if len(q.packets) > pollBurst*cfg.MaxQueuedFrames || q.bytes > pollBurst*cfg.MaxQueuedBytes && len(q.packets) > 1 {
		q.packets, q.bytes = nil, 0
		// Ending needs the lock that the caller holds: the wheel does it.
		s.overflowed = true
		s.server.loop.Wheel().Arm(&s.heartbeat, 0)
		return ErrClosed
	}
	return nil
}

var (
	errPollOverlap = errors.New("overlapping polls")
	errPollGone    = errors.New("poll connection closed prematurely")
	errDataOverlap = errors.New("overlapping data requests")
	errDataGone    = errors.New("data request ended prematurely")
)

// servePoll answers with the packets that wait, or waits for some.
func (s *Session) servePoll(w http.ResponseWriter, r *http.Request, req request) {
	s.mu.Lock()
	q := s.poll
	switch {
	case q == nil:
		s.mu.Unlock()
		ErrBadRequest.write(w)
		return
	case q.waiter != nil:
		s.mu.Unlock()
		s.end(TransportError, errPollOverlap, true)
		ErrBadRequest.write(w)
		return
	case s.closed && len(q.packets) == 0:
		s.mu.Unlock()
		ErrUnknownSession.write(w)
		return
	case len(q.packets) == 0:
		waiter := s.newWaiter(w, r, req)
		q.waiter = waiter
		hold := q.probed
		s.mu.Unlock()
		if !waiter.wait(hold) {
			return
		}
		s.mu.Lock()
	}
	s.mu.Unlock()
	s.answerPoll(w, r, req)
}

// answerPoll answers with what waits, nothing included.
func (s *Session) answerPoll(w http.ResponseWriter, r *http.Request, req request) {
	s.mu.Lock()
	q := s.poll
	if q == nil { // upgraded meanwhile
		s.mu.Unlock()
		ErrBadRequest.write(w)
		return
	}
	req.base64 = q.base64
	packets, compress := q.take()
	switch {
	case len(packets) == 0:
		packets = []packet{{kind: packetNoop}}
	case s.closed && len(packets) > 1:
		// Clients see to a close packet at once, to messages a moment later.
		last := len(packets) - 1
		packets, q.packets = packets[:last], packets[last:]
	case s.closed:
		s.forgetLingering()
	}
	s.mu.Unlock()
	s.answer(w, r, req, packets, compress)
}

// answer writes packets as the answer to a poll.
func (s *Session) answer(w http.ResponseWriter, r *http.Request, req request, packets []packet, compress bool) {
	supportsBinary := !req.base64 && req.jsonp == ""
	body, binary := encodePayload(s.protocol, packets, supportsBinary)
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	switch {
	case req.jsonp != "":
		h.Set("Content-Type", "text/javascript; charset=UTF-8")
		h.Set("X-Content-Type-Options", "nosniff")
		body = wrapJSONP(req.jsonp, body)
	case binary:
		h.Set("Content-Type", "application/octet-stream")
	}
	h.Set("Cache-Control", "no-store")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(requestTimeout))
	s.server.writeBody(w, r, body, compress)
}

// serveData takes the packets that a client sends.
func (s *Session) serveData(w http.ResponseWriter, r *http.Request, req request) {
	body, binary, ok := s.readData(w, r, req)
	if !ok {
		return
	}
	packets, err := decodePayload(s.protocol, body, binary)
	if err != nil {
		s.end(ParseError, err, true)
		ErrBadRequest.write(w)
	} else {
		for _, p := range packets {
			if !s.receive(p) {
				break
			}
		}
		h := w.Header()
		// text/html keeps old browsers from offering a download; the body is fixed.
		h.Set("Content-Type", "text/html")
		h.Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "ok")
	}
	s.mu.Lock()
	if s.poll != nil {
		s.poll.posting = false
	}
	s.mu.Unlock()
}

// readData reads the body of a data request; not ok when it has answered.
func (s *Session) readData(w http.ResponseWriter, r *http.Request, req request) (body []byte, binary, ok bool) {
	contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	binary = contentType == "application/octet-stream"
	if binary && s.protocol == v4 {
		s.end(TransportError, errors.New("invalid content"), true)
		ErrBadRequest.write(w)
		return nil, false, false
	}
	if !s.beginData(r) {
		ErrBadRequest.write(w)
		return nil, false, false
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(requestTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(s.server.cfg.MaxPayload)))
	if err == nil && req.jsonp != "" {
		body, err = unwrapJSONP(body)
	}
	if err == nil {
		return body, binary, true
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		s.mu.Lock()
		if s.poll != nil {
			s.poll.posting = false
		}
		s.mu.Unlock()
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return nil, false, false
	}
	s.end(TransportError, errDataGone, true)
	ErrBadRequest.write(w)
	return nil, false, false
}

// beginData waits while the session is paused and marks a data request as
// under way; false when one is already, or the session has ended.
func (s *Session) beginData(r *http.Request) bool {
	s.mu.Lock()
	q := s.poll
	if q == nil || s.closed {
		s.mu.Unlock()
		return false
	}
	if q.posting {
		s.mu.Unlock()
		s.end(TransportError, errDataOverlap, true)
		return false
	}
	q.posting = true
	resumed := q.resumed
	s.mu.Unlock()
	if resumed != nil {
		select {
		case <-resumed:
		case <-r.Context().Done():
			s.end(TransportError, errDataGone, true)
			return false
		}
	}
	return true
}

// endPolling leaves the last packets to the poll that waits, or to the next
// ones. mu is held.
func (s *Session) endPolling(byServer, orderly bool) (lingers bool) {
	q := s.poll
	q.setPaused(false)
	// A client in the middle of an upgrade may poll no more: then it gets the last
	// packets on its WebSocket.
	if up := q.upgrade; up != nil && (up.conn == nil || !orderly || !byServer) {
		q.upgrade = nil
		if up.conn != nil {
			up.conn.Close(0, "")
		}
	}
	last := packet{kind: packetClose}
	if !byServer {
		last = packet{kind: packetNoop}
		q.packets = nil
	}
	if !orderly && q.waiter == nil {
		q.packets = nil
		return false
	}
	q.packets = append(q.packets, last)
	if q.waiter != nil {
		q.wake()
		return false
	}
	q.linger = &linger{session: s}
	q.linger.timer.Owner = q.linger
	s.server.loop.Wheel().Arm(&q.linger.timer, lingerTime)
	return true
}

func (s *Session) forgetLingering() {
	if l := s.poll.linger; l != nil {
		s.server.loop.Wheel().Disarm(&l.timer)
		s.server.forget(s)
	}
}

// beginUpgrade reserves the session for one probe.
func (s *Session) beginUpgrade(p *probe) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.poll == nil || s.poll.upgrade != nil || s.server.cfg.NoUpgrades {
		return false
	}
	s.poll.upgrade = p
	return true
}

// attachProbe notes the probe's connection; false when the session has ended.
func (s *Session) attachProbe(p *probe, c *netloop.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.poll == nil || s.poll.upgrade != p {
		return false
	}
	p.conn = c
	s.server.loop.Wheel().Arm(&p.timer, s.server.cfg.UpgradeTimeout)
	return true
}

// abandonUpgrade reports whether p was the upgrade under way.
func (s *Session) abandonUpgrade(p *probe) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll == nil || s.poll.upgrade != p {
		return false
	}
	s.poll.upgrade = nil
	s.poll.probed = false
	return true
}

// probed ends the waiting poll, so that the client can pause polling.
func (s *Session) probed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll != nil {
		s.poll.probed = true
		s.poll.wake()
	}
}

// upgraded moves the session to c, with what waits for a poll. Not while a data
// request is under way: what it carries would be handled at the same time as
// what comes on c. Clients wait for its answer anyway.
func (s *Session) upgraded(p *probe, c *netloop.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll == nil || s.poll.upgrade != p || s.poll.posting {
		return false
	}
	q := s.poll
	if s.closed {
		s.sendLingering(c)
		return false
	}
	s.poll, s.conn = nil, c
	s.server.polling.Add(-1)
	c.SetHandler(s)
	for _, waiting := range q.packets {
		_ = c.Send(s.frame(waiting))
	}
	if s.paused {
		c.Pause()
	}
	q.setPaused(false)
	q.wake()
	return true
}

// sendLingering hands the messages of a session that has ended, and that no
// poll will fetch, to the WebSocket it was about to move to. mu is held.
func (s *Session) sendLingering(c *netloop.Conn) {
	packets, _ := s.poll.take()
	for _, waiting := range packets {
		if waiting.kind == packetMessage {
			_ = c.Send(s.frame(waiting))
		}
	}
	s.forgetLingering()
}

// frame turns a packet that waited for a poll into a WebSocket frame.
func (s *Session) frame(p packet) *netloop.Message {
	switch {
	case !p.binary:
		return netloop.NewMessage(netloop.Text, p.kind == packetMessage, []byte{byte(p.kind)}, p.data)
	case s.protocol == v3:
		return netloop.NewMessage(netloop.Binary, true, []byte{byte(p.kind - packetOpen)}, p.data)
	default:
		return netloop.NewMessage(netloop.Binary, true, p.data)
	}
}

// wrapJSONP makes a script of a payload. JSON that is valid JavaScript needs
// U+2028 and U+2029 escaped.
func wrapJSONP(index string, payload []byte) []byte {
	js := appendJSONString(nil, payload)
	out := make([]byte, 0, len(js)+len(index)+12)
	out = append(out, "___eio["+index+"]("...)
	out = append(out, js...)
	return append(out, ");"...)
}

// unwrapJSONP takes the payload out of the form that JSONP clients post, where
// a newline is sent as \n and a backslash-n as \\n.
func unwrapJSONP(form []byte) ([]byte, error) {
	values, err := url.ParseQuery(string(form))
	if err != nil || !values.Has("d") {
		return nil, errPacket
	}
	return []byte(newlines.Replace(values.Get("d"))), nil
}

var newlines = strings.NewReplacer(`\\n`, `\n`, `\n`, "\n")
