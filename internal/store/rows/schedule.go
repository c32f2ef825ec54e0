package rows

import (
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// Scheduled reads a scheduled message, and further columns into more: id, author, author's name, conversation, room, recipient,
// content, type, what it replies to, attachments, clientMsgId, when it is to be sent, when it was scheduled, version, code and
// message of why it was not sent.
func Scheduled(row Row, more ...any) (chat.Scheduled, error) {
	var m chat.Scheduled
	var attachments string
	var sendAt, created int64
	err := row.Scan(append([]any{
		&m.ID, (*string)(&m.AuthorID), &m.AuthorName, &m.ConversationID, &m.RoomID, (*string)(&m.RecipientID), &m.Content, (*string)(&m.Type),
		&m.ReplyTo, &attachments, &m.ClientMsgID, &sendAt, &created, &m.Version, (*string)(&m.Failure.Code), &m.Failure.Message,
	}, more...)...)
	if err != nil {
		return m, err
	}
	m.SendAt, m.CreatedAt = Instant(sendAt), Instant(created)
	if err := readList(attachments, &m.Attachments); err != nil {
		return m, fmt.Errorf("attachments of scheduled message %s: %w", m.ID, err)
	}
	return m, nil
}

// OneScheduled reads a scheduled message, or says that there is none.
func OneScheduled(row Row, more ...any) (chat.Scheduled, error) {
	m, err := Scheduled(row, more...)
	found, err := Found(err)
	switch {
	case err != nil:
		return chat.Scheduled{}, fmt.Errorf("look up scheduled message: %w", err)
	case !found:
		return chat.Scheduled{}, chat.ErrScheduledNotFound
	}
	return m, nil
}

// ScheduledAs reads a scheduled message and the fingerprint of the command that has scheduled it, and tells whether there is one.
func ScheduledAs(row Row) (m chat.Scheduled, fingerprint []byte, found bool, err error) {
	m, err = Scheduled(row, &fingerprint)
	found, err = Found(err)
	return m, fingerprint, found, err
}
