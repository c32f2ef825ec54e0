package engineio

import (
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// ErrClosed is returned for a session that has ended.
var ErrClosed = errors.New("engineio: session closed")

// Handler gets what arrives on a session. HandleMessage is called by one
// goroutine at a time, in the order the messages were sent. It runs on the
// connection loop, where it holds up other connections: it must not block.
type Handler interface {
	// HandleMessage gets one message. data is valid until the call returns.
	HandleMessage(s *Session, binary bool, data []byte)
	// HandleClose is called once, when the session has ended. err tells more
	// where there is more to tell. It may run at the same time as a
	// HandleMessage, and inside a call of Close.
	HandleClose(s *Session, reason Reason, err error)
}

// Session is one client's session, over whatever transport it uses at the
// moment. Its methods may be called concurrently and never block, but for AwaitRoom.
type Session struct {
	id        string
	server    *Server
	protocol  int
	handshake *Handshake
	handler   Handler // set by live, before anything is read

	mu           sync.Mutex
	heartbeat    netloop.Timer
	due          time.Time     // when the session ends unless the client shows life, or is forgotten, see linger
	conn         *netloop.Conn // the WebSocket; nil while on polling
	poll         *polling      // nil on a WebSocket
	awaitingPong bool
	traffic      Traffic
	overflowed   bool // more waited for polls than may, and was dropped: about to end
	paused       pauses
	trusted      bool // see Trust
	closed       bool
	ending       ending // when it ended before it had a handler
}

// pauses are those who want nothing read at the moment.
type pauses uint8

const (
	byHandler pauses = 1 << iota // Pause
	byServer                     // Quiesce, of the session or of its server, until the end
)

// ending is how a session ended.
type ending struct {
	reason Reason
	err    error
}

// ID is the session id. It is a secret between client and server.
func (s *Session) ID() string { return s.id }

// Protocol is the version of Engine.IO that the client speaks, 3 or 4.
func (s *Session) Protocol() int { return s.protocol }

// Handshake is what the client's first request said.
func (s *Session) Handshake() *Handshake { return s.handshake }

// Transport is Polling or WebSocket.
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll != nil {
		return Polling
	}
	return WebSocket
}

// Send queues messages for the client, one behind the other with nothing in
// between. It fails with ErrClosed. More than Config.MaxQueuedBytes cannot wait:
// senders that can wait call AwaitRoom before.
func (s *Session) Send(messages ...*Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		if err := s.send(m); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) send(m *Message) error {
	switch {
	case s.closed:
		return ErrClosed
	case s.poll != nil:
		s.sent(m)
		return s.queue(m.queued(), m.compress)
	}
	s.sent(m)
	return s.sendFrame(m.wsFrame(s.protocol))
}

// sendFrame queues on the WebSocket. An error needs no handling here: the
// connection tells HandleClose.
func (s *Session) sendFrame(frame *netloop.Message) error {
	if s.conn == nil || s.conn.Send(frame) != nil {
		return ErrClosed
	}
	return nil
}

// Writable reports whether a message would be written at once, which is what
// volatile messages need.
func (s *Session) Writable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return false
	case s.poll != nil:
		return s.poll.waiter != nil
	}
	return s.conn != nil && !s.conn.Full()
}

// Close ends the session behind what is queued; its reason is ForcedClose.
func (s *Session) Close() { s.end(ForcedClose, nil, true) }

// Fail ends the session for a reason that the layer above found, such as
// ParseError.
func (s *Session) Fail(reason Reason, err error) { s.endWith(ending{reason, err}, true, true) }

// Pause stops reading from the client, which feels it as backpressure; Resume
// goes on. Messages that were read already still arrive. A paused session does
// not time out.
func (s *Session) Pause() { s.setPaused(byHandler, true) }

// Resume continues after Pause, but for a session that was quiesced, or whose server was.
func (s *Session) Resume() { s.setPaused(byHandler, false) }

// Quiesce reads no more from the client until the end of the session, which can still be sent
// to. Messages that were read already still arrive.
func (s *Session) Quiesce() { s.setPaused(byServer, true) }

func (s *Session) setPaused(by pauses, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.paused != 0
	if on {
		s.paused |= by
	} else {
		s.paused &^= by
	}
	paused := s.paused != 0
	if s.closed || paused == before {
		return
	}
	if !paused {
		s.excuse()
	}
	if s.poll != nil {
		s.poll.setPaused(paused)
		return
	}
	if s.conn == nil {
		return
	}
	if paused {
		s.conn.Pause()
	} else {
		s.conn.Resume()
	}
}

// openPacket is the data of the handshake's answer.
func (s *Session) openPacket(transport string) []byte {
	cfg := &s.server.cfg
	data, _ := json.Marshal(struct { // plain fields
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int      `json:"maxPayload"`
	}{s.id, cfg.upgrades(transport), cfg.PingInterval.Milliseconds(), cfg.PingTimeout.Milliseconds(), cfg.MaxPayload})
	return data
}

// live introduces the session to its handler and starts the heartbeat. The
// open packet is queued, and nothing is read yet.
func (s *Session) live() {
	handler := s.server.cfg.OnSession(s)
	s.mu.Lock()
	s.handler = handler
	closed, end := s.closed, s.ending
	if !closed {
		s.rest()
	}
	s.mu.Unlock()
	if closed {
		handler.HandleClose(s, end.reason, end.err)
	}
}

