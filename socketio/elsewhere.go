package socketio

import (
	"context"
	"crypto/hmac"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
)

// Claim is what a client says that comes back to go on with a session.
type Claim struct {
	Namespace string
	PID       string // its private id
	Offset    string // of the last packet that it has got; empty where it got none
}

// Holder is another server, which has the session of a client that has come to this one.
type Holder interface {
	// InStep returns once the sockets of this server were told what those of the holder had been told when it was called.
	InStep(ctx context.Context) error
	// Take takes the session away from it, see [Server.HandOver]; nil where it has none any more.
	Take(ctx context.Context) (*Moved, error)
}

// Moved is a session on its way from one server to another. Whoever carries it has to encode Data, which is the
// application's.
type Moved struct {
	ID     string   `json:"id"`
	PID    string   `json:"pid"`
	Offset string   `json:"offset,omitempty"` // of the last packet that its client has got
	Rooms  []string `json:"rooms"`            // without the one of its own id
	Missed []Missed `json:"missed"`
	Data   any      `json:"-"`
}

// Missed is a packet that its client has not got.
type Missed struct {
	Offset   uint64          `json:"offset"`
	Messages []MissedMessage `json:"messages"`
}

// MissedMessage is a message of a packet: text, or binary.
type MissedMessage struct {
	Text   string `json:"text,omitempty"`
	Binary []byte `json:"binary,omitempty"`
}

// Has tells whether this server has the session that a client wants to go on with. What that has missed may be kept no
// longer.
func (s *Server) Has(c Claim) bool {
	n := s.namespaceOf(c)
	if n == nil {
		return false
	}
	_, ok := n.verifyPID(c.PID)
	return ok && n.rooms.has(c.PID[:idLength])
}

// HandOver gives away the session of a client that has come to another server: that is to take it in, and nobody goes on
// with it here. A connection that it has here still is ended first, since its client is there. inStep must return once the
// sockets of this server were told what those of the other one had been told when it was called. nil: there is no such session, or
// what its client has missed is kept no longer.
func (s *Server) HandOver(ctx context.Context, c Claim, inStep func(context.Context) error) (*Moved, error) {
	n := s.namespaceOf(c)
	if n == nil {
		return nil, nil
	}
	id, ok := n.verifyPID(c.PID)
	if !ok {
		return nil, nil
	}
	n.supersede(id)
	if err := inStep(ctx); err != nil {
		return nil, err
	}
	return n.rooms.release(c), nil
}

func (s *Server) namespaceOf(c Claim) *Namespace {
	if s.cfg.Recovery == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.namespaces[c.Namespace]
}

// fetchTimeout is how long it may take to take a session from another server. Its client starts afresh then.
const fetchTimeout = 5 * time.Second

// fetch takes the session of a client from the server that has it, so that it is one of this server's. What is told here
// meanwhile and is not among what the other server has told is for it too.
func (n *Namespace) fetch(s *Socket, c Claim) bool {
	find := n.server.cfg.Recovery.Elsewhere
	if find == nil || len(c.PID) != 2*idLength {
		return false
	}
	ctx, cancel := context.WithTimeout(s.Context(), fetchTimeout)
	defer cancel()
	holder := find(ctx, c)
	if holder == nil {
		return false
	}
	moved, from, err := n.take(ctx, holder)
	if err != nil {
		s.logger().Warn("socketio: a session could not be taken from another server", "namespace", n.name, "err", err)
		return false
	}
	return moved != nil && moved.ID == c.PID[:idLength] && n.rooms.adopt(moved, from)
}

// take tells from where on what is told here is to be looked at. What the client has got is told here before that, what
// it has missed before the end.
func (n *Namespace) take(ctx context.Context, holder Holder) (moved *Moved, from uint64, err error) {
	if err := holder.InStep(ctx); err != nil {
		return nil, 0, err
	}
	from = n.rooms.logged()
	if moved, err = holder.Take(ctx); err != nil || moved == nil {
		return nil, 0, err
	}
	return moved, from, holder.InStep(ctx)
}

// supersede ends a connection of a client that has come back, whose death was not noticed yet.
func (n *Namespace) supersede(id string) {
	if old := n.Socket(id); old != nil {
		<-old.open
		old.client.session.Fail(engineTransportClose, errSuperseded)
		<-old.Context().Done() // it may have been leaving already
	}
}

