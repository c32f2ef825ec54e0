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
}

// DefaultEditWindow is how long a message may be edited unless configured.
const DefaultEditWindow = 5 * time.Minute

// DefaultConfig returns the defaults: friends may write to each other, 10,000
// characters a field, 5 minutes to edit, direct messages for ever.
func DefaultConfig() Config {
	return Config{DirectPolicy: DirectFriends, MaxText: 10_000, EditWindow: DefaultEditWindow}
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
	return nil
}
