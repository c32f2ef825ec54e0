package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// EditMessage implements [chat.Changes].
func (s *Store) EditMessage(ctx context.Context, cmd chat.Edit) (chat.Message, error) {
	return rows.Result(ctx, s.concerning(concern{message: cmd.MessageID}), func(tx *tx) (chat.Message, error) { return tx.editMessage(&cmd) })
}

func (t *tx) editMessage(cmd *chat.Edit) (chat.Message, error) {
	m, standing, err := t.message(cmd.MessageID, cmd.Editor.ID)
	if err != nil {
		return m, err
	}
	change, err := cmd.Permit(&m, standing)
	if err != nil || !change {
		return m, err
	}
	if err := t.removeMentions(&m); err != nil {
		return m, err
	}
	m.Content, m.Mentions = cmd.Content, cmd.Mentions
	if err := t.keepMentioned(&m); err != nil {
		return m, err
	}
	if err := t.nameMessage(&m); err != nil {
		return m, err
	}
	at, err := t.place(entry{
		conversation: m.ConversationID, kind: chat.MessageEdited, message: m.ID, actor: cmd.Editor.ID, at: cmd.At,
	}, cmd.Editor.Origin)
	if err != nil {
		return m, err
	}
	m.EditedAt = at.At
	mentions, err := rows.List(m.Mentions)
	if err != nil {
		return m, fmt.Errorf("encode mentions: %w", err)
	}
	if _, err := t.exec(`
		UPDATE messages SET content = $3, words = $4, mentions = $5, edited_at = $6 WHERE conversation_id = $1 AND seq = $2`,
		m.ConversationID, m.Seq, m.Content, scoped(wordsOf(m.Content), m.ConversationID), optional(mentions), at.At.UnixMilli()); err != nil {
		return m, fmt.Errorf("update message: %w", err)
	}
	if err := t.addMentions(&m); err != nil {
		return m, err
	}
	return m, t.emitChange(chat.MessageEdited, at, &m)
}

// DeleteMessage implements [chat.Changes].
func (s *Store) DeleteMessage(ctx context.Context, cmd chat.Delete) (chat.Message, error) {
	return rows.Result(ctx, s.concerning(concern{message: cmd.MessageID}), func(tx *tx) (chat.Message, error) { return tx.deleteMessage(&cmd) })
}

func (t *tx) deleteMessage(cmd *chat.Delete) (chat.Message, error) {
	m, standing, err := t.message(cmd.MessageID, cmd.Actor.ID)
	if err != nil {
		return m, err
	}
	change, err := cmd.Permit(&m, standing)
	if err != nil || !change {
		return m, err
	}
	at, err := t.place(entry{
		conversation: m.ConversationID, kind: chat.MessageDeleted, message: m.ID, actor: cmd.Actor.ID, at: cmd.At,
	}, cmd.Actor.Origin)
	if err != nil {
		return m, err
	}
	if err := t.wipe(&m, at.At); err != nil {
		return m, err
	}
	m.DeletedAt = at.At
	return m, t.emitChange(chat.MessageDeleted, at, &m)
}

// wipe removes what was said in m and about it, wherever it is kept.
func (t *tx) wipe(m *chat.Message, at time.Time) error {
	if err := t.removeMentions(m); err != nil {
		return err
	}
	if len(m.Attachments) > 0 {
		if _, err := t.releaseFiles(at, `DELETE FROM file_uses WHERE conversation_id = $1 AND seq = $2 RETURNING file_id`, m.ConversationID, m.Seq); err != nil {
			return err
		}
	}
	if _, err := t.exec(`
		UPDATE messages SET content = '', words = NULL, attachments = NULL, mentions = NULL, fingerprint = NULL,
			pinned_at = NULL, pinned_by = NULL, deleted_at = $3 WHERE conversation_id = $1 AND seq = $2`,
		m.ConversationID, m.Seq, at.UnixMilli()); err != nil {
		return fmt.Errorf("wipe message: %w", err)
	}
	if _, err := t.exec(`
		UPDATE changes SET detail = NULL
		WHERE conversation_id = $1 AND message_id = $2 AND kind IN ('reaction.added', 'reaction.removed')`,
		m.ConversationID, m.ID); err != nil {
		return fmt.Errorf("wipe log: %w", err)
	}
	for _, statement := range []string{
		`DELETE FROM reactions WHERE conversation_id = $1 AND message_seq = $2`,
		`DELETE FROM reaction_groups WHERE conversation_id = $1 AND message_seq = $2`,
	} {
		if _, err := t.exec(statement, m.ConversationID, m.Seq); err != nil {
			return fmt.Errorf("wipe reactions: %w", err)
		}
	}
	m.Content, m.Attachments, m.Files, m.Mentions, m.Reactions, m.Names = "", nil, nil, nil, nil, nil
	m.PinnedAt, m.PinnedBy = time.Time{}, ""
	return nil
}