// logged is where the packet log stands.
func (l *Rooms) logged() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.position()
}

// has tells whether there is a session of that id.
func (l *Rooms) has(id string) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.sockets[id] != nil || l.log != nil && l.log.sessions[id] != nil
}

// tookIn tells whether there is a session of that id which another server has made, with that private id.
func (l *Rooms) tookIn(id, pid string) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	its := ""
	if s := l.sockets[id]; s != nil {
		its = s.foreign.pid
	} else if l.log != nil && l.log.sessions[id] != nil {
		its = l.log.sessions[id].session.foreign.pid
	}
	return its != "" && hmac.Equal([]byte(its), []byte(pid))
}

// release takes a session out for another server.
func (l *Rooms) release(c Claim) *Moved {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.log == nil {
		return nil
	}
	session := l.log.restore(c.PID[:idLength], c.Offset)
	if session == nil {
		return nil
	}
	missed, ok := l.log.claim(session)
	if !ok {
		return nil
	}
	m := &Moved{ID: session.ID, PID: c.PID, Offset: c.Offset, Rooms: session.Rooms, Data: session.Data, Missed: make([]Missed, len(missed))}
	for i, encoded := range missed {
		m.Missed[i] = missedOf(session.offsets[i], encoded)
	}
	return m
}

// adopt makes a session of another server one of this server's, which may come back. Of what was logged here from a position
// on its client gets what is not among what it has missed there. It fails where that is kept no longer.
func (l *Rooms) adopt(m *Moved, from uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.log == nil || from < l.log.begin || l.sockets[m.ID] != nil {
		return false
	}
	l.log.adopt(m, from)
	return true
}

func (l *packetLog) adopt(m *Moved, from uint64) {
	session := &Session{ID: m.ID, Rooms: m.Rooms, Data: m.Data, joined: make(map[string]uint64, len(m.Rooms)), foreign: foreign{pid: m.PID}}
	for _, room := range m.Rooms {
		session.joined[room] = from
	}
	if offset, err := parseOffset(m.Offset); err == nil {
		session.foreign.offset = offset
	}
	further := l.further(session, m.Missed, from)
	session.from = l.end()
	alone := Selection{Socket: m.ID}
	for i := range m.Missed {
		l.append(m.Missed[i].Offset, alone, m.Missed[i].encoded())
	}
	for i := range further {
		l.append(further[i].offset, alone, further[i].encoded)
	}
	l.keep(session)
}

// further are the entries from a position on that are for a session and not among what it has missed elsewhere.
func (l *packetLog) further(session *Session, missed []Missed, from uint64) (further []logEntry) {
	known := make(map[string]int)
	for i := range missed {
		known[plain(missed[i].Offset, missed[i].encoded())]++
	}
	for position := from; position < l.end(); position++ {
		entry := &l.entries[position-l.begin]
		if !entry.to.includes(session, position) {
			continue
		}
		if text := plain(entry.offset, entry.encoded); known[text] > 0 {
			known[text]--
			continue
		}
		further = append(further, *entry)
	}
	return further
}

// plain is what a packet says without its offset, which each server gives it anew.
func plain(offset uint64, encoded Encoded) string {
	var all strings.Builder
	for i, m := range encoded {
		text := string(m.Data())
		if i == 0 {
			text = strings.TrimSuffix(text, `,"`+formatOffset(offset)+`"]`)
		}
		all.WriteString(text)
	}
	return all.String()
}

func missedOf(offset uint64, encoded Encoded) Missed {
	m := Missed{Offset: offset, Messages: make([]MissedMessage, len(encoded))}
	for i, message := range encoded {
		if message.Binary() {
			m.Messages[i].Binary = message.Data()
		} else {
			m.Messages[i].Text = string(message.Data())
		}
	}
	return m
}

func (m *Missed) encoded() Encoded {
	encoded := make(Encoded, len(m.Messages))
	for i := range m.Messages {
		if text := m.Messages[i].Text; text != "" {
			encoded[i] = engineio.NewText([]byte(text))
		} else {
			encoded[i] = engineio.NewBinary(m.Messages[i].Binary)
		}
	}
	return encoded
}

// foreign is what is kept of a session that another server has made. Its client compares the private id with the one it
// had, and knows no offset of this server's before it gets a packet.
type foreign struct {
	pid    string // empty: it is one of this server's
	offset uint64 // where the session begins here; 0 for none
}
