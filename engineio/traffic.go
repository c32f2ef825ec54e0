package engineio

// Traffic is what a session has carried: messages, and the bytes of what is in
// them, without heartbeats and without what the transport adds.
type Traffic struct {
	Received, Sent           uint64 // messages; Sent are those that were queued
	ReceivedBytes, SentBytes uint64
}

// Traffic is what the session has carried so far.
func (s *Session) Traffic() Traffic {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.traffic
}

// arrived counts a packet if it is a message, and reports whether the session is
// open to it.
func (s *Session) arrived(p packet) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if p.kind == packetMessage {
		s.traffic.Received++
		s.traffic.ReceivedBytes += uint64(len(p.data))
	}
	return true
}

// sent counts a message that is queued. mu is held.
func (s *Session) sent(m *Message) {
	s.traffic.Sent++
	s.traffic.SentBytes += uint64(m.size())
}

// Census is how many sessions are open, by what they are.
type Census struct {
	Open    int
	Polling int // of Open; the others are on a WebSocket
	V3      int // of Open, speak version 3 of the protocol
}

// Census counts the open sessions.
func (s *Server) Census() Census {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Census{Open: s.open, Polling: int(s.polling.Load()), V3: s.v3}
}
