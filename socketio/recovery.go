package socketio

import (
	"maps"
	"slices"
	"time"
)

// maxKeptSessions bounds the sessions kept for recovery; the oldest go first.
const maxKeptSessions = 100_000

// messageOverhead is what a message counts for in a queue beside its bytes, see
// engineio.Config.MaxQueuedBytes.
const messageOverhead = 96

// packetLog holds what clients may have missed: the packets of the last while
// and the sessions that may come back for them. The lock of Rooms guards it.
type packetLog struct {
	cfg     Recovery
	most    int        // bytes that may be missed by one session: what can be queued
	entries []logEntry // oldest first, at positions begin, begin+1, …
	begin   uint64
	bytes   int

	sessions map[string]*keptSession
	order    []*keptSession // oldest first; some may have been restored since
}

// Session is what a socket that lost its connection can be restored from, by the Rooms that
// have kept it.
type Session struct {
	ID    string
	Rooms []string // without the one of its own id
	Data  any

	// Positions in the packet log:
	joined   map[string]uint64 // where it joined its rooms, by name
	from     uint64            // behind the last packet it is known to have
	position uint64            // behind the last of missed
	missed   []Encoded         // found by restore
	offsets  []uint64          // of missed
	kept     *keptSession      // that restore found
	foreign  foreign
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
func newPacketLog(cfg Recovery, queuedBytes int) *packetLog {
	return &packetLog{
		cfg:      cfg,
		most:     queuedBytes / 4 * 3,
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
	session.kept = kept
	if offset != "" {
		position, ok := l.behind(&session, offset)
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

// behind returns the position after the packet with that offset. One that was logged again for a session of another server
// is that session's alone.
func (l *packetLog) behind(session *Session, offset string) (uint64, bool) {
	wanted, err := parseOffset(offset)
	if err != nil {
		return 0, false
	}
	if session.foreign.offset != 0 && session.foreign.offset == wanted {
		return session.from, true
	}
	// Offsets are handed out in order, but packets may be logged in a slightly
	// different one.
	for i := len(l.entries) - 1; i >= 0; i-- {
		if only := l.entries[i].to.Socket; l.entries[i].offset == wanted && (only == "" || only == session.ID) {
			return l.begin + uint64(i) + 1, true
		}
	}
	return 0, false
}

// claim uses a restored session up and returns all it has missed by now. It
// fails for a session that another connection was faster to claim, even if that
// has lost it again since, and after the whole log was replaced since restore,
// or too much was missed by now. Rooms that were joined or left for the client
// since restore are heeded.
func (l *packetLog) claim(session *Session) ([]Encoded, bool) {
	kept := l.sessions[session.ID]
	if kept == nil || kept != session.kept || session.position < l.begin {
		return nil, false
	}
	delete(l.sessions, session.ID)
	session.Rooms, session.joined = kept.session.Rooms, kept.session.joined
	return session.missed, l.collect(session)
}

// collect adds the packets behind a session's position that were for it to what
// it missed; false when that is too much.
func (l *packetLog) collect(session *Session) bool {
	bytes := 0
	for _, encoded := range session.missed {
		bytes += encoded.size() + messageOverhead*len(encoded)
	}
	for ; session.position < l.end(); session.position++ {
		entry := &l.entries[session.position-l.begin]
		if !entry.to.includes(session, session.position) {
			continue
		}
		if bytes += entry.size + messageOverhead*len(entry.encoded); bytes > l.most {
			return false
		}
		session.missed = append(session.missed, entry.encoded)
		session.offsets = append(session.offsets, entry.offset)
	}
	return true
}

// includes reports whether a packet logged at that position was for a session.
func (to *Selection) includes(session *Session, position uint64) bool {
	return to.admits(session, position) && (len(to.Rooms) == 0 || to.Socket != "" || session.inAny(to.Rooms, position))
}

// admits is includes but for the rooms that the packet was sent to.
func (to *Selection) admits(session *Session, position uint64) bool {
	if to.Socket != "" {
		return to.Socket == session.ID
	}
	return !session.inAny(to.Except, position)
}

// sessions is includes for a caller that asks it of many sessions: with many rooms it
// looks in a set for those of each session.
func (to *Selection) sessions() func(session *Session, position uint64) bool {
	if len(to.Rooms) <= manyRooms || to.Socket != "" {
		return to.includes
	}
	wanted := make(map[string]struct{}, len(to.Rooms))
	for _, room := range to.Rooms {
		wanted[room] = struct{}{}
	}
	return func(session *Session, position uint64) bool {
		return to.admits(session, position) && session.inSet(wanted, position)
	}
}

// inAny reports whether the session was in one of the rooms at a position.
func (s *Session) inAny(rooms []string, position uint64) bool {
	return slices.ContainsFunc(rooms, func(room string) bool {
		return room == s.ID || slices.Contains(s.Rooms, room) && s.joined[room] <= position
	})
}

// inSet is inAny for a set.
func (s *Session) inSet(rooms map[string]struct{}, position uint64) bool {
	in := func(room string) bool {
		_, wanted := rooms[room]
		return wanted
	}
	return in(s.ID) || slices.ContainsFunc(s.Rooms, func(room string) bool { return in(room) && s.joined[room] <= position })
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
