package chat

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// The limits of reactions.
const (
	// MaxEmojiBytes is the longest emoji: the longest families take 25 to 28.
	MaxEmojiBytes = 32
	// MaxEmoji is how many different ones a message may have.
	MaxEmoji = 20
)

// React is the command to add a reaction, or to remove it.
type React struct {
	MessageID string
	Actor     Actor
	Emoji     string
	Added     bool
	At        time.Time
	// Most is how many different emoji a message may have: ErrTooManyReactions.
	Most int
}

// Permit is the rule for reactions, which a driver asks inside the transaction,
// and then whether the reaction is there already.
func (c *React) Permit(m *Message, s Standing) error {
	if visible(s) != nil || !m.DeletedAt.IsZero() {
		return ErrMessageNotFound
	}
	return nil
}

// React adds the caller's reaction to a message, or removes it. What is so already
// is ok and emits nothing.
func (s *Service) React(ctx context.Context, a Actor, messageID, emoji string, added bool) error {
	if err := requireMessageID(messageID); err != nil {
		return err
	}
	if err := checkEmoji(emoji); err != nil {
		return err
	}
	cmd := React{MessageID: messageID, Actor: a, Emoji: emoji, Added: added, At: s.timestamp(), Most: MaxEmoji}
	if added {
		_, change, err := s.reviewChange(ctx, messageID, a.ID, cmd.adds)
		if !change || err != nil {
			return err
		}
	}
	if err := s.store.React(ctx, cmd); err != nil {
		return fmt.Errorf("react: %w", err)
	}
	return nil
}

// adds is Permit for a reaction to add, which may be there: that is known of a
// direct conversation only, where all who reacted are listed.
func (c *React) adds(m *Message, s Standing) (change bool, err error) {
	return m.RoomID != "" || !m.reacted(c.Actor.ID, c.Emoji), c.Permit(m, s)
}

// reacted looks through the listed users, who are all in a direct conversation.
func (m *Message) reacted(user UserID, emoji string) bool {
	for _, r := range m.Reactions {
		if r.Emoji == emoji && slices.Contains(r.Users, user) {
			return true
		}
	}
	return false
}

// checkEmoji accepts one emoji: a symbol with what modifies it, several joined
// into one, a flag or a keycap. It does not know which of them have a picture.
func checkEmoji(emoji string) error {
	if emoji == "" {
		return refusal.Missing("emoji")
	}
	if len(emoji) > MaxEmojiBytes {
		return refusal.TooMuch("emoji", MaxEmojiBytes, "bytes")
	}
	if !utf8.ValidString(emoji) || !oneEmoji([]rune(emoji)) {
		return refusal.Invalid("emoji", "must be one emoji")
	}
	return nil
}

const (
	zeroWidthJoiner = '\u200d'
	keycap          = '\u20e3'
)

func oneEmoji(runes []rune) bool {
	if regional(runes[0]) {
		return len(runes) == 2 && regional(runes[1])
	}
	if keycapBase(runes[0]) {
		return len(runes) > 1 && runes[len(runes)-1] == keycap && modifiers(runes[1:])
	}
	joined := true // a symbol may stand here
	for _, r := range runes {
		switch {
		case r == zeroWidthJoiner:
			if joined {
				return false
			}
			joined = true
		case modifier(r):
			if joined {
				return false
			}
		case joined && pictured(r):
			joined = false
		default:
			return false
		}
	}
	return !joined
}

func modifiers(runes []rune) bool {
	for _, r := range runes {
		if !modifier(r) {
			return false
		}
	}
	return true
}

func regional(r rune) bool { return '\U0001f1e6' <= r && r <= '\U0001f1ff' }

func keycapBase(r rune) bool { return '0' <= r && r <= '9' || r == '#' || r == '*' }

// modifier is a variation selector, a skin tone, a tag of a flag, or the keycap.
func modifier(r rune) bool {
	return r == '\ufe0e' || r == '\ufe0f' || '\U0001f3fb' <= r && r <= '\U0001f3ff' ||
		'\U000e0020' <= r && r <= '\U000e007f' || r == keycap
}

// pictured is a symbol, or one of the few emoji that Unicode counts as something
// else. ASCII has none.
func pictured(r rune) bool {
	switch r {
	case '\u203c', '\u2049', '\u2139', '\u3030', '\u303d':
		return true
	}
	return r > unicode.MaxASCII && unicode.In(r, unicode.So, unicode.Sm)
}
