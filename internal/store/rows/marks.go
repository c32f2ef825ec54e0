package rows

import (
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// Listed is a message that a reader has named.
type Listed struct {
	ConversationID string
	Seq            int64

	id      string
	sender  chat.UserID
	deleted bool
	mark    int64 // the reader's, when the message was looked up
}

// ReadListed reads such a message.
func ReadListed(row Row) (m Listed, err error) {
	err = row.Scan(&m.id, &m.ConversationID, &m.Seq, &m.sender, &m.deleted, &m.mark)
	return m, err
}

// Unread groups messages, which are sorted by conversation and seq, by conversation, without the read ones.
func Unread(messages []Listed) [][]Listed {
	var groups [][]Listed
	for _, m := range messages {
		if m.Seq <= m.mark {
			continue
		}
		last := len(groups) - 1
		if last < 0 || groups[last][0].ConversationID != m.ConversationID {
			groups = append(groups, []Listed{m})
			continue
		}
		groups[last] = append(groups[last], m)
	}
	return groups
}

// Receipts are those of the messages of one conversation that lie behind mark, for each sender who is still there, which
// present looks up. They are returned in the order of messages, and as events, one for each sender.
func Receipts(
	cmd *chat.MarkRead, messages []Listed, mark int64, present func(sender chat.UserID) (bool, error),
) (all []chat.Receipt, events []chat.Event, err error) {
	var senders []chat.UserID
	bySender := make(map[chat.UserID][]chat.Receipt)
	known := make(map[chat.UserID]bool)
	for _, m := range messages {
		if m.Seq <= mark || m.sender == cmd.Reader.ID || m.deleted {
			continue
		}
		there, asked := known[m.sender]
		if !asked {
			if there, err = present(m.sender); err != nil {
				return nil, nil, fmt.Errorf("look up sender: %w", err)
			}
			known[m.sender] = there
		}
		if !there {
			continue
		}
		r := chat.Receipt{
			MessageID: m.id, ConversationID: m.ConversationID, SenderID: m.sender, ReadBy: cmd.Reader.ID, ReaderName: cmd.Reader.Name,
			ReadAt: cmd.At,
		}
		if len(bySender[m.sender]) == 0 {
			senders = append(senders, m.sender)
		}
		bySender[m.sender] = append(bySender[m.sender], r)
		all = append(all, r)
	}
	for _, sender := range senders {
		events = append(events, chat.NewReceiptEvent(bySender[sender], cmd.Reader.Origin))
	}
	return all, events, nil
}
