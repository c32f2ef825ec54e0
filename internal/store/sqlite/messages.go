package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// AppendMessage implements [chat.Messages].
func (s *Store) AppendMessage(ctx context.Context, cmd chat.Append) (chat.Message, error) {
	var m chat.Message
	err := s.writer.do(ctx, func(tx *tx) (err error) {
		m, err = tx.appendMessage(&cmd)
		return err
	})
	if err != nil {
		return chat.Message{}, err
	}
	return m, nil
}

func (t *tx) appendMessage(cmd *chat.Append) (chat.Message, error) {
	m := cmd.Message
	if m.ClientMsgID != "" {
		sent, found, err := scanSent(t.row(sentQuery, m.SenderID, m.ClientMsgID))
		if err != nil {
			return m, fmt.Errorf("look up client id: %w", err)
		}
		if found {
			return sent.Message, cmd.Repeats(&sent.Message, sent.Fingerprint)
		}
	}
	if err := t.permitMessage(cmd, &m); err != nil {
		return m, err
	}
	if err := t.checkReply(&m); err != nil {
		return m, err
	}
	if err := t.insertMessage(&m, cmd.Fingerprint); err != nil {
		return m, err
	}
	// The event has its own copy: the caller may do with m as it likes.
	stored := m
	stored.Attachments = slices.Clone(m.Attachments)
	t.emit(chat.NewMessageEvent(&stored, cmd.Origin))
	return m, nil
}

// permitMessage checks that the sender may write there, and finds the
// conversation of a room.
func (t *tx) permitMessage(cmd *chat.Append, m *chat.Message) error {
	if m.RoomID == "" {
		if !cmd.RequireFriends {
			return nil
		}
		friends, err := t.areFriends(m.SenderID, m.RecipientID)
		if err != nil {
			return fmt.Errorf("look up friendship: %w", err)
		}
		if !friends {
			return chat.ErrNotFriends
		}
		return nil
	}
	var member bool
	found, err := exists(t.row(`
		SELECT r.conversation_id, m.user_id IS NOT NULL
		FROM rooms r LEFT JOIN members m ON m.conversation_id = r.conversation_id AND m.user_id = ?
		WHERE r.id = ?`, m.SenderID, m.RoomID).Scan(&m.ConversationID, &member))
	switch {
	case err != nil:
		return fmt.Errorf("look up room: %w", err)
	case !found:
		return chat.ErrRoomNotFound
	case !member:
		return chat.ErrNotInRoom
	}
	return nil
}

func (t *tx) checkReply(m *chat.Message) error {
	if m.ReplyTo == "" {
		return nil
	}
	var one int
	found, err := exists(t.row(`SELECT 1 FROM messages WHERE id = ? AND conversation_id = ?`,
		m.ReplyTo, m.ConversationID).Scan(&one))
	if err != nil {
		return fmt.Errorf("look up replied message: %w", err)
	}
	if !found {
		refusal := *chat.ErrMessageNotFound
		refusal.Field = "replyTo"
		return &refusal
	}
	return nil
}

