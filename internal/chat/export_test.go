package chat

import "time"

// The bounds of what is remembered.
const (
	RememberedUsers         = rememberedUsers
	RememberedConversations = rememberedConversations
)

// UnreadMemory is what a service remembers of who has something unread.
type UnreadMemory struct{ m *unreadMemory }

// NewUnreadMemory returns an empty one.
func NewUnreadMemory() UnreadMemory { return UnreadMemory{newUnreadMemory()} }

// Since and Checked are those of the memory, Held is how much is in it.
func (u UnreadMemory) Since(user UserID, now time.Time) (time.Time, []string) {
	return u.m.since(user, now)
}

// Checked is described with Since.
func (u UnreadMemory) Checked(user UserID, at time.Time, unread []string) {
	u.m.checked(user, at, unread)
}

// Held is described with Since.
func (u UnreadMemory) Held() (users, conversations int) { return len(u.m.users), u.m.conversations }
