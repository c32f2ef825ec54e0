package blackbox_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// pace is how often a member says something, one message at a time; the zero value says as much as is answered. What was due while
// there was no server is said when there is one again.
type pace struct {
	every time.Duration
	due   time.Time
	clock <-chan time.Time // tells when it is due; nil: nobody waits for that
}

// isDue tells whether something is to be said now, while so many commands are open: once for each time that it is due.
func (p *pace) isDue(open int) bool {
	if p.every == 0 {
		return open < window
	}
	if open > 0 {
		return false
	}
	if wait := time.Until(p.due); wait > 0 {
		if p.clock == nil {
			p.clock = time.After(wait)
		}
		return false
	}
	p.due = p.due.Add(p.every)
	return true
}

// decks are the rooms of those who talk at a pace.
const decks = 40

// gatherPaced is gather for many members, each in one room, who together say so many messages a second and nothing else.
func gatherPaced(t *testing.T, s *server, size, perSecond int, seed uint64) *crowd {
	t.Helper()
	keeper := s.connect("keeper")
	for _, room := range rooms { // where histories are looked for at the end
		keeper.must(t, "room:create", object{"id": room, "name": room})
	}
	for i := range decks {
		keeper.must(t, "room:create", object{"id": deck(i), "name": deck(i), "maxMembers": size})
	}
	keeper.close()
	c := &crowd{addr: s.addr, changed: make(chan struct{}), patient: 10 * patience} // a busy machine has thousands of commands under way
	every := time.Duration(size) * time.Second / time.Duration(perSecond)
	for i := range size {
		m := newMember(t, s.data, i, size, seed)
		home := deck(i % (size - size/5) % decks) // of the user, who may have two devices
		m.guest, m.rooms, m.outbox = false, []string{home}, []*command{joining(home)}
		m.pace = pace{every: every, due: time.Now().Add(rand.N(every))}
		c.members = append(c.members, m)
	}
	c.begin(t)
	return c
}

func deck(i int) string { return fmt.Sprintf("deck-%d", i) }
