package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// MarkRead implements [chat.Reads]. What does not change about the messages is
// read beforehand, so that a long list does not hold up the writer.
func (s *Store) MarkRead(ctx context.Context, cmd chat.MarkRead) ([]chat.Receipt, error) {
	messages, err := s.listed(ctx, &cmd)
	if err != nil {
		return nil, err
	}
	if len(messages) == 0 {
		return nil, chat.ErrMessageNotFound
	}
	unread := rows.Unread(messages)
	if len(unread) == 0 {
		return nil, nil
	}
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (receipts []chat.Receipt, err error) {
		for _, group := range unread {
			given, err := tx.markRead(&cmd, group)
			if err != nil {
				return nil, err
			}
			receipts = append(receipts, given...)
		}
		return receipts, nil
	})
}

const listedQuery = `
	SELECT m.id, m.conversation_id, m.seq, m.sender_id, m.deleted_at IS NOT NULL, coalesce(rm.seq, 0)
	FROM (SELECT DISTINCT value AS id FROM unnest($2::text[]) x (value)) j
	JOIN messages m ON m.id = j.id
	JOIN members mb ON mb.conversation_id = m.conversation_id AND mb.user_id = $1
	LEFT JOIN read_marks rm ON rm.conversation_id = m.conversation_id AND rm.user_id = $1
	ORDER BY m.conversation_id, m.seq`

// listed looks up those messages of the list that the reader may see, each
// once, by conversation and seq.
func (s *Store) listed(ctx context.Context, cmd *chat.MarkRead) ([]rows.Listed, error) {
	return rows.Collect(s.readers.rows(ctx), nil, rows.ReadListed, listedQuery, cmd.Reader.ID, cmd.MessageIDs)
}

// markRead moves the mark in one conversation to the last of the messages, if it
// is not there yet and the reader is still a member.
func (t *tx) markRead(cmd *chat.MarkRead, messages []rows.Listed) ([]chat.Receipt, error) {
	conversation, last := messages[0].ConversationID, messages[len(messages)-1].Seq
	var mark int64
	var members int
	member, err := rows.Found(t.row(`
		SELECT coalesce(rm.seq, 0), c.member_count
		FROM members mb
		JOIN conversations c ON c.id = mb.conversation_id
		LEFT JOIN read_marks rm ON rm.conversation_id = mb.conversation_id AND rm.user_id = mb.user_id
		WHERE mb.conversation_id = $1 AND mb.user_id = $2`, conversation, cmd.Reader.ID).Scan(&mark, &members))
	if err != nil {
		return nil, fmt.Errorf("look up mark: %w", err)
	}
	if !member || last <= mark {
		return nil, nil
	}
	if moved, err := t.setMark(conversation, cmd.Reader.ID, last, cmd.At); err != nil || !moved {
		return nil, err
	}
	t.emit(chat.NewMarkEvent(chat.Mark{
		ConversationID: conversation, UserID: cmd.Reader.ID, Seq: last, ReadAt: cmd.At,
	}, cmd.Reader.Origin))
	if members > cmd.MaxReceiptMembers {
		return nil, nil
	}
	given, told, err := rows.Receipts(cmd, messages, mark, func(sender chat.UserID) (bool, error) {
		var one int
		return rows.Found(t.row(`SELECT 1 FROM members WHERE conversation_id = $1 AND user_id = $2`, conversation, sender).Scan(&one))
	})
	for i := range told {
		t.emit(told[i])
	}
	return given, err
}

// setMark moves a mark, which the caller has seen to lie before that seq. It tells whether it has: another process may have
// moved it further since. Devices take back what they were told of what is read by that.
func (t *tx) setMark(conversation string, user chat.UserID, seq int64, at time.Time) (moved bool, err error) {
	var shown bool
	err = t.row(`
		WITH moved AS (
				INSERT INTO read_marks AS m (conversation_id, user_id, seq, read_at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (conversation_id, user_id) DO UPDATE SET seq = excluded.seq, read_at = excluded.read_at WHERE m.seq < excluded.seq
				RETURNING 1),
			told AS (
				UPDATE notifications n SET read_at = $4
				WHERE n.user_id = $2 AND n.conversation_id = $1 AND n.seq <= $3 AND n.read_at IS NULL AND EXISTS (SELECT 1 FROM moved)
				RETURNING n.results)
		SELECT EXISTS (SELECT 1 FROM moved), coalesce((SELECT bool_or(strpos(told.results, '"success":true') > 0) FROM told), false)`,
		conversation, user, seq, at.UnixMilli()).Scan(&moved, &shown)
	if err != nil {
		return false, fmt.Errorf("set mark: %w", err)
	}
	if shown {
		err = t.takeBack([]push.Back{{Conversation: conversation, Seq: seq}}, user, at)
	}
	return moved, err
}
