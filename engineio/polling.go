package engineio

import (
	"bytes"
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
	// lingerTime is how long a session that has ended keeps its last packets
	// for the poll that is to fetch them.
	lingerTime = 30 * time.Second
	// upgradeHold is how long a poll waits during an upgrade before it is
	// answered with a noop, so that the client can pause polling and go on.
	upgradeHold = 100 * time.Millisecond
)

// polling is the state of a session on the long-polling transport, guarded by
// the session's lock.
type polling struct {
	queue   pollQueue
	waiter  *waiter       // the poll that waits; nil without one
	upgrade *probe        // nil without an upgrade under way
	resumed chan struct{} // not nil while paused
	posting bool          // a data request is under way
	base64  bool          // the client cannot take binary
	probed  bool          // the probe was answered
	lingers bool          // it has ended with packets left
}

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

func (s *Server) openPolling(w http.ResponseWriter, r *http.Request, req request) {
	session, err := s.newSession(r, req)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.setCookie(w.Header(), session)
	session.startPolling(req)
	session.servePoll(w, r, req)
}

func (s *Session) startPolling(req request) {
	defer s.server.opening.Done()
	s.mu.Lock()
	s.poll = &polling{base64: req.base64}
	s.poll.queue.push(queued{kind: packetOpen, frame: control(packetOpen, s.openPacket(Polling))}, false)
	if !s.closed { // by Shutdown
		s.server.polling.Add(1)
	}
	s.mu.Unlock()
	s.live()
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
	case s.overflowed, s.closed && len(q.queue.packets) == 0:
		s.mu.Unlock()
		ErrUnknownSession.write(w)
		return
	case len(q.queue.packets) == 0:
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
	packets, compress := q.queue.popAnswer()
	switch last := len(packets) - 1; {
	case last < 0:
		packets = []queued{{kind: packetNoop, frame: control(packetNoop, nil)}}
	case !s.closed:
	case len(q.queue.packets) > 0:
		s.linger()
	case last > 0:
		// Clients see to a close packet at once, to messages a moment later.
		q.queue.push(packets[last], false)
		packets = packets[:last]
	default:
		s.forgetLingering()
	}
	s.mu.Unlock()
	s.answer(w, r, req, packets, compress)
}

// answer writes packets as the answer to a poll.
func (s *Session) answer(w http.ResponseWriter, r *http.Request, req request, packets []queued, compress bool) {
	supportsBinary := !req.base64 && req.jsonp == ""
	body, binary := s.payload(packets, supportsBinary)
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
	s.server.writeBody(w, r, body, compress)
}

// payload is what a poll is answered with. A single text is shared, like its frame,
// with all others who get it.
func (s *Session) payload(packets []queued, supportsBinary bool) (body []byte, binary bool) {
	if p := &packets[0]; s.protocol == v4 && len(packets) == 1 && !p.binary {
		return p.frame.Payload(), false
	}
	return encodePayload(s.protocol, packets, supportsBinary)
}

// serveData takes the packets that a client sends.
func (s *Session) serveData(w http.ResponseWriter, r *http.Request, req request) {
	body, binary, ok := s.readData(w, r, req)
	if !ok {
		return
	}
	defer s.endData()
	err := decodePayload(s.protocol, body, binary, func(p packet) bool {
		return s.receive(p) && s.awaitResume(r)
	})
	if err != nil {
		s.end(ParseError, err, true)
		ErrBadRequest.write(w)
		return
	}
	h := w.Header()
	// text/html keeps old browsers from offering a download; the body is fixed.
	h.Set("Content-Type", "text/html")
	h.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok")
}

// endData ends what beginData has begun.
func (s *Session) endData() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll != nil {
		s.poll.posting = false
	}
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
	body, err := s.readBody(r)
	if err == nil && req.jsonp != "" {
		body, err = unwrapJSONP(body)
	}
	if err == nil {
		return body, binary, true
	}
	if errors.As(err, new(*http.MaxBytesError)) {
		s.endData()
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return nil, false, false
	}
	s.end(TransportError, errDataGone, true)
	ErrBadRequest.write(w)
	return nil, false, false
}

// readBody reads a body as large as the session may send one. One that says that it is
// larger is not read at all.
func (s *Session) readBody(r *http.Request) ([]byte, error) {
	terms := s.terms()
	tooLarge := &http.MaxBytesError{Limit: int64(terms.Max)}
	if r.ContentLength > tooLarge.Limit {
		s.server.refused(RefusedSize)
		return nil, tooLarge
	}
	if whole, ok := r.Body.(interface{ Bytes() []byte }); ok { // read by the loop
		return whole.Bytes(), nil
	}
	if guarded, ok := r.Body.(*netloop.Body); ok && !terms.Stranger {
		guarded.Trust()
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, tooLarge.Limit+1))
	if int64(len(body)) > tooLarge.Limit {
		s.server.refused(RefusedSize)
		return nil, tooLarge
	}
	return body, err
}

