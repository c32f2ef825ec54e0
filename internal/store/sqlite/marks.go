package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
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
	FROM (SELECT DISTINCT value AS id FROM json_each(?2)) j
	CROSS JOIN messages m ON m.id = j.id
	CROSS JOIN members mb ON mb.conversation_id = m.conversation_id AND mb.user_id = ?1
	LEFT JOIN read_marks rm ON rm.conversation_id = m.conversation_id AND rm.user_id = ?1
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
		WHERE mb.conversation_id = ? AND mb.user_id = ?`, conversation, cmd.Reader.ID).Scan(&mark, &members))
	if err != nil {
		return nil, fmt.Errorf("look up mark: %w", err)
	}
	if !member || last <= mark {
		return nil, nil
	}
	if err := t.setMark(conversation, cmd.Reader.ID, last, cmd.At); err != nil {
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
		return rows.Found(t.row(`SELECT 1 FROM members WHERE conversation_id = ? AND user_id = ?`, conversation, sender).Scan(&one))
	})
	for i := range told {
		t.emit(told[i])
	}
	return given, err
}

// setMark sets a mark, which the caller knows to lie after the present one. Devices take back what they were told of what is read by that.
func (t *tx) setMark(conversation string, user chat.UserID, seq int64, at time.Time) error {
	_, err := t.exec(`
		INSERT INTO read_marks (conversation_id, user_id, seq, read_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (conversation_id, user_id) DO UPDATE SET seq = excluded.seq, read_at = excluded.read_at`, conversation, user, seq, at.UnixMilli())
	if err != nil {
		return fmt.Errorf("set mark: %w", err)
	}
	return t.readUpTo(conversation, user, seq, at)
}
