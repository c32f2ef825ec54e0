package sqlite

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

const messageColumns = `m.id, m.conversation_id, m.seq, m.room_id, m.recipient_id, m.sender_id, m.sender_name,
	m.content, m.type, m.client_msg_id, m.reply_to, m.attachments, m.created_at, m.edited_at, m.deleted_at,
	m.thread_id, m.mentions, m.pinned_at, m.pinned_by`

const usedQuery = `SELECT 1 FROM messages WHERE sender_id = ? AND client_msg_id = ?`

const sentQuery = `SELECT ` + messageColumns + `, m.fingerprint,
	EXISTS (SELECT 1 FROM rooms r WHERE r.id = m.room_id AND r.conversation_id <> m.conversation_id)
	FROM messages m WHERE m.sender_id = ? AND m.client_msg_id = ?`

// scanMessage reads the messageColumns, and further columns into more.
func scanMessage(row scanner, more ...any) (chat.Message, error) {
	var m chat.Message
	var room, recipient, clientMsgID, replyTo, attachments sql.NullString
	var createdAt int64
	var editedAt, deletedAt, pinnedAt sql.NullInt64
	var thread, mentions, pinnedBy sql.NullString
	dest := append([]any{&m.ID, &m.ConversationID, &m.Seq, &room, &recipient, &m.SenderID, &m.SenderName,
		&m.Content, &m.Type, &clientMsgID, &replyTo, &attachments, &createdAt, &editedAt, &deletedAt,
		&thread, &mentions, &pinnedAt, &pinnedBy}, more...)
	if err := row.Scan(dest...); err != nil {
		return m, err
	}
	m.RoomID, m.RecipientID = room.String, chat.UserID(recipient.String)
	m.ClientMsgID, m.ReplyTo = clientMsgID.String, replyTo.String
	m.Timestamp = instant(createdAt)
	m.EditedAt, m.DeletedAt, m.PinnedAt = optionalTime(editedAt), optionalTime(deletedAt), optionalTime(pinnedAt)
	m.ThreadID, m.PinnedBy = thread.String, chat.UserID(pinnedBy.String)
	if err := readList(attachments, &m.Attachments); err != nil {
		return m, fmt.Errorf("attachments of message %s: %w", m.ID, err)
	}
	if err := readList(mentions, &m.Mentions); err != nil {
		return m, fmt.Errorf("mentions of message %s: %w", m.ID, err)
	}
	return m, nil
}

// scanOne reads the only column of a row.
func scanOne[T any](row scanner) (one T, err error) {
	err = row.Scan(&one)
	return one, err
}

// collect adds to list what scan makes of each row.
func collect[T any](each eachRow, list []T, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	err := each(func(row scanner) error {
		one, err := scan(row)
		list = append(list, one)
		return err
	}, query, args...)
	return list, err
}

func readList[T ~string](text sql.NullString, list *[]T) error {
	if !text.Valid {
		return nil
	}
	return json.Unmarshal([]byte(text.String), list)
}

// optionalTime is the zero time for NULL.
func optionalTime(millis sql.NullInt64) time.Time {
	if !millis.Valid {
		return time.Time{}
	}
	return instant(millis.Int64)
}

func scanSent(row scanner) (chat.Sent, bool, error) {
	var sent chat.Sent
	var err error
	sent.Message, err = scanMessage(row, &sent.Fingerprint, &sent.Replaced)
	if errors.Is(err, sql.ErrNoRows) {
		return chat.Sent{}, false, nil
	}
	return sent, err == nil, err
}