// rest arms the heartbeat for the time after a sign of life. mu is held.
func (s *Session) rest() {
	if s.overflowed {
		return // the timer has another task
	}
	cfg := &s.server.cfg
	s.awaitingPong = false
	s.due = time.Now().Add(cfg.PingInterval + cfg.PingTimeout)
	if s.protocol == v3 {
		s.server.loop.Wheel().Arm(&s.heartbeat, cfg.PingInterval+cfg.PingTimeout)
	} else {
		s.server.loop.Wheel().Arm(&s.heartbeat, cfg.PingInterval)
	}
}

// excuse gives the client time for the signs of life that were not read during
// a pause. mu is held.
func (s *Session) excuse() {
	cfg := &s.server.cfg
	switch {
	case s.overflowed: // the timer has another task
	case s.protocol == v3:
		s.rest()
	case s.awaitingPong:
		s.due = time.Now().Add(cfg.PingTimeout)
		s.server.loop.Wheel().Arm(&s.heartbeat, cfg.PingTimeout)
	}
}

// Expire is for the timing wheel: it is time for a ping, or too late for a pong, or
// for the poll that was to fetch the last packets.
func (s *Session) Expire(*netloop.Timer) {
	s.mu.Lock()
	switch {
	case s.closed:
		s.lingered()
		s.mu.Unlock()
	case s.overflowed:
		s.mu.Unlock()
		s.end(SlowConsumer, nil, true)
	case s.paused != 0: // the client still needs its ping, but its pong is not read
		if s.protocol == v4 {
			s.sendControl(packetPing, nil)
		}
		s.rest()
		s.mu.Unlock()
	case s.protocol == v4 && !s.awaitingPong:
		s.awaitingPong = true
		s.sendControl(packetPing, nil)
		s.server.loop.Wheel().Arm(&s.heartbeat, time.Until(s.due))
		s.mu.Unlock()
	default:
		s.mu.Unlock()
		s.end(PingTimeout, nil, true)
	}
}

// overdue ends a session whose time is up but whose timer has not fired yet,
// so that the next request finds it ended.
func (s *Session) overdue() bool {
	s.mu.Lock()
	overflowed := !s.closed && s.overflowed
	late := !s.closed && s.paused == 0 && !s.due.IsZero() && time.Now().After(s.due)
	s.mu.Unlock()
	switch {
	case overflowed:
		s.end(SlowConsumer, nil, true)
	case late:
		s.end(PingTimeout, nil, true)
	}
	return overflowed || late
}

// sendControl queues a packet that is no message. mu is held.
func (s *Session) sendControl(kind packetType, data []byte) {
	if s.poll != nil {
		_ = s.queue(queued{kind: kind, frame: control(kind, data)}, false)
		return
	}
	_ = s.sendFrame(control(kind, data))
}

// errHeartbeat is a ping or pong from the side that must not send it.
var errHeartbeat = errors.New("invalid heartbeat direction")

// receive handles one packet, on whatever transport it came. Nothing more of
// the transport is to be read when it reports false.
func (s *Session) receive(p packet) bool {
	if !s.arrived(p) {
		return false
	}
	switch p.kind {
	case packetMessage:
		s.handler.HandleMessage(s, p.binary, p.data)
		return true
	case packetPing, packetPong:
		if !s.beat(p) {
			s.end(TransportError, errHeartbeat, true)
			return false
		}
		return true
	case packetClose:
		s.end(TransportClose, nil, false)
		return false
	default:
		return true // open, noop and a late upgrade mean nothing here
	}
}

func (s *Session) beat(p packet) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if (p.kind == packetPing) != (s.protocol == v3) {
		return false
	}
	if s.closed {
		return true
	}
	if p.kind == packetPing {
		s.sendControl(packetPong, p.data)
	}
	s.rest()
	return true
}

// end ends the session for a reason of the engine's. byServer tells who ended
// it: a client that did needs no close packet.
func (s *Session) end(reason Reason, err error, byServer bool) {
	orderly := reason == TransportClose || reason == ForcedClose || reason == ShuttingDown
	s.endWith(ending{reason, err}, byServer, orderly)
}

// endWith is the only way out of the open state. orderly leaves the last packets
// to a poll that is still to come.
func (s *Session) endWith(end ending, byServer, orderly bool) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.ending = end
	stranger := !s.trusted
	s.server.loop.Wheel().Disarm(&s.heartbeat)
	lingers := false
	if s.poll != nil {
		s.server.polling.Add(-1)
		lingers = s.endPolling(byServer, orderly)
	} else if s.conn != nil {
		s.conn.Close(0, "")
	}
	handler := s.handler
	s.mu.Unlock()
	if stranger {
		s.server.strangers.leave()
	}
	s.server.ended(s, lingers)
	if handler != nil {
		handler.HandleClose(s, end.reason, end.err)
	}
}

// runsOn reports whether c is the session's transport.
func (s *Session) runsOn(c *netloop.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn == c
}

func (s *Session) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}