// insertMessage gives m its seq and its final timestamp and stores it.
func (t *tx) insertMessage(m *chat.Message, fingerprint []byte) error {
	if m.RoomID == "" {
		if err := t.ensureDirect(m); err != nil {
			return fmt.Errorf("create direct conversation: %w", err)
		}
	}
	seq, at, err := t.log(entry{
		conversation: m.ConversationID,
		kind:         chat.MessageCreated,
		message:      m.ID,
		actor:        m.SenderID,
		at:           m.Timestamp,
	})
	if err != nil {
		return err
	}
	m.Seq, m.Timestamp = seq, at
	var attachments []byte
	if len(m.Attachments) > 0 {
		if attachments, err = json.Marshal(m.Attachments); err != nil {
			return fmt.Errorf("encode attachments: %w", err)
		}
	}
	if m.ClientMsgID == "" {
		fingerprint = nil
	}
	_, err = t.exec(`
		INSERT INTO messages (id, conversation_id, seq, room_id, recipient_id, sender_id, sender_name,
			content, type, client_msg_id, fingerprint, reply_to, attachments, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		m.ID, m.ConversationID, m.Seq, optional(m.RoomID), optional(string(m.RecipientID)), m.SenderID, m.SenderName,
		m.Content, m.Type, optional(m.ClientMsgID), fingerprint, optional(m.ReplyTo), optional(string(attachments)), at.UnixMilli())
	if err != nil {
		return fmt.Errorf("insert message: %w", err)
	}
	return nil
}

// ensureDirect makes the direct conversation of m's two users if there is none.
func (t *tx) ensureDirect(m *chat.Message) error {
	at := m.Timestamp.UnixMilli()
	created, err := t.exec(`
		INSERT INTO conversations (id, kind, head_seq, member_count, last_at, created_at)
		VALUES (?, 'direct', 0, 2, ?, ?)
		ON CONFLICT (id) DO NOTHING`, m.ConversationID, at, at)
	if err != nil || created == 0 {
		return err
	}
	_, err = t.exec(`
		INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at)
		VALUES (?, ?, 'member', 0, ?), (?, ?, 'member', 0, ?)`,
		m.ConversationID, m.SenderID, at, m.ConversationID, m.RecipientID, at)
	return err
}

// entry is a line of a conversation's log that has no seq yet.
type entry struct {
	conversation string
	kind         chat.EventKind
	message      string      // its id, for what concerns a message
	user         chat.UserID // for what concerns a member
	actor        chat.UserID
	at           time.Time
}

// log adds an entry to the log of an existing conversation. It returns the seq
// and the time of the entry, which is never before that of the one before it.
func (t *tx) log(e entry) (int64, time.Time, error) {
	var seq, at int64
	err := t.row(`
		UPDATE conversations SET head_seq = head_seq + 1, last_at = max(last_at, ?)
		WHERE id = ?
		RETURNING head_seq, last_at`, e.at.UnixMilli(), e.conversation).Scan(&seq, &at)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("advance %s: %w", e.conversation, err)
	}
	_, err = t.exec(`
		INSERT INTO events (conversation_id, seq, kind, message_id, user_id, actor_id, at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`,
		e.conversation, seq, e.kind, optional(e.message), optional(string(e.user)), e.actor, at)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("log %s: %w", e.kind, err)
	}
	return seq, instant(at), nil
}

const messageColumns = `m.id, m.conversation_id, m.seq, m.room_id, m.recipient_id, m.sender_id, m.sender_name,
	m.content, m.type, m.client_msg_id, m.reply_to, m.attachments, m.created_at, m.edited_at, m.deleted_at`

const sentQuery = `SELECT ` + messageColumns + `, m.fingerprint
	FROM messages m WHERE m.sender_id = ? AND m.client_msg_id = ?`

// scanMessage reads the messageColumns, and further columns into more.
func scanMessage(row scanner, more ...any) (chat.Message, error) {
	var m chat.Message
	var room, recipient, clientMsgID, replyTo, attachments sql.NullString
	var createdAt int64
	var editedAt, deletedAt sql.NullInt64
	dest := append([]any{&m.ID, &m.ConversationID, &m.Seq, &room, &recipient, &m.SenderID, &m.SenderName,
		&m.Content, &m.Type, &clientMsgID, &replyTo, &attachments, &createdAt, &editedAt, &deletedAt}, more...)
	if err := row.Scan(dest...); err != nil {
		return m, err
	}
	m.RoomID, m.RecipientID = room.String, chat.UserID(recipient.String)
	m.ClientMsgID, m.ReplyTo = clientMsgID.String, replyTo.String
	m.Timestamp = instant(createdAt)
	if editedAt.Valid {
		m.EditedAt = instant(editedAt.Int64)
	}
	if deletedAt.Valid {
		m.DeletedAt = instant(deletedAt.Int64)
	}
	if attachments.Valid {
		if err := json.Unmarshal([]byte(attachments.String), &m.Attachments); err != nil {
			return m, fmt.Errorf("attachments of message %s: %w", m.ID, err)
		}
	}
	return m, nil
}

func scanSent(row scanner) (chat.Sent, bool, error) {
	var sent chat.Sent
	var err error
	sent.Message, err = scanMessage(row, &sent.Fingerprint)
	if errors.Is(err, sql.ErrNoRows) {
		return chat.Sent{}, false, nil
	}
	return sent, err == nil, err
}

// optional stores an empty string as NULL.
func optional(s string) sql.NullString {
	return sql.NullString{String: s, Valid: s != ""}
}
