package rows

import (
	"fmt"
	"slices"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// Message reads a message, and further columns into more.
func Message(row Row, more ...any) (chat.Message, error) {
	var m chat.Message
	var stored struct {
		attachments, mentions         string
		created, edited, deleted, pin int64
	}
	dest := append([]any{
		&m.ID, &m.ConversationID, &m.Seq, &m.RoomID, (*string)(&m.RecipientID), (*string)(&m.SenderID), &m.SenderName,
		&m.Content, (*string)(&m.Type), &m.ClientMsgID, &m.ReplyTo, &stored.attachments, &stored.created, &stored.edited, &stored.deleted,
		&m.ThreadID, &stored.mentions, &stored.pin, (*string)(&m.PinnedBy),
	}, more...)
	if err := row.Scan(dest...); err != nil {
		return m, err
	}
	m.Timestamp, m.PinnedAt = Instant(stored.created), InstantOrZero(stored.pin)
	m.EditedAt, m.DeletedAt = InstantOrZero(stored.edited), InstantOrZero(stored.deleted)
	if err := readList(stored.attachments, &m.Attachments); err != nil {
		return m, fmt.Errorf("attachments of message %s: %w", m.ID, err)
	}
	if err := readList(stored.mentions, &m.Mentions); err != nil {
		return m, fmt.Errorf("mentions of message %s: %w", m.ID, err)
	}
	return m, nil
}

// Sent reads a message, the fingerprint that it was sent with, and whether its room was replaced. It tells whether there
// is one.
func Sent(row Row) (chat.Sent, bool, error) {
	var sent chat.Sent
	var err error
	sent.Message, err = Message(row, &sent.Fingerprint, &sent.Replaced)
	if found, err := Found(err); !found {
		return chat.Sent{}, false, err
	}
	return sent, true, nil
}

// Standing reads a message and what a user is in its conversation.
func Standing(row Row) (m chat.Message, standing chat.Standing, err error) {
	m, err = Message(row, (*string)(&standing.Role))
	found, err := Found(err)
	if err == nil && !found {
		err = chat.ErrMessageNotFound
	}
	return m, standing, err
}

// Messages reads messages, without what is kept beside them.
func Messages(each Each, query string, args ...any) ([]chat.Message, error) {
	return Collect(each, []chat.Message{}, func(row Row) (chat.Message, error) { return Message(row) }, query, args...)
}

// Fill adds to messages what is kept beside them: their reactions, and how those are called whom they have by their ids.
type Fill func(each Each, messages []chat.Message) error

// MessagePage reads a page by a query that asks for one message more than limit.
func MessagePage(each Each, fill Fill, limit int, newestFirst bool, query string, args ...any) (chat.Page, error) {
	messages, err := Messages(each, query, args...)
	if err != nil {
		return chat.Page{}, err
	}
	more := len(messages) > limit
	if more {
		messages = messages[:limit]
	}
	if newestFirst {
		slices.Reverse(messages)
	}
	return chat.Page{Messages: messages, More: more}, fill(each, messages)
}

// AddReaction adds to m a row of its reactions: a user who has given an emoji, and how many have. The rows are ordered by
// emoji and user.
func AddReaction(m *chat.Message, emoji string, count int, user chat.UserID) {
	last := len(m.Reactions) - 1
	if last < 0 || m.Reactions[last].Emoji != emoji {
		m.Reactions = append(m.Reactions, chat.Reactions{Emoji: emoji, Count: count})
		last++
	}
	m.Reactions[last].Users = append(m.Reactions[last].Users, user)
}

// Copy is a message for an event: the caller may do with its own as it likes.
func Copy(m *chat.Message) *chat.Message {
	own := *m
	own.Attachments = slices.Clone(m.Attachments)
	own.Files = slices.Clone(m.Files)
	own.Mentions = slices.Clone(m.Mentions)
	own.Reactions = slices.Clone(m.Reactions)
	return &own
}

// KeepMentioned makes ids of what m's text names, which find looks up, and drops those of who is not in its conversation, and
// of the sender.
func KeepMentioned(m *chat.Message, find func(name chat.UserID) (chat.UserID, error)) error {
	named := m.Mentions
	m.Mentions = nil
	for _, name := range named {
		user, err := find(name)
		if err != nil {
			return fmt.Errorf("look up mentioned user: %w", err)
		}
		if user != "" && user != m.SenderID && !slices.Contains(m.Mentions, user) {
			m.Mentions = append(m.Mentions, user)
		}
	}
	return nil
}
