package engineio

import "context"

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

func fromPackets(in []Packet) []packet {
	var out []packet
	for _, p := range in {
		out = append(out, packet{kind: packetType(p.Type), binary: p.Binary, data: []byte(p.Data)})
	}
	return out
}

// EncodePayload encodes the answer to a poll.
func EncodePayload(protocol int, packets []Packet, supportsBinary bool) (payload []byte, binary bool) {
	return encodePayload(protocol, fromPackets(packets), supportsBinary)
}

// DecodePayload decodes the body of a data request.
func DecodePayload(protocol int, body []byte, binary bool) ([]Packet, error) {
	packets, err := decodePayload(protocol, body, binary)
	return toPackets(packets), err
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
