package socketio

import (
	"maps"
	"slices"
	"time"
)

// maxKeptSessions bounds the sessions kept for recovery; the oldest go first.
const maxKeptSessions = 100_000

// packetLog holds what clients may have missed: the packets of the last while
// and the sessions that may come back for them. The adapter's lock guards it.
type packetLog struct {
	cfg     Recovery
	frames  int        // what may be missed by one session at most: what can be
	octets  int        // queued for it at once
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

// newPacketLog makes an empty log for connections with that much of a queue: a
// client that missed more than three quarters of it starts afresh, instead of
// being closed as a slow consumer each time it comes back.
func newPacketLog(cfg Recovery, queuedFrames, queuedBytes int) *packetLog {
	return &packetLog{
		cfg:      cfg,
		frames:   queuedFrames / 4 * 3,
		octets:   queuedBytes / 4 * 3,
		sessions: make(map[string]*keptSession),
	}
}

func (l *packetLog) end() uint64 { return l.begin + uint64(len(l.entries)) }

// append logs a packet and lets go of what is too old or too much.
func (l *packetLog) append(offset uint64, to Selection, encoded Encoded) {
	size := encoded.size()
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

// size is the number of bytes of all messages.
func (e Encoded) size() int {
	size := 0
	for _, m := range e {
		size += len(m.Data())
	}
	return size
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
		if !ok || position < session.from {
			return nil // gone from the log, or older than the session
		}
		session.from = position
	}
	if session.from < l.begin {
		return nil
	}
	session.position = session.from
	if !l.collect(&session) {
		return nil
	}
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
// the whole log was replaced since restore, or too much was missed by now.
func (l *packetLog) claim(session *Session) ([]Encoded, bool) {
	if l.sessions[session.ID] == nil || session.position < l.begin {
		return nil, false
	}
	delete(l.sessions, session.ID)
	return session.missed, l.collect(session)
}

// collect adds the packets behind a session's position that were for it to what
// it missed; false when that is too much.
func (l *packetLog) collect(session *Session) bool {
	frames, octets := 0, 0
	for _, encoded := range session.missed {
		frames += len(encoded)
		octets += encoded.size()
	}
	for ; session.position < l.end(); session.position++ {
		entry := &l.entries[session.position-l.begin]
		if !entry.to.includes(session, session.position) {
			continue
		}
		frames += len(entry.encoded)
		octets += entry.size
		if frames > l.frames || octets > l.octets {
			return false
		}
		session.missed = append(session.missed, entry.encoded)
	}
	return true
}

// includes reports whether a packet logged at that position was for a session.
func (to *Selection) includes(session *Session, position uint64) bool {
	if to.only != "" {
		return to.only == session.ID
	}
	in := func(room string) bool {
		return room == session.ID || slices.Contains(session.Rooms, room) && session.joined[room] <= position
	}
	if slices.ContainsFunc(to.Except, in) {
		return false
	}
	return len(to.Rooms) == 0 || slices.ContainsFunc(to.Rooms, in)
}

// join and leave replace Rooms, which a restored copy may share.
func (s *Session) join(rooms []string, position uint64) {
	all, joined := slices.Clone(s.Rooms), maps.Clone(s.joined)
	for _, room := range rooms {
		if room != s.ID && !slices.Contains(all, room) {
			all = append(all, room)
			joined[room] = position
		}
	}
	s.Rooms, s.joined = all, joined
}

func (s *Session) leave(rooms []string) {
	s.Rooms = slices.DeleteFunc(slices.Clone(s.Rooms), func(room string) bool {
		return slices.Contains(rooms, room)
	})
}
