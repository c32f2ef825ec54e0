//go:build linux

package crowd

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Slow has a sender talk to a room at a steady pace, and some of the members stop reading, half of them clients of
// Socket.IO, half plain WebSockets. The others are asked for what they got and how late it was, before and meanwhile.
type Slow struct {
	Members int           // who read on
	Stopped int           // who stop
	Rate    int           // messages a second
	Content int           // bytes of each
	Phase   time.Duration // before, and from the stop on, at least
}

// SlowResult is what became of them.
type SlowResult struct {
	Before, Meanwhile Latency        // from the sender's write to the reading
	Messages          int64          // sent, over all phases
	Delivered         int64          // to the sender and those who read
	Closed            map[string]int // those who stopped, by what they were told in the end
	Took              time.Duration  // from the stop until the last of them was closed
	Counted           int            // those whom the server says that it closed as slow consumers
	Caught            int            // those who came back and have it all
	MemoryBefore      int64          // of the server, in bytes, at most while all read
	Memory            int64          // and from the stop on
	CPUBefore, CPU    time.Duration  // of the server, a message, in the two phases
}

const (
	slowRoom = "slow"
	// smallBuffer is the receive buffer of those who stop, so that little is under way to them.
	smallBuffer = 8 << 10
)

type slowTrial struct {
	*loop
	slow    *Slow
	members []*member // the sender first, then who reads on, then who stops
	owner   []*member

	joined    int
	head      int64
	pending   []time.Time // when messages were sent whose number is not known yet
	sentAt    []time.Time // when each message was sent, by its number from the first
	first     int64       // number of the first
	latencies []time.Duration
	delivered int64
	stopped   bool // some have stopped
	told      map[*conn]string
	back      int
}

func slow(t *Trial) (SlowResult, error) {
	l, err := newLoop(t.Plan, &dialect{ping: "2", pong: "3"})
	if err != nil {
		return SlowResult{}, err
	}
	defer l.close()
	s := &slowTrial{loop: l, slow: t.Slow, told: make(map[*conn]string)}
	l.heard, l.special, l.wait = s.hear, s.control, 1
	if err := s.enter(t.Tokens); err != nil {
		return SlowResult{}, fmt.Errorf("coming in: %w", err)
	}
	return s.measure()
}

// enter has all come into the room.
func (s *slowTrial) enter(tokens []string) error {
	n := 1 + s.slow.Members + s.slow.Stopped
	for i := range n {
		m := &member{number: i, token: tokens[i], room: slowRoom, speech: socketIOSpeech{}}
		if i > s.slow.Members {
			s.receiveBuffer = smallBuffer
			if i%2 == 0 {
				m.speech = nativeSpeech{}
			}
		}
		s.members = append(s.members, m)
		if err := s.run(func() (bool, error) { return len(s.conns)-s.open < atOnce, nil }); err != nil {
			return err
		}
		if err := s.bringIn(m); err != nil {
			return err
		}
	}
	s.receiveBuffer = 0
	if err := s.run(func() (bool, error) { return s.open == n, nil }); err != nil {
		return err
	}
	for i, m := range s.members {
		err := m.join
		if i == 0 {
			err = func() error { return m.create(n) }
		}
		if err := err(); err != nil {
			return err
		}
		if i%atOnce == 0 || i == n-1 {
			if err := s.run(func() (bool, error) { return s.joined == i+1, nil }); err != nil {
				return err
			}
		}
		m.inStep = true
	}
	return nil
}

func (s *slowTrial) bringIn(m *member) error {
	if err := s.dial(m.speech.role(m.token)); err != nil {
		return err
	}
	m.conn = s.conns[len(s.conns)-1]
	s.owner = append(s.owner, m)
	return nil
}

func (s *slowTrial) measure() (result SlowResult, err error) {
	content := strings.Repeat("slow and steady ", s.slow.Content/16+1)[:s.slow.Content]
	if err := s.pace(content, time.Now().Add(s.slow.Phase/4), nil); err != nil { // warms up
		return result, err
	}
	before, err := s.read()
	if err != nil {
		return result, err
	}
	sent := s.head
	s.latencies = s.latencies[:0]
	watched := s.watch(-1)
	err = s.pace(content, time.Now().Add(s.slow.Phase), nil)
	watched.stop()
	if err != nil {
		return result, err
	}
	result.MemoryBefore = watched.peak.Load()
	after, err := s.read()
	if err != nil {
		return result, err
	}
	result.Before = latencyOf(s.latencies)
	result.CPUBefore = (after.cpu - before.cpu) / time.Duration(max(1, s.head-sent))
	s.latencies = s.latencies[:0]
	if err := s.whileStopped(content, &result); err != nil {
		return result, err
	}
	result.Messages, result.Delivered = s.head-s.first+1, s.delivered
	if err := s.letRead(&result); err != nil {
		return result, err
	}
	return result, s.comeBack(&result)
}

