package sqlite

import (
	"fmt"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// keepMentioned keeps of the mentions in m who is to be told of them, by their ids.
func (t *tx) keepMentioned(m *chat.Message) error {
	return rows.KeepMentioned(m, func(name chat.UserID) (chat.UserID, error) { return t.mentionable(m, name) })
}

// mentionable returns who in m's conversation has that id, else who has that login
// name; empty for nobody.
func (t *tx) mentionable(m *chat.Message, name chat.UserID) (chat.UserID, error) {
	if m.RoomID == "" {
		return t.isRecipient(m, name)
	}
	var user chat.UserID
	_, err := rows.Found(t.row(`
		SELECT user_id FROM members WHERE conversation_id = ?1 AND user_id = ?2
		UNION ALL
		SELECT l.user_id FROM local_accounts l
		CROSS JOIN members m ON m.conversation_id = ?1 AND m.user_id = l.user_id WHERE l.username_key = ?3
		LIMIT 1`, m.ConversationID, name, account.Fold(string(name))).Scan(&user))
	return user, err
}

// isRecipient is for direct messages, in which there is one to mention.
func (t *tx) isRecipient(m *chat.Message, name chat.UserID) (chat.UserID, error) {
	if name == m.RecipientID {
		return name, nil
	}
	var user chat.UserID
	_, err := rows.Found(t.row(`SELECT user_id FROM local_accounts WHERE username_key = ? AND user_id = ?`,
		account.Fold(string(name)), m.RecipientID).Scan(&user))
	return user, err
}

// addMentions makes m countable for who is mentioned in it.
func (t *tx) addMentions(m *chat.Message) error {
	if len(m.Mentions) == 0 {
		return nil
	}
	_, err := t.exec(`
		INSERT INTO mentions (user_id, conversation_id, seq) SELECT value, ?, ? FROM json_each(?)`,
		m.ConversationID, m.Seq, m.Mentions)
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
