package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// listed is a message that a reader has named.
type listed struct {
	id           string
	conversation string
	seq          int64
	sender       chat.UserID
	deleted      bool
	mark         int64 // the reader's, when the message was looked up
}

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
	unread := byConversation(messages)
	if len(unread) == 0 {
		return nil, nil
	}
	var receipts []chat.Receipt
	err = s.writer.Do(ctx, func(tx *tx) error {
		for _, group := range unread {
			given, err := tx.markRead(&cmd, group)
			if err != nil {
				return err
			}
			receipts = append(receipts, given...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return receipts, nil
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
func (s *Store) listed(ctx context.Context, cmd *chat.MarkRead) ([]listed, error) {
	var messages []listed
	err := s.readers.each(ctx, func(row scanner) error {
		var m listed
		err := row.Scan(&m.id, &m.conversation, &m.seq, &m.sender, &m.deleted, &m.mark)
		messages = append(messages, m)
		return err
	}, listedQuery, cmd.Reader.ID, cmd.MessageIDs)
	return messages, err
}

// byConversation groups the sorted messages, without the read ones.
func byConversation(messages []listed) [][]listed {
	var groups [][]listed
	for _, m := range messages {
		if m.seq <= m.mark {
			continue
		}
		last := len(groups) - 1
		if last < 0 || groups[last][0].conversation != m.conversation {
			groups = append(groups, []listed{m})
			continue
		}
		groups[last] = append(groups[last], m)
	}
	return groups
}

// markRead moves the mark in one conversation to the last of the messages, if it
// is not there yet and the reader is still a member.
func (t *tx) markRead(cmd *chat.MarkRead, messages []listed) ([]chat.Receipt, error) {
	conversation, last := messages[0].conversation, messages[len(messages)-1].seq
	var mark int64
	var members int
	member, err := exists(t.row(`
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
	if err := t.setMark(conversation, cmd.Reader.ID, last, cmd.At); err != nil {
		return nil, err
	}
	t.emit(chat.NewMarkEvent(chat.Mark{
		ConversationID: conversation, UserID: cmd.Reader.ID, Seq: last, ReadAt: cmd.At,
	}, cmd.Reader.Origin))
	if members > cmd.MaxReceiptMembers {
		return nil, nil
	}
	return t.giveReceipts(cmd, messages, mark)
}

// giveReceipts emits, for each sender who is still there, the receipts of the
// messages after mark.
func (t *tx) giveReceipts(cmd *chat.MarkRead, messages []listed, mark int64) ([]chat.Receipt, error) {
	var all []chat.Receipt
	var senders []chat.UserID
	bySender := make(map[chat.UserID][]chat.Receipt)
	present := make(map[chat.UserID]bool)
	for _, m := range messages {
		if m.seq <= mark || m.sender == cmd.Reader.ID || m.deleted {
			continue
		}
		if _, known := present[m.sender]; !known {
			var one int
			there, err := exists(t.row(`SELECT 1 FROM members WHERE conversation_id = $1 AND user_id = $2`,
				m.conversation, m.sender).Scan(&one))
			if err != nil {
				return nil, fmt.Errorf("look up sender: %w", err)
			}
			present[m.sender] = there
		}
		if !present[m.sender] {
			continue
		}
		r := chat.Receipt{
			MessageID: m.id, ConversationID: m.conversation, SenderID: m.sender, ReadBy: cmd.Reader.ID, ReaderName: cmd.Reader.Name,
			ReadAt: cmd.At,
		}
		if _, known := bySender[m.sender]; !known {
			senders = append(senders, m.sender)
		}
		bySender[m.sender] = append(bySender[m.sender], r)
		all = append(all, r)
	}
	for _, sender := range senders {
		t.emit(chat.NewReceiptEvent(bySender[sender], cmd.Reader.Origin))
	}
	return all, nil
}

// setMark sets a mark, which the caller knows to lie after the present one.
func (t *tx) setMark(conversation string, user chat.UserID, seq int64, at time.Time) error {
	_, err := t.exec(`
		INSERT INTO read_marks (conversation_id, user_id, seq, read_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (conversation_id, user_id) DO UPDATE SET seq = excluded.seq, read_at = excluded.read_at`, conversation, user, seq, at.UnixMilli())
	if err != nil {
		return fmt.Errorf("set mark: %w", err)
	}
	return nil
}
