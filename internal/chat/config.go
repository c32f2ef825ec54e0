package chat

import (
	"fmt"
	"time"
)

// DirectPolicy says between whom direct messages are allowed.
type DirectPolicy string

// The policies for direct messages.
const (
	DirectAnyone  DirectPolicy = "anyone"
	DirectFriends DirectPolicy = "friends"
)

// Config is what an operator may choose about conversations.
type Config struct {
	// DirectPolicy is between whom direct messages are allowed.
	DirectPolicy DirectPolicy
	// MaxText is the longest text field of a client, in characters.
	MaxText int
	// EditWindow is how long after sending a message may be edited; 0 is
	// [DefaultEditWindow].
	EditWindow time.Duration
	// DirectRetention is how long direct messages are kept; 0 is for ever.
	DirectRetention time.Duration
	// RoomRetention is how long new rooms keep messages unless who makes or
	// administers them says otherwise, in whole days; 0 is for ever.
	RoomRetention time.Duration
	// Quota is how many rooms a user may make and be in. What the application's backend does for users is not bound by it.
	Quota Quota
	// Files has attachments be files that their sender has uploaded. Without it they are ids that nobody looks at.
	Files bool
}

// DefaultEditWindow is how long a message may be edited unless configured.
const DefaultEditWindow = 5 * time.Minute

// DefaultConfig returns the defaults: friends may write to each other, 10,000
// characters a field, 5 minutes to edit, all messages for ever, at most 100 rooms made
// by a user, who is in at most 1,000.
func DefaultConfig() Config {
	return Config{
		DirectPolicy: DirectFriends, MaxText: 10_000, EditWindow: DefaultEditWindow,
		Quota: Quota{Rooms: 100, Memberships: 1000},
	}
}

// Validate reports the first setting that cannot be used.
func (c Config) Validate() error {
	switch c.DirectPolicy {
	case DirectAnyone, DirectFriends:
	default:
		return fmt.Errorf("chat: direct message policy %q is neither %q nor %q", c.DirectPolicy, DirectAnyone, DirectFriends)
	}
	if c.MaxText < 1 {
		return fmt.Errorf("chat: longest text must be at least 1 character, not %d", c.MaxText)
	}
	if c.EditWindow < 0 {
		return fmt.Errorf("chat: edit window must not be negative, not %v", c.EditWindow)
	}
	if c.DirectRetention != 0 && c.DirectRetention < MinRetention {
		return fmt.Errorf("chat: retention of direct messages must be 0 or at least %v, not %v", MinRetention, c.DirectRetention)
	}
	if r := c.RoomRetention; r != 0 && (r < MinRetention || r > MaxRetention || r%(24*time.Hour) != 0) {
		return fmt.Errorf("chat: retention of rooms must be 0 or whole days of 24h, up to %v, not %v", MaxRetention, r)
	}
	if c.Quota.Rooms < 0 || c.Quota.Memberships < 0 {
		return fmt.Errorf("chat: quotas must not be negative, not %d rooms and %d memberships", c.Quota.Rooms, c.Quota.Memberships)
	}
	return nil
}
