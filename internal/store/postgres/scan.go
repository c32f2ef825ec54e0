package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// scanner is a row.
type scanner interface {
	Scan(dest ...any) error
}

// failed is the row of a query that could not be asked.
type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

// exists turns the absence of a row into false.
func exists(err error) (bool, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// eachRow calls scan for every row of a query, of readers, of one snapshot of them or
// of the writer.
type eachRow func(scan func(scanner) error, query string, args ...any) error

const messageColumns = `m.id, m.conversation_id, m.seq, m.room_id, m.recipient_id, m.sender_id, m.sender_name,
	m.content, m.type, m.client_msg_id, m.reply_to, m.attachments, m.created_at, m.edited_at, m.deleted_at,
	m.thread_id, m.mentions, m.pinned_at, m.pinned_by`

const sentQuery = `SELECT ` + messageColumns + `, m.fingerprint,
	EXISTS (SELECT 1 FROM rooms r WHERE r.id = m.room_id AND r.conversation_id <> m.conversation_id)
	FROM sends s JOIN messages m ON m.conversation_id = s.conversation_id AND m.seq = s.seq
	WHERE s.sender_id = $1 AND s.client_msg_id = $2`

// scanMessage reads the messageColumns, and further columns into more.
func scanMessage(row scanner, more ...any) (chat.Message, error) {
	var m chat.Message
	var room, recipient, clientMsgID, replyTo, attachments, thread, mentions, pinnedBy zeronull.Text
	var createdAt int64
	var editedAt, deletedAt, pinnedAt zeronull.Int8
	dest := append([]any{&m.ID, &m.ConversationID, &m.Seq, &room, &recipient, &m.SenderID, &m.SenderName,
		&m.Content, &m.Type, &clientMsgID, &replyTo, &attachments, &createdAt, &editedAt, &deletedAt,
		&thread, &mentions, &pinnedAt, &pinnedBy}, more...)
	if err := row.Scan(dest...); err != nil {
		return m, err
	}
	m.RoomID, m.RecipientID = string(room), chat.UserID(recipient)
	m.ClientMsgID, m.ReplyTo = string(clientMsgID), string(replyTo)
	m.Timestamp = instant(createdAt)
	m.EditedAt, m.DeletedAt, m.PinnedAt = optionalTime(editedAt), optionalTime(deletedAt), optionalTime(pinnedAt)
	m.ThreadID, m.PinnedBy = string(thread), chat.UserID(pinnedBy)
	if err := readList(attachments, &m.Attachments); err != nil {
		return m, fmt.Errorf("attachments of message %s: %w", m.ID, err)
	}
	if err := readList(mentions, &m.Mentions); err != nil {
		return m, fmt.Errorf("mentions of message %s: %w", m.ID, err)
	}
	return m, nil
}

func readList[T ~string](text zeronull.Text, list *[]T) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), list)
}

// listOf stores a list as JSON, an empty one as NULL.
func listOf[T ~string](list []T) (zeronull.Text, error) {
	if len(list) == 0 {
		return "", nil
	}
	text, err := json.Marshal(list)
	return zeronull.Text(text), err
}

// optional stores an empty string as NULL.
func optional[T ~string](s T) zeronull.Text { return zeronull.Text(s) }

// optionalTime is the zero time for NULL.
func optionalTime(millis zeronull.Int8) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return instant(int64(millis))
}

// optionalMillis is the opposite of optionalTime.
func optionalMillis(t time.Time) zeronull.Int8 {
	if t.IsZero() {
		return 0
	}
	return zeronull.Int8(t.UnixMilli())
}

func scanSent(row scanner) (chat.Sent, bool, error) {
	var sent chat.Sent
	var err error
	sent.Message, err = scanMessage(row, &sent.Fingerprint, &sent.Replaced)
	if errors.Is(err, pgx.ErrNoRows) {
		return chat.Sent{}, false, nil
	}
	return sent, err == nil, err
}
