package chat

import "fmt"

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
}

// DefaultConfig returns the defaults: anyone may write to anyone, 10,000
// characters a field.
func DefaultConfig() Config {
	return Config{DirectPolicy: DirectAnyone, MaxText: 10_000}
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
	return nil
}
