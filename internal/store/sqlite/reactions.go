package sqlite

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// React implements [chat.Changes].
func (s *Store) React(ctx context.Context, cmd chat.React) error {
	return s.writer.Do(ctx, func(tx *tx) error { return tx.react(&cmd) })
}

func (t *tx) react(cmd *chat.React) error {
	m, standing, err := rows.Standing(t.row(standingQuery, cmd.Actor.ID, cmd.MessageID))
	if err != nil {
		return err
	}
	if err := cmd.Permit(&m, standing); err != nil {
		return err
	}
	var one int
	there, err := rows.Found(t.row(`SELECT 1 FROM reactions WHERE message_id = ? AND emoji = ? AND user_id = ?`,
		m.ID, cmd.Emoji, cmd.Actor.ID).Scan(&one))
	if err != nil {
		return fmt.Errorf("look up reaction: %w", err)
	}
	if there == cmd.Added {
		return nil
	}
	kind := chat.ReactionRemoved
	if cmd.Added {
		kind = chat.ReactionAdded
		if err := t.roomForEmoji(cmd); err != nil {
			return err
		}
	}
	at, err := t.place(entry{
		conversation: m.ConversationID, kind: kind, message: m.ID, user: cmd.Actor.ID, actor: cmd.Actor.ID,
		detail: cmd.Emoji, at: cmd.At,
	}, cmd.Actor.Origin)
	if err != nil {
		return err
	}
	if cmd.Added {
		err = t.addReaction(cmd, at.Seq)
	} else {
		err = t.removeReaction(cmd)
	}
	if err != nil {
		return fmt.Errorf("store reaction: %w", err)
	}
	t.emit(chat.NewReactionEvent(kind, at, &m, chat.Reaction{
		MessageID: m.ID, RoomID: m.RoomID, UserID: cmd.Actor.ID, UserName: cmd.Actor.Name, Emoji: cmd.Emoji,
	}))
	return nil
}

// roomForEmoji refuses a new emoji where there are too many.
func (t *tx) roomForEmoji(cmd *chat.React) error {
	var others int
	var known bool
	if err := t.row(`SELECT count(*), coalesce(max(emoji = ?), 0) FROM reaction_groups WHERE message_id = ?`,
		cmd.Emoji, cmd.MessageID).Scan(&others, &known); err != nil {
		return fmt.Errorf("count emoji: %w", err)
	}
	if !known && others >= cmd.Most {
		return chat.ErrTooManyReactions
	}
	return nil
}

func (t *tx) addReaction(cmd *chat.React, seq int64) error {
	if _, err := t.exec(`INSERT INTO reactions (message_id, emoji, user_id) VALUES (?, ?, ?)`,
		cmd.MessageID, cmd.Emoji, cmd.Actor.ID); err != nil {
		return err
	}
	_, err := t.exec(`
		INSERT INTO reaction_groups (message_id, emoji, count, first_seq) VALUES (?, ?, 1, ?)
		ON CONFLICT (message_id, emoji) DO UPDATE SET count = count + 1`, cmd.MessageID, cmd.Emoji, seq)
	return err
}

func (t *tx) removeReaction(cmd *chat.React) error {
	if _, err := t.exec(`DELETE FROM reactions WHERE message_id = ? AND emoji = ? AND user_id = ?`,
		cmd.MessageID, cmd.Emoji, cmd.Actor.ID); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE reaction_groups SET count = count - 1 WHERE message_id = ? AND emoji = ?`,
		cmd.MessageID, cmd.Emoji); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM reaction_groups WHERE message_id = ? AND emoji = ? AND count = 0`, cmd.MessageID, cmd.Emoji)
	return err
}

// reactionsQuery reads of each group no more users than are listed.
const reactionsQuery = `
	SELECT g.message_id, g.emoji, g.count, r.user_id
	FROM json_each(?1) j
	CROSS JOIN reaction_groups g ON g.message_id = j.value
	CROSS JOIN reactions r ON r.message_id = g.message_id AND r.emoji = g.emoji AND r.user_id IN (
		SELECT x.user_id FROM reactions x WHERE x.message_id = g.message_id AND x.emoji = g.emoji
		ORDER BY x.user_id LIMIT ?2)
	ORDER BY g.message_id, g.first_seq, g.emoji, r.user_id`

// fillReactions adds their reactions to messages.
func fillReactions(each rows.Each, messages []chat.Message) error {
	if len(messages) == 0 {
		return nil
	}
	ids := make([]string, len(messages))
	byID := make(map[string]*chat.Message, len(messages))
	for i := range messages {
		ids[i] = messages[i].ID
		byID[ids[i]] = &messages[i]
	}
	err := each(func(row rows.Row) error {
		var id, emoji string
		var count int
		var user chat.UserID
		if err := row.Scan(&id, &emoji, &count, &user); err != nil {
			return err
		}
		rows.AddReaction(byID[id], emoji, count, user)
		return nil
	}, reactionsQuery, ids, chat.ListedMembers)
	if err != nil {
		return fmt.Errorf("read reactions: %w", err)
	}
	return nil
}
