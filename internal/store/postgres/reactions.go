package postgres

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// React implements [chat.Changes].
func (s *Store) React(ctx context.Context, cmd chat.React) error {
	return s.writer.DoAhead(ctx, concern{message: cmd.MessageID}, func(tx *tx) error { return tx.react(&cmd) })
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
	there, err := rows.Found(t.row(`
		SELECT 1 FROM reactions WHERE conversation_id = $1 AND message_seq = $2 AND emoji = $3 AND user_id = $4`,
		m.ConversationID, m.Seq, cmd.Emoji, cmd.Actor.ID).Scan(&one))
	if err != nil {
		return fmt.Errorf("look up reaction: %w", err)
	}
	if there == cmd.Added {
		return nil
	}
	kind := chat.ReactionRemoved
	if cmd.Added {
		kind = chat.ReactionAdded
		if err := t.roomForEmoji(cmd, &m); err != nil {
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
		err = t.addReaction(cmd, &m, at.Seq)
	} else {
		err = t.removeReaction(cmd, &m)
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
func (t *tx) roomForEmoji(cmd *chat.React, m *chat.Message) error {
	var others int
	var known bool
	if err := t.row(`
		SELECT count(*), coalesce(bool_or(emoji = $3), false) FROM reaction_groups
		WHERE conversation_id = $1 AND message_seq = $2`, m.ConversationID, m.Seq, cmd.Emoji).Scan(&others, &known); err != nil {
		return fmt.Errorf("count emoji: %w", err)
	}
	if !known && others >= cmd.Most {
		return chat.ErrTooManyReactions
	}
	return nil
}

func (t *tx) addReaction(cmd *chat.React, m *chat.Message, seq int64) error {
	_, err := t.exec(`
		WITH given AS (
			INSERT INTO reactions (conversation_id, message_seq, emoji, user_id) VALUES ($1, $2, $3, $4)
		)
		INSERT INTO reaction_groups (conversation_id, message_seq, emoji, count, first_seq) VALUES ($1, $2, $3, 1, $5)
		ON CONFLICT (conversation_id, message_seq, emoji) DO UPDATE SET count = reaction_groups.count + 1`,
		m.ConversationID, m.Seq, cmd.Emoji, cmd.Actor.ID, seq)
	return err
}

func (t *tx) removeReaction(cmd *chat.React, m *chat.Message) error {
	var left int
	err := t.row(`
		WITH taken AS (
			DELETE FROM reactions WHERE conversation_id = $1 AND message_seq = $2 AND emoji = $3 AND user_id = $4
		)
		UPDATE reaction_groups SET count = count - 1 WHERE conversation_id = $1 AND message_seq = $2 AND emoji = $3
		RETURNING count`, m.ConversationID, m.Seq, cmd.Emoji, cmd.Actor.ID).Scan(&left)
	if err != nil || left > 0 {
		return err
	}
	_, err = t.exec(`DELETE FROM reaction_groups WHERE conversation_id = $1 AND message_seq = $2 AND emoji = $3`,
		m.ConversationID, m.Seq, cmd.Emoji)
	return err
}

// reactionsQuery reads of each group no more users than are listed. place is that of the message in the lists.
const reactionsQuery = `
	SELECT j.place, g.emoji, g.count, r.user_id
	FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY j (conversation, seq, place)
	JOIN reaction_groups g ON g.conversation_id = j.conversation AND g.message_seq = j.seq
	CROSS JOIN LATERAL (
		SELECT x.user_id FROM reactions x
		WHERE x.conversation_id = g.conversation_id AND x.message_seq = g.message_seq AND x.emoji = g.emoji
		ORDER BY x.user_id LIMIT $3) r
	ORDER BY j.place, g.first_seq, g.emoji, r.user_id`

// fillReactions adds their reactions to messages.
func fillReactions(each rows.Each, messages []chat.Message) error {
	if len(messages) == 0 {
		return nil
	}
	conversations, seqs := make([]string, len(messages)), make([]int64, len(messages))
	for i := range messages {
		conversations[i], seqs[i] = messages[i].ConversationID, messages[i].Seq
	}
	err := each(func(row rows.Row) error {
		var place, count int
		var emoji string
		var user chat.UserID
		if err := row.Scan(&place, &emoji, &count, &user); err != nil {
			return err
		}
		rows.AddReaction(&messages[place-1], emoji, count, user)
		return nil
	}, reactionsQuery, conversations, seqs, chat.ListedMembers)
	if err != nil {
		return fmt.Errorf("read reactions: %w", err)
	}
	return nil
}
