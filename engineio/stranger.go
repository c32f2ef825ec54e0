package engineio

import (
	"bytes"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

const (
	// requestTimeout bounds the reading of a data request's body, but for slow clients
	// that send leastRate, and the writing of a poll's answer.
	requestTimeout = 30 * time.Second
	// strangerTimeout bounds all of a body where Config.MaxStrangerPayload is set.
	strangerTimeout = 10 * time.Second
	// leastRate is the bytes a second for which a body has longer than requestTimeout.
	leastRate = 1 << 10
)

// knownTerms is what is granted to the body of a request of a session that is trusted.
func (c *Config) knownTerms() netloop.Terms {
	return netloop.Terms{Max: c.MaxPayload, Time: requestTimeout, Rate: leastRate}
}

// strangerTerms is what is granted before.
func (c *Config) strangerTerms() netloop.Terms {
	terms := c.knownTerms()
	terms.Stranger = true
	if c.MaxStrangerPayload > 0 && c.MaxStrangerPayload < c.MaxPayload {
		terms = netloop.Terms{Max: c.MaxStrangerPayload, Time: strangerTimeout, Stranger: true}
	}
	return terms
}

// terms says by the target of a data request what is granted to its body. The body of one
// that will be refused is not waited for, nor that of one for another server's session.
func (s *Server) terms(target []byte) netloop.Terms {
	_, query, _ := bytes.Cut(target, []byte("?"))
	id, _ := parameter(query, "sid")
	session := s.session(string(id))
	if session == nil {
		return netloop.Terms{Stranger: true, Stream: s.cfg.Elsewhere(string(id)) != nil}
	}
	if session.Transport() != Polling {
		return netloop.Terms{Stranger: true}
	}
	return session.terms()
}

func (s *Session) terms() netloop.Terms {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trusted {
		return s.server.cfg.knownTerms()
	}
	return s.server.cfg.strangerTerms()
}

// Trust says that it is known who the client is: from here on messages may have
// Config.MaxPayload bytes, and the session counts among Config.MaxStrangers no more.
func (s *Session) Trust() {
	s.mu.Lock()
	first := !s.trusted && !s.closed
	s.trusted = true
	if s.conn != nil {
		s.conn.Trust()
	}
	s.mu.Unlock()
	if first {
		s.server.strangers.leave()
	}
}

// restrict bounds what a WebSocket of the session may send before Trust. mu is held.
func (s *Session) restrict(c *netloop.Conn) {
	if s.trusted {
		c.Trust()
	} else {
		c.Restrict(s.server.cfg.MaxStrangerPayload)
	}
}

// Strangers is the number of sessions that are open and were not trusted. They are
// counted where Config.MaxStrangers bounds them.
func (s *Server) Strangers() int {
	s.strangers.mu.Lock()
	defer s.strangers.mu.Unlock()
	return s.strangers.count
}

// EndStranger ends the session that is the oldest of those, to make room; false when
// none has been open for that long.
func (s *Server) EndStranger(age time.Duration) bool {
	oldest := s.strangers.oldest(age)
	if oldest == nil {
		return false
	}
	s.endStranger(oldest)
	return true
}

// endStranger ends a session at once: to wait for its part of the closing handshake would
// keep its place.
func (s *Server) endStranger(session *Session) {
	s.refused(RefusedStranger)
	session.end(ForcedClose, errStrangers, true)
	session.mu.Lock()
	conn := session.conn
	session.mu.Unlock()
	if conn != nil {
		conn.Abort()
	}
}

func (s *Session) isStranger() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.trusted && !s.closed
}

func (s *Session) isTrusted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trusted
}

// refused tells of what was turned away.
func (s *Server) refused(why Refusal) {
	if s.cfg.OnRefuse != nil {
		s.cfg.OnRefuse(why)
	}
}