// beginData marks a data request as under way and waits while the session is paused;
// false when one is already, or the session has ended.
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
	s.mu.Unlock()
	return s.awaitResume(r)
}

// awaitResume waits while the session is paused; false when the client has gone
// meanwhile. What is left of a payload waits like a WebSocket that is not read.
func (s *Session) awaitResume(r *http.Request) bool {
	s.mu.Lock()
	var resumed <-chan struct{}
	if s.poll != nil {
		resumed = s.poll.resumed
	}
	s.mu.Unlock()
	if resumed == nil {
		return true
	}
	select {
	case <-resumed:
		return true
	case <-r.Context().Done():
		s.end(TransportError, errDataGone, true)
		return false
	}
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
	last := packetClose
	q.queue.endWatch(s)
	if !byServer {
		last = packetNoop
		q.queue.clear()
	}
	if s.overflowed || !orderly && q.waiter == nil {
		q.queue.clear()
		q.wake()
		return false
	}
	q.queue.push(queued{kind: last, frame: control(last, nil)}, false)
	if q.waiter != nil {
		q.wake()
		return false
	}
	s.linger()
	return true
}

// linger keeps the last packets for a while, for the poll that is to fetch the next
// of them. The timer of the heartbeat, which is over, counts it. mu is held.
func (s *Session) linger() {
	s.poll.lingers = true
	s.due = time.Now().Add(lingerTime)
	s.server.loop.Wheel().Arm(&s.heartbeat, lingerTime)
}

// lingered forgets a session whose last packets nobody has fetched in time; a heartbeat
// that fires while the session ends is none of that. mu is held.
func (s *Session) lingered() {
	if s.poll == nil || !s.poll.lingers || time.Now().Before(s.due) {
		return
	}
	s.poll.queue.clear()
	s.server.forget(s)
}

func (s *Session) forgetLingering() {
	if s.poll.lingers {
		s.server.loop.Wheel().Disarm(&s.heartbeat)
		s.server.forget(s)
	}
}

// beginUpgrade reserves the session for one probe.
func (s *Session) beginUpgrade(p *probe) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.overflowed || s.poll == nil || s.poll.upgrade != nil || s.server.cfg.NoUpgrades {
		return false
	}
	s.poll.upgrade = p
	return true
}

// attachProbe notes the probe's connection; false when the session has ended.
func (s *Session) attachProbe(p *probe, c *netloop.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.overflowed || s.poll == nil || s.poll.upgrade != p {
		return false
	}
	p.conn = c
	s.restrict(c)
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
// what comes on c. Clients wait for its answer anyway. Nor after packets were
// dropped: there would be a gap that nobody knows of.
func (s *Session) upgraded(p *probe, c *netloop.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll == nil || s.poll.upgrade != p || s.poll.posting || s.overflowed {
		return false
	}
	q := s.poll
	if s.closed {
		s.sendLingering(c)
		return false
	}
	s.poll, s.conn = nil, c
	s.restrict(c)
	s.server.polling.Add(-1)
	c.SetHandler(s)
	q.queue.endWatch(s)
	waiting, _ := q.queue.pop(len(q.queue.packets))
	for _, p := range waiting {
		_ = c.Send(s.frame(p))
	}
	if s.paused != 0 {
		c.Pause()
	}
	q.setPaused(false)
	q.wake()
	return true
}

// sendLingering hands the messages of a session that has ended, and that no
// poll will fetch, to the WebSocket it was about to move to. mu is held.
func (s *Session) sendLingering(c *netloop.Conn) {
	packets, _ := s.poll.queue.pop(len(s.poll.queue.packets))
	for _, waiting := range packets {
		if waiting.kind == packetMessage {
			_ = c.Send(s.frame(waiting))
		}
	}
	s.forgetLingering()
}

// frame turns a packet that waited for a poll into a WebSocket frame.
func (s *Session) frame(p queued) *netloop.Message {
	if p.binary && s.protocol == v3 {
		return netloop.NewMessage(netloop.Binary, true, []byte{byte(p.kind - packetOpen)}, p.frame.Payload())
	}
	return p.frame
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
	for part := range bytes.SplitSeq(form, []byte("&")) {
		name, value, _ := bytes.Cut(part, []byte("="))
		if string(name) != "d" {
			continue
		}
		text, err := url.QueryUnescape(string(value))
		if err != nil {
			return nil, errPacket
		}
		return []byte(newlines.Replace(text)), nil
	}
	return nil, errPacket
}

var newlines = strings.NewReplacer(`\\n`, `\n`, `\n`, "\n")
