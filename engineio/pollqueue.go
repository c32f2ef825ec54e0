package engineio

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

const (
	// answerBytes is how much one poll is answered with at most, unless a single
	// message is larger. Node puts all that waits into one answer, which takes as
	// much memory again.
	answerBytes = 1 << 20
	// countedBytes is from how much on what waits takes part in the QueueMemory.
	countedBytes = 4 << 10
	// highWater is from how much on AwaitRoom waits for polls.
	highWater = 1 << 20
)

// queued is a packet that waits for a poll: the frame that it would be on a WebSocket
// of version 4, which it may share with others.
type queued struct {
	frame  *netloop.Message
	kind   packetType
	binary bool
}

func (p *queued) packet() packet {
	data := p.frame.Payload()
	if !p.binary {
		data = data[1:] // behind the type
	}
	return packet{kind: p.kind, binary: p.binary, data: data}
}

// pollQueue is what waits for the polls of a session, oldest first. The session's
// lock guards it.
type pollQueue struct {
	packets  []queued
	bytes    int       // cost of packets
	messages int       // of packets
	compress bool      // one of packets may be compressed
	since    time.Time // when the first began to wait, or the last poll fetched some

	// What most sessions never need is made when they do: attackers open many that wait for nothing.
	account *netloop.Account // nil while the queue takes no part in the QueueMemory
	watch   *pollWatch       // nil until a message waits
	room    chan struct{}    // closed when room is made; nil while nobody waits for that
}

func (q *pollQueue) push(p queued, compress bool) {
	if len(q.packets) == 0 {
		q.since = time.Now()
	}
	q.packets = append(q.packets, p)
	q.bytes += p.frame.Cost()
	q.compress = q.compress || compress
	if p.kind == packetMessage {
		q.messages++
	}
	if q.account != nil {
		q.account.Add(p.frame)
	}
}

// pop takes the n oldest packets, and reports whether one may be compressed.
func (q *pollQueue) pop(n int) (popped []queued, compress bool) {
	popped, compress = q.packets, q.compress
	if n < len(q.packets) {
		popped = slices.Clone(q.packets[:n])
		clear(q.packets[:n])
		q.packets = q.packets[n:]
		q.since = time.Now()
	} else {
		q.packets, q.compress = nil, false
	}
	for i := range popped {
		p := &popped[i]
		q.bytes -= p.frame.Cost()
		if p.kind == packetMessage {
			q.messages--
		}
		if q.account != nil {
			q.account.Remove(p.frame)
		}
	}
	if len(q.packets) == 0 && q.account != nil {
		q.account.Close()
		q.account = nil
	}
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	return popped, compress
}

// popAnswer takes as much as one poll is answered with.
func (q *pollQueue) popAnswer() (popped []queued, compress bool) {
	size, n := 0, 0
	for ; n < len(q.packets); n++ {
		size += len(q.packets[n].frame.Payload())
		if n > 0 && size > answerBytes {
			break
		}
	}
	return q.pop(n)
}

// clear drops all.
func (q *pollQueue) clear() { q.pop(len(q.packets)) }

// count has the queue take part in the server's QueueMemory.
func (q *pollQueue) count(s *Session) {
	q.account = new(netloop.Account)
	q.account.Open(s.server.loop, (*slowPolling)(s))
	for i := range q.packets {
		q.account.Add(q.packets[i].frame)
	}
}

// queue adds a packet for the next poll. mu is held.
func (s *Session) queue(p queued, compress bool) error {
	if s.overflowed {
		return ErrClosed
	}
	poll, cfg := s.poll, &s.server.cfg
	q := &poll.queue
	q.push(p, compress)
	poll.wake()
	if q.bytes > cfg.MaxQueuedBytes && len(q.packets) > 1 {
		q.clear()
		// Ending needs the lock that the caller holds: the wheel does it, or a request
		// that is faster.
		s.overflowed = true
		s.server.loop.Wheel().Arm(&s.heartbeat, 0)
		return ErrClosed
	}
	if q.bytes > countedBytes && q.account == nil {
		q.count(s)
	}
	if p.kind == packetMessage {
		q.beWatched(s)
	}
	return nil
}

// beWatched has the client watched, if it is not already. mu is held.
func (q *pollQueue) beWatched(s *Session) {
	if q.watch == nil {
		q.watch = &pollWatch{session: s}
		q.watch.timer.Owner = q.watch
	}
	if !q.watch.on {
		q.watch.arm(s.server.cfg.WriteStall)
	}
}

// endWatch ends that.
func (q *pollQueue) endWatch(s *Session) {
	if q.watch != nil {
		s.server.loop.Wheel().Disarm(&q.watch.timer)
	}
}

// pollWatch ends a session whose client fetches nothing of what waits.
type pollWatch struct {
	session *Session
	timer   netloop.Timer
	on      bool
}

// arm has the watch look after d. mu is held.
func (w *pollWatch) arm(d time.Duration) {
	w.on = true
	w.session.server.loop.Wheel().Arm(&w.timer, d)
}

// Expire is for the timing wheel. A client in the middle of an upgrade holds its
// polls: it has the time that the upgrade may take.
func (w *pollWatch) Expire(*netloop.Timer) {
	s := w.session
	s.mu.Lock()
	if s.closed || s.poll == nil {
		s.mu.Unlock()
		return
	}
	w.on = false
	stall, q := s.server.cfg.WriteStall, &s.poll.queue
	idle := time.Since(q.since)
	switch {
	case q.messages == 0:
	case s.poll.upgrade != nil:
		w.arm(stall)
	case idle < stall:
		w.arm(stall - idle)
	default:
		s.mu.Unlock()
		s.end(SlowConsumer, nil, true)
		return
	}
	s.mu.Unlock()
}

// slowPolling is a polling session for the QueueMemory.
type slowPolling Session

// Waiting implements netloop.Queue.
func (p *slowPolling) Waiting() int {
	s := (*Session)(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll == nil {
		return 0
	}
	return s.poll.queue.bytes
}

// GiveUp implements netloop.Queue. The last packets of a session that has ended are
// let go of too.
func (p *slowPolling) GiveUp() {
	s := (*Session)(p)
	s.mu.Lock()
	if s.poll == nil {
		s.mu.Unlock()
		return
	}
	s.poll.queue.clear()
	s.forgetLingering()
	s.overflowed = true
	s.mu.Unlock()
	s.end(SlowConsumer, nil, true)
}

// AwaitRoom returns once little waits for the client, at once while that is less than
// 1 MiB (or half of Config.MaxQueuedBytes, if that is less). It fails with ErrClosed
// when the session has ended, or with ctx's error. It is for senders that can wait:
// who calls it before each Send can send a slow client any amount. Unlike the other
// methods it blocks, so it must not be called by a Handler.
func (s *Session) AwaitRoom(ctx context.Context) error {
	most := min(highWater, s.server.cfg.MaxQueuedBytes/2)
	for {
		s.mu.Lock()
		if s.closed || s.overflowed {
			s.mu.Unlock()
			return ErrClosed
		}
		if s.poll == nil {
			conn := s.conn
			s.mu.Unlock()
			return awaitRoom(ctx, conn)
		}
		q := &s.poll.queue
		if q.bytes <= most {
			s.mu.Unlock()
			return nil
		}
		if q.room == nil {
			q.room = make(chan struct{})
		}
		room := q.room
		s.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func awaitRoom(ctx context.Context, conn *netloop.Conn) error {
	if conn == nil {
		return nil // it is being opened
	}
	err := conn.AwaitRoom(ctx)
	if errors.Is(err, netloop.ErrClosed) {
		return ErrClosed
	}
	return err
}
