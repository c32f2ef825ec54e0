package sqlite

import (
	"encoding/json"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// keepMentioned drops from m the mentions of who is not in its conversation, and of
// the sender.
func (t *tx) keepMentioned(m *chat.Message) error {
	if len(m.Mentions) == 0 {
		return nil
	}
	named := m.Mentions
	m.Mentions = nil
	if m.RoomID == "" {
		for _, user := range named {
			if user == m.RecipientID {
				m.Mentions = []chat.UserID{user}
			}
		}
		return nil
	}
	for _, user := range named {
		var one int
		member, err := exists(t.row(`SELECT 1 FROM members WHERE conversation_id = ? AND user_id = ?`,
			m.ConversationID, user).Scan(&one))
		if err != nil {
			return fmt.Errorf("look up mentioned user: %w", err)
		}
		if member && user != m.SenderID {
			m.Mentions = append(m.Mentions, user)
		}
	}
	return nil
}

// addMentions makes m countable for who is mentioned in it.
func (t *tx) addMentions(m *chat.Message) error {
	if len(m.Mentions) == 0 {
		return nil
	}
	users, err := json.Marshal(m.Mentions)
	if err != nil {
		return fmt.Errorf("encode mentions: %w", err)
	}
	_, err = t.exec(`
		INSERT INTO mentions (user_id, conversation_id, seq) SELECT value, ?, ? FROM json_each(?)`,
		m.ConversationID, m.Seq, string(users))
	if err != nil {
		return fmt.Errorf("insert mentions: %w", err)
	}
	return nil
}

func (t *tx) removeMentions(m *chat.Message) error {
	if len(m.Mentions) == 0 {
		return nil
	}
	if _, err := t.exec(`DELETE FROM mentions WHERE conversation_id = ? AND seq = ?`, m.ConversationID, m.Seq); err != nil {
		return fmt.Errorf("remove mentions: %w", err)
	}
	return nil
}
