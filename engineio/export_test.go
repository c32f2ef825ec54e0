package engineio

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// Packet is a packet in a form that tests can write down and compare.
type Packet struct {
	Type   byte // '0' to '6'
	Binary bool
	Data   string
}

func toPackets(in []packet) []Packet {
	var out []Packet
	for _, p := range in {
		out = append(out, Packet{byte(p.kind), p.binary, string(p.data)})
	}
	return out
}

func toQueued(in []Packet) []queued {
	var out []queued
	for _, p := range in {
		frame := control(packetType(p.Type), []byte(p.Data))
		if p.Binary {
			frame = NewBinary([]byte(p.Data)).frame
		}
		out = append(out, queued{kind: packetType(p.Type), binary: p.Binary, frame: frame})
	}
	return out
}

// EncodePayload encodes the answer to a poll.
func EncodePayload(protocol int, packets []Packet, supportsBinary bool) (payload []byte, binary bool) {
	return encodePayload(protocol, toQueued(packets), supportsBinary)
}

// DecodePayload decodes the body of a data request.
func DecodePayload(protocol int, body []byte, binary bool) ([]Packet, error) {
	var packets []Packet
	err := decodePayload(protocol, body, binary, func(p packet) bool {
		packets = append(packets, toPackets([]packet{p})...)
		return true
	})
	if err != nil {
		return nil, err
	}
	return packets, nil
}

// CountPackets decodes a payload and keeps nothing of it.
func CountPackets(protocol int, body []byte, binary bool) (n int, err error) {
	err = decodePayload(protocol, body, binary, func(packet) bool {
		n++
		return true
	})
	return n, err
}

// DecodeFrame decodes a WebSocket message.
func DecodeFrame(protocol int, binary bool, data []byte) (Packet, error) {
	p, err := decodeFrame(protocol, binary, data)
	return Packet{byte(p.kind), p.binary, string(p.data)}, err
}

// WrapJSONP and UnwrapJSONP are the two directions of JSONP.
func WrapJSONP(index string, payload []byte) []byte { return wrapJSONP(index, payload) }

// UnwrapJSONP takes the payload out of a posted form.
func UnwrapJSONP(form []byte) ([]byte, error) { return unwrapJSONP(form) }

// NewID makes a session id.
func NewID() string { return newID() }

// UpgradeHold is how long a poll waits during an upgrade.
const UpgradeHold = upgradeHold

// Reachable counts the sessions that a request can find, ended ones too.
func (s *Server) Reachable() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Drain waits until the loop has no connection.
func (s *Server) Drain(ctx context.Context) error { return s.loop.Drain(ctx) }

// Upgrading reports whether a probe's connection is attached.
func (s *Session) Upgrading() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.poll != nil && s.poll.upgrade != nil && s.poll.upgrade.conn != nil
}

// LateUpgradeTimeout is the upgrade's timer firing while the upgrade succeeds:
// it returns a call to be made after the success.
func (s *Session) LateUpgradeTimeout() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.poll.upgrade
	return func() { p.Expire(&p.timer) }
}

// Posting reports whether a data request is under way.
func (s *Session) Posting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.poll != nil && s.poll.posting
}

// Beats reports whether the heartbeat has begun, or the session has ended before.
func (s *Session) Beats() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed || !s.due.IsZero()
}

// Stopping reports whether new sessions are refused.
func (s *Server) Stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// HoldWheel keeps the timing wheel from calling anybody until release is called, which
// must be before the server is shut down.
func (s *Server) HoldWheel() (release func()) {
	h := &hold{inside: make(chan struct{}), leave: make(chan struct{})}
	h.timer.Owner = h
	s.loop.Wheel().Arm(&h.timer, 0)
	<-h.inside
	return func() { close(h.leave) }
}

type hold struct {
	timer         netloop.Timer
	inside, leave chan struct{}
}

func (h *hold) Expire(*netloop.Timer) {
	close(h.inside)
	<-h.leave
}

// Parameter finds a parameter of a query as Serve does.
func Parameter(query []byte, name string) (value []byte, found bool) { return parameter(query, name) }
