package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

const messageColumns = `m.id, m.conversation_id, m.seq, m.room_id, m.recipient_id, m.sender_id, m.sender_name,
	m.content, m.type, m.client_msg_id, m.reply_to, m.attachments, m.created_at, m.edited_at, m.deleted_at,
	m.thread_id, m.mentions, m.pinned_at, m.pinned_by`

const usedQuery = `SELECT 1 FROM messages WHERE sender_id = ? AND client_msg_id = ?`

const sentQuery = `SELECT ` + messageColumns + `, m.fingerprint,
	EXISTS (SELECT 1 FROM rooms r WHERE r.id = m.room_id AND r.conversation_id <> m.conversation_id)
	FROM messages m WHERE m.sender_id = ? AND m.client_msg_id = ?`

// AppendMessage implements [chat.Messages].
func (s *Store) AppendMessage(ctx context.Context, cmd chat.Append) (chat.Message, error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (chat.Message, error) { return tx.appendMessage(&cmd) })
}

// StartAppend implements [chat.Messages].
func (s *Store) StartAppend(ctx context.Context, cmd chat.Append, done func(chat.Message, error)) {
	var m chat.Message
	s.writer.Begin(ctx, func(tx *tx) (err error) {
		m, err = tx.appendMessage(&cmd)
		return err
	}, func(err error) {
		if err != nil {
			m = chat.Message{}
		}
		done(m, err)
	})
}

func (t *tx) appendMessage(cmd *chat.Append) (chat.Message, error) {
	m := cmd.Message
	if m.ClientMsgID != "" {
		sent, found, err := t.sent(m.SenderID, m.ClientMsgID)
		if err != nil {
			return m, fmt.Errorf("look up client id: %w", err)
		}
		if found {
			return t.repeated(cmd, &sent)
		}
	}
	if err := t.permitMessage(cmd, &m); err != nil {
		return m, err
	}
	if err := t.findThread(&m); err != nil {
		return m, err
	}
	if err := t.findAttached(cmd, &m); err != nil {
		return m, err
	}
	if err := t.keepMentioned(&m); err != nil {
		return m, err
	}
	if err := t.nameMessage(&m); err != nil {
		return m, err
	}
	if err := t.insertMessage(&m, cmd.Fingerprint); err != nil {
		return m, err
	}
	if err := t.attach(&m); err != nil {
		return m, err
	}
	t.emit(chat.NewMessageEvent(rows.Copy(&m), cmd.Origin))
	return m, nil
}

// repeated is the message that the command repeats, with its files.
func (t *tx) repeated(cmd *chat.Append, sent *chat.Sent) (chat.Message, error) {
	if err := cmd.Repeats(sent); err != nil {
		return sent.Message, err
	}
	one := []chat.Message{sent.Message}
	err := rows.AddFiles(t.each, filesQuery, one)
	return one[0], err
}

// sent returns what is stored under a sender's client id. Nearly always that is
// nothing, which is asked first: a row of many columns takes longer to prepare for.
func (t *tx) sent(sender chat.UserID, clientMsgID string) (chat.Sent, bool, error) {
	var one int
	used, err := rows.Found(t.row(usedQuery, sender, clientMsgID).Scan(&one))
	if err != nil || !used {
		return chat.Sent{}, false, err
	}
	return rows.Sent(t.row(sentQuery, sender, clientMsgID))
}

// permitMessage checks that the sender may write there, and finds the
// conversation of a room.
func (t *tx) permitMessage(cmd *chat.Append, m *chat.Message) error {
	if m.RoomID == "" {
		return t.permitDirect(cmd, m)
	}
	var member bool
	var settings chat.RoomSettings
	found, err := rows.Found(t.row(`
		SELECT r.conversation_id, r.allow_file_upload, r.allow_voice_message, m.user_id IS NOT NULL
		FROM rooms r LEFT JOIN members m ON m.conversation_id = r.conversation_id AND m.user_id = ?
		WHERE r.id = ?`, m.SenderID, m.RoomID).Scan(&m.ConversationID,
		&settings.AllowFileUpload, &settings.AllowVoiceMessage, &member))
	switch {
	case err != nil:
		return fmt.Errorf("look up room: %w", err)
	case !found:
		return chat.ErrRoomNotFound
	case !member && m.Type != chat.TypeSystem:
		return chat.ErrNotInRoom
	}
	return settings.MayPost(m)
}

