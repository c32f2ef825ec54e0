package socketio

import (
	"slices"
	"time"
)

// maxKeptSessions bounds the sessions kept for recovery; the oldest go first.
const maxKeptSessions = 100_000

// packetLog holds what clients may have missed: the packets of the last while
// and the sessions that may come back for them. The adapter's lock guards it.
type packetLog struct {
	cfg     Recovery
	entries []logEntry // oldest first, at positions begin, begin+1, …
	begin   uint64
	bytes   int

	sessions map[string]*keptSession
	order    []*keptSession // oldest first; some may have been restored since
}

type logEntry struct {
	offset  uint64
	to      Selection
	encoded Encoded
	size    int
	at      time.Time
}

type keptSession struct {
	session *Session
	at      time.Time
}

func newPacketLog(cfg Recovery) *packetLog {
	return &packetLog{cfg: cfg, sessions: make(map[string]*keptSession)}
}

func (l *packetLog) end() uint64 { return l.begin + uint64(len(l.entries)) }

// append logs a packet and lets go of what is too old or too much.
func (l *packetLog) append(offset uint64, to Selection, encoded Encoded) {
	size := 0
	for _, m := range encoded {
		size += len(m.Data())
	}
	now := time.Now()
	l.entries = append(l.entries, logEntry{offset: offset, to: to, encoded: encoded, size: size, at: now})
	l.bytes += size
	expired := now.Add(-l.cfg.MaxDisconnection)
	drop := 0
	for drop < len(l.entries) {
		oldest := &l.entries[drop]
		if len(l.entries)-drop <= l.cfg.MaxPackets && l.bytes <= l.cfg.MaxBytes && !oldest.at.Before(expired) {
			break
		}
		l.bytes -= oldest.size
		*oldest = logEntry{}
		drop++
	}
	l.entries = l.entries[drop:]
	l.begin += uint64(drop)
}

// keep holds a session for a client that may come back.
func (l *packetLog) keep(session *Session) {
	l.expire()
	kept := &keptSession{session: session, at: time.Now()}
	l.sessions[session.ID] = kept
	l.order = append(l.order, kept)
}

func (l *packetLog) expire() {
	expired := time.Now().Add(-l.cfg.MaxDisconnection)
	drop := 0
	for drop < len(l.order) && (l.order[drop].at.Before(expired) || len(l.order)-drop >= maxKeptSessions) {
		kept := l.order[drop]
		if l.sessions[kept.session.ID] == kept {
			delete(l.sessions, kept.session.ID)
		}
		l.order[drop] = nil
		drop++
	}
	l.order = l.order[drop:]
}

// restore takes a session back if all that its client missed is still there.
func (l *packetLog) restore(id, offset string) *Session {
	l.expire()
	kept := l.sessions[id]
	if kept == nil {
		return nil
	}
	session := *kept.session
	if offset != "" {
		position, ok := l.behind(offset)
		if !ok {
			return nil
		}
		session.position = position
	}
	if session.position < l.begin {
		return nil
	}
	session.missed = l.since(&session)
	session.position = l.end()
	return &session
}

// behind returns the position after the packet with that offset.
func (l *packetLog) behind(offset string) (uint64, bool) {
	wanted, err := parseOffset(offset)
	if err != nil {
		return 0, false
	}
	// Offsets are handed out in order, but packets may be logged in a slightly
	// different one.
	for i := len(l.entries) - 1; i >= 0; i-- {
		if l.entries[i].offset == wanted {
			return l.begin + uint64(i) + 1, true
		}
	}
	return 0, false
}

// claim uses a restored session up and returns all it has missed by now. It
// fails for a session that another connection was faster to claim, and after
// the whole log was replaced since restore.
func (l *packetLog) claim(session *Session) ([]Encoded, bool) {
	if l.sessions[session.ID] == nil || session.position < l.begin {
		return nil, false
	}
	delete(l.sessions, session.ID)
	return append(session.missed, l.since(session)...), true
}

// since returns the packets behind a session's position that were for it.
func (l *packetLog) since(session *Session) []Encoded {
	var packets []Encoded
	for i := range l.entries[session.position-l.begin:] {
		if entry := &l.entries[session.position-l.begin+uint64(i)]; entry.to.includes(session) {
			packets = append(packets, entry.encoded)
		}
	}
	return packets
}

func (to *Selection) includes(session *Session) bool {
	if to.only != "" {
		return to.only == session.ID
	}
	in := func(room string) bool { return room == session.ID || slices.Contains(session.Rooms, room) }
	if slices.ContainsFunc(to.Except, in) {
		return false
	}
	return len(to.Rooms) == 0 || slices.ContainsFunc(to.Rooms, in)
}

// join and leave replace Rooms, which a restored copy may share.
func (s *Session) join(rooms []string) {
	joined := slices.Clone(s.Rooms)
	for _, room := range rooms {
		if room != s.ID && !slices.Contains(joined, room) {
			joined = append(joined, room)
		}
	}
	s.Rooms = joined
}

func (s *Session) leave(rooms []string) {
	s.Rooms = slices.DeleteFunc(slices.Clone(s.Rooms), func(room string) bool {
		return slices.Contains(rooms, room)
	})
}
