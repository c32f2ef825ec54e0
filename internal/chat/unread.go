package chat

import (
	"container/list"
	"sync"
	"time"
)

// The bounds of an unreadMemory, whichever is reached first: some 20 MB of users and
// some 60 MB of conversations. Who was asked about longest ago is forgotten.
const (
	rememberedUsers         = 100_000
	rememberedConversations = 1_000_000
)

// unreadMargin is how much earlier than the last question something that it did not see
// may have been timed: for as long may a command wait to be stored, and clocks differ.
const unreadMargin = 2 * time.Minute

// unreadMemory knows of users in which conversations something was unread when they were
// asked about, so that the next question need not look at all of them: what has become
// unread since is in one of these, or in one that was advanced. Nothing else makes
// something unread, as marks never go back, and who becomes a member has read all. It
// knows nothing of events, and so may be one of many that share a database.
type unreadMemory struct {
	mu            sync.Mutex
	users         map[UserID]*list.Element
	order         *list.List // of *unreadMark, the one asked about last first
	conversations int
}

// unreadMark is what was found out about a user.
type unreadMark struct {
	user   UserID
	at     time.Time
	unread []string
}

func newUnreadMemory() *unreadMemory {
	return &unreadMemory{users: make(map[UserID]*list.Element), order: list.New()}
}

// since returns from when on changes matter, and which conversations do in any case; a
// zero time if nothing is known of the user that can be relied on now.
func (m *unreadMemory) since(user UserID, now time.Time) (time.Time, []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.users[user]
	if e == nil {
		return time.Time{}, nil
	}
	mark := e.Value.(*unreadMark)
	if wasSet(mark.at, now) {
		return time.Time{}, nil
	}
	m.order.MoveToFront(e)
	return mark.at.Add(-unreadMargin), mark.unread
}

// wasSet tells whether the clock may have been set back between two times by more than
// half the margin. Readings of the system's clock know how much time has really passed.
func wasSet(before, now time.Time) bool {
	shown, passed := now.Round(0).Sub(before.Round(0)), now.Sub(before)
	return shown < 0 || passed-shown > unreadMargin/2
}

// checked notes which of a user's conversations had something unread. at lies before
// the moment of which that is true.
func (m *unreadMemory) checked(user UserID, at time.Time, unread []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.users[user]; e != nil {
		m.forget(e)
	}
	m.users[user] = m.order.PushFront(&unreadMark{user, at, unread})
	m.conversations += len(unread)
	for m.order.Len() > rememberedUsers || m.conversations > rememberedConversations {
		m.forget(m.order.Back())
	}
}

func (m *unreadMemory) forget(e *list.Element) {
	mark := m.order.Remove(e).(*unreadMark)
	delete(m.users, mark.user)
	m.conversations -= len(mark.unread)
}