// permitDirect looks for a friendship, or only for a block: friends have none.
func (t *tx) permitDirect(cmd *chat.Append, m *chat.Message) error {
	if cmd.RequireFriends {
		friends, err := t.areFriends(m.SenderID, m.RecipientID)
		switch {
		case err != nil:
			return fmt.Errorf("look up friendship: %w", err)
		case !friends:
			return chat.ErrNotFriends
		}
		return nil
	}
	var blocked bool
	if err := t.row(blockedQuery, m.SenderID, m.RecipientID).Scan(&blocked); err != nil {
		return fmt.Errorf("look up blocks: %w", err)
	}
	if blocked {
		return chat.ErrNotFriends
	}
	return nil
}

// findThread checks what m replies to, and joins its thread.
func (t *tx) findThread(m *chat.Message) error {
	if m.ReplyTo == "" {
		return nil
	}
	found, err := rows.Found(t.row(`SELECT coalesce(thread_id, id) FROM messages WHERE id = ? AND conversation_id = ?`,
		m.ReplyTo, m.ConversationID).Scan(&m.ThreadID))
	if err != nil {
		return fmt.Errorf("look up replied message: %w", err)
	}
	if !found {
		return chat.ErrMessageNotFound.In("replyTo")
	}
	return nil
}

// insertMessage gives m its seq and its final timestamp and stores it, which logs it.
func (t *tx) insertMessage(m *chat.Message, fingerprint []byte) error {
	seq, at, err := t.advance(m.ConversationID, m.Timestamp)
	if errors.Is(err, sql.ErrNoRows) && m.RoomID == "" {
		if err := t.createDirect(m); err != nil {
			return fmt.Errorf("create direct conversation: %w", err)
		}
		seq, at, err = t.advance(m.ConversationID, m.Timestamp)
	}
	if err != nil {
		return err
	}
	m.Seq, m.Timestamp = seq, at
	attachments, err := rows.List(m.Attachments)
	if err != nil {
		return fmt.Errorf("encode attachments: %w", err)
	}
	mentions, err := rows.List(m.Mentions)
	if err != nil {
		return fmt.Errorf("encode mentions: %w", err)
	}
	if m.ClientMsgID == "" {
		fingerprint = nil
	}
	_, err = t.exec(`
		INSERT INTO messages (id, conversation_id, seq, room_id, recipient_id, sender_id, sender_name,
			content, type, client_msg_id, fingerprint, reply_to, thread_id, attachments, mentions, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		m.ID, m.ConversationID, m.Seq, optional(m.RoomID), optional(m.RecipientID), m.SenderID, m.SenderName,
		m.Content, m.Type, optional(m.ClientMsgID), fingerprint, optional(m.ReplyTo), optional(m.ThreadID),
		optional(attachments), optional(mentions), at.UnixMilli())
	if err != nil {
		return fmt.Errorf("insert message: %w", err)
	}
	t.indexable = true
	return t.addMentions(m)
}

// createDirect makes the direct conversation of m's two users.
func (t *tx) createDirect(m *chat.Message) error {
	at := m.Timestamp.UnixMilli()
	if _, err := t.exec(`
		INSERT INTO conversations (id, kind, head_seq, member_count, last_at, created_at)
		VALUES (?, 'direct', 0, 2, ?, ?)`, m.ConversationID, at, at); err != nil {
		return err
	}
	_, err := t.exec(`
		INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at)
		VALUES (?, ?, 'member', 0, ?), (?, ?, 'member', 0, ?)`,
		m.ConversationID, m.SenderID, at, m.ConversationID, m.RecipientID, at)
	return err
}