// whileStopped goes on with the talk while some do not read, until the server has closed them and the phase is over.
func (s *slowTrial) whileStopped(content string, result *SlowResult) error {
	before, err := s.read()
	if err != nil {
		return err
	}
	sent := s.head
	began := time.Now()
	for _, m := range s.members[1+s.slow.Members:] {
		if err := m.conn.want(0); err != nil {
			return err
		}
	}
	s.stopped = true
	watched := s.watch(1 + s.slow.Members)
	defer watched.stop()
	end := began.Add(s.slow.Phase)
	err = s.pace(content, began.Add(patience), func() (bool, error) {
		if result.Took == 0 && watched.closed.Load() {
			result.Took = time.Since(began)
		}
		return result.Took > 0 && time.Now().After(end), nil
	})
	if err != nil {
		return err
	}
	if result.Took == 0 {
		return errors.New("those who do not read were not closed")
	}
	after, err := s.read()
	if err != nil {
		return err
	}
	result.Meanwhile = latencyOf(s.latencies)
	result.CPU = (after.cpu - before.cpu) / time.Duration(max(1, s.head-sent))
	result.Memory = watched.peak.Load()
	return nil
}

// pace sends at the rate until a time, or until done says so, and then waits until all who read have it.
func (s *slowTrial) pace(content string, until time.Time, done func() (bool, error)) error {
	every := time.Second / time.Duration(s.slow.Rate)
	next := time.Now()
	err := s.run(func() (bool, error) {
		if now := time.Now(); !now.Before(next) {
			next = next.Add(every)
			s.pending = append(s.pending, now)
			if err := s.members[0].send(content); err != nil {
				return false, err
			}
		}
		if done != nil {
			if over, err := done(); over || err != nil {
				return over, err
			}
		}
		return time.Now().After(until), nil
	})
	if err != nil {
		return err
	}
	return s.run(func() (bool, error) {
		for _, m := range s.members[:1+s.slow.Members] {
			if len(s.pending) > 0 || m.seen < s.head {
				return false, nil
			}
		}
		return true, nil
	})
}

func (s *slowTrial) hear(c *conn, payload []byte) error {
	m := s.owner[c.number]
	s.last = time.Now()
	e := m.speech.read(payload)
	if e.name == "room:message" {
		return s.message(m, e)
	}
	if e.name == "error" {
		return fmt.Errorf("member %d is told %.200q", m.number, payload)
	}
	if e.name != "" {
		return nil
	}
	if err := failed(e.body); err != nil {
		return err
	}
	switch e.id {
	case callJoin:
		s.joined++
		m.conversation = string(field(e.body, `"conversationId":"`, '"'))
	case callSync:
		done, err := m.synced(e.body)
		if done {
			s.back++
		}
		return err
	}
	return nil
}

// message counts a message. The sender is one of those who get it, and the first of them: it comes before its answer.
func (s *slowTrial) message(m *member, e heardEvent) error {
	seq := seqOf(e.body)
	for s.head < seq { // the first who gets it
		if s.first == 0 {
			s.first = seq
			s.head = seq - 1
		}
		if len(s.pending) == 0 {
			return errors.New("a message came that nobody has sent")
		}
		s.sentAt = append(s.sentAt, s.pending[0])
		s.pending = s.pending[1:]
		s.head++
	}
	if m.number <= s.slow.Members {
		s.delivered++
		s.latencies = append(s.latencies, s.last.Sub(s.sentAt[seq-s.first]))
	}
	return m.logged(e)
}

// letRead has those who stopped read on, what is on its way to them and why they were closed.
func (s *slowTrial) letRead(result *SlowResult) error {
	s.lost = func(c *conn, err error) error {
		if c.number <= s.slow.Members {
			return err
		}
		if s.told[c] == "" {
			s.told[c] = "nothing: " + err.Error()
		}
		return nil
	}
	for _, m := range s.members[1+s.slow.Members:] {
		if err := m.conn.want(unix.EPOLLIN); err != nil {
			return err
		}
	}
	err := s.run(func() (bool, error) { return len(s.told) == s.slow.Stopped, nil })
	if err == nil {
		result.Counted, err = countSlow(s.plan.Addr, s.slow.Stopped)
	}
	result.Closed = make(map[string]int)
	for _, reason := range s.told {
		result.Closed[reason]++
	}
	return err
}

// control notes a close frame and answers it.
func (s *slowTrial) control(c *conn, kind byte, payload []byte) error {
	if kind != kindClose {
		return nil
	}
	code, reason := closeReason(payload)
	s.told[c] = fmt.Sprintf("%d %s", code, reason)
	return c.write(masked(kindClose, payload))
}

// comeBack has those who were closed connect again and ask for what they missed.
func (s *slowTrial) comeBack(result *SlowResult) error {
	want := s.open + s.slow.Stopped
	s.came = func(c *conn) error { return s.owner[c.number].sync() }
	for _, m := range s.members[1+s.slow.Members:] {
		m.conn.drop()
		m.inStep, m.syncing = false, false
		if err := s.bringIn(m); err != nil {
			return err
		}
	}
	if err := s.run(func() (bool, error) { return s.open == want && s.back == s.slow.Stopped, nil }); err != nil {
		return err
	}
	for _, m := range s.members[1+s.slow.Members:] {
		if m.seen == s.head {
			result.Caught++
		}
	}
	return nil
}