// PinMessage implements [chat.Changes].
func (s *Store) PinMessage(ctx context.Context, cmd chat.Pin) (chat.Message, error) {
	return rows.Result(ctx, s.concerning(concern{message: cmd.MessageID}), func(tx *tx) (chat.Message, error) { return tx.pinMessage(&cmd) })
}

func (t *tx) pinMessage(cmd *chat.Pin) (chat.Message, error) {
	m, standing, err := t.message(cmd.MessageID, cmd.Actor.ID)
	if err != nil {
		return m, err
	}
	change, err := cmd.Permit(&m, standing)
	if err != nil || !change {
		return m, err
	}
	kind := chat.MessageUnpinned
	if cmd.Pinned {
		kind = chat.MessagePinned
		var pinned int
		if err := t.row(`SELECT count(*) FROM messages WHERE conversation_id = $1 AND pinned_at IS NOT NULL`,
			m.ConversationID).Scan(&pinned); err != nil {
			return m, fmt.Errorf("count pinned messages: %w", err)
		}
		if pinned >= cmd.Most {
			return m, chat.ErrTooManyPins
		}
	}
	at, err := t.place(entry{
		conversation: m.ConversationID, kind: kind, message: m.ID, actor: cmd.Actor.ID, at: cmd.At,
	}, cmd.Actor.Origin)
	if err != nil {
		return m, err
	}
	m.PinnedAt, m.PinnedBy = time.Time{}, ""
	if cmd.Pinned {
		m.PinnedAt, m.PinnedBy = at.At, cmd.Actor.ID
	}
	if _, err := t.exec(`UPDATE messages SET pinned_at = $3, pinned_by = $4 WHERE conversation_id = $1 AND seq = $2`,
		m.ConversationID, m.Seq, optionalMillis(m.PinnedAt), optional(m.PinnedBy)); err != nil {
		return m, fmt.Errorf("pin message: %w", err)
	}
	if err := t.nameMessage(&m); err != nil {
		return m, err
	}
	return m, t.emitChange(kind, at, &m)
}

const standingQuery = `SELECT ` + messageColumns + `,
	coalesce((SELECT mb.role FROM members mb WHERE mb.conversation_id = m.conversation_id AND mb.user_id = $1), '')
	FROM messages m WHERE m.id = $2`

// message returns a message, with its reactions, and what the user is in its
// conversation.
func (t *tx) message(id string, user chat.UserID) (chat.Message, chat.Standing, error) {
	m, standing, err := rows.Standing(t.row(standingQuery, user, id))
	if err != nil {
		return m, standing, err
	}
	one := []chat.Message{m}
	err = fillMessages(t.each, one)
	return one[0], standing, err
}

// Message implements [chat.Messages].
func (s *Store) Message(ctx context.Context, id string, user chat.UserID) (chat.Message, chat.Standing, error) {
	m, standing, err := rows.Standing(s.readers.row(ctx, standingQuery, user, id))
	if err != nil {
		return m, standing, err
	}
	one := []chat.Message{m}
	err = fillMessages(s.readers.rows(ctx), one)
	return one[0], standing, err
}

func (t *tx) emitChange(kind chat.EventKind, at chat.Place, m *chat.Message) error {
	return t.emitNamed(chat.NewChangeEvent(kind, at, rows.Copy(m)))
}
