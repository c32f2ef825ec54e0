package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// maxScopes is how many conversations a search is narrowed to within the index.
// Above that the words alone are looked up and the rest is sorted out afterwards.
const maxScopes = 500

// scopeOf is the word that stands for a conversation in the index.
func scopeOf(conversation string) string {
	digest := sha256.Sum256([]byte(conversation))
	return "c" + hex.EncodeToString(digest[:8])
}

// addWords puts a message into the index, in which it is not.
func (t *tx) addWords(m *text) error {
	if _, err := t.exec(`INSERT INTO message_words (rowid, scope, body) VALUES (?, ?, ?)`,
		m.ordinal, scopeOf(m.conversation), m.words); err != nil {
		return fmt.Errorf("index message: %w", err)
	}
	return nil
}

// removeWords takes a message out of the index, in which it need not be yet.
func (t *tx) removeWords(message string) error {
	if _, err := t.exec(`
		DELETE FROM message_words WHERE rowid = (
			SELECT m.ordinal FROM messages m JOIN word_progress p ON m.ordinal <= p.indexed WHERE m.id = ?)`, message); err != nil {
		return fmt.Errorf("remove from index: %w", err)
	}
	return nil
}

// replaceWords indexes m anew, if the indexer has passed it: it would not come back.
func (t *tx) replaceWords(m *chat.Message) error {
	var ordinal int64
	passed, err := rows.Found(t.row(`SELECT m.ordinal FROM messages m JOIN word_progress p ON m.ordinal <= p.indexed WHERE m.id = ?`,
		m.ID).Scan(&ordinal))
	if err != nil || !passed {
		return err
	}
	if err := t.removeWords(m.ID); err != nil {
		return err
	}
	return t.addWords(&text{ordinal: ordinal, conversation: m.ConversationID, words: lexeme.Of(m.Content)})
}

// foundQuery walks the index from the newest message on. That the user is in the
// conversation is asked of the members, whatever the index was asked.
const foundQuery = `SELECT ` + messageColumns + `
	FROM message_words w
	CROSS JOIN messages m ON m.ordinal = w.rowid
	CROSS JOIN members mb ON mb.conversation_id = m.conversation_id AND mb.user_id = ?1
	WHERE w.message_words MATCH ?2 AND w.rowid < ?3 AND m.deleted_at IS NULL
		AND (?4 = '' OR m.conversation_id = ?4)
	ORDER BY w.rowid DESC LIMIT ?5`

// SearchMessages implements [chat.Search].
func (s *Store) SearchMessages(ctx context.Context, q chat.MessageSearch) (chat.Page, error) {
	return rows.Result(ctx, s.readers.snapshot, func(each rows.Each) (chat.Page, error) { return searchMessages(each, &q) })
}

func searchMessages(each rows.Each, q *chat.MessageSearch) (chat.Page, error) {
	before, err := ordinalBefore(each, q)
	if err != nil {
		return chat.Page{}, err
	}
	scopes, err := scopesOf(each, q)
	if err != nil {
		return chat.Page{}, err
	}
	if len(scopes) == 0 {
		return chat.Page{Messages: []chat.Message{}}, nil
	}
	page, err := rows.MessagePage(each, fillMessages, q.Limit, false, foundQuery, q.User, match(q.Terms, scopes), before, q.ConversationID, q.Limit+1)
	if err != nil {
		return chat.Page{}, fmt.Errorf("look up words: %w", err)
	}
	return page, nil
}

// ordinalBefore finds the cursor, if it is one that the user may see.
func ordinalBefore(each rows.Each, q *chat.MessageSearch) (int64, error) {
	if q.Before == "" {
		return math.MaxInt64, nil
	}
	before, found := int64(0), false
	err := each(func(row rows.Row) error {
		found = true
		return row.Scan(&before)
	}, `SELECT m.ordinal FROM messages m
		JOIN members mb ON mb.conversation_id = m.conversation_id AND mb.user_id = ? WHERE m.id = ?`, q.User, q.Before)
	if err == nil && !found {
		err = chat.ErrMessageNotFound
	}
	return before, err
}

// scopesOf returns the words of the conversations to look at, one more than fit if
// there are too many.
func scopesOf(each rows.Each, q *chat.MessageSearch) ([]string, error) {
	return rows.Collect(each, nil, func(row rows.Row) (string, error) {
		id, err := rows.One[string](row)
		return scopeOf(id), err
	}, `SELECT conversation_id FROM members WHERE user_id = ?1 AND (?2 = '' OR conversation_id = ?2) LIMIT ?3`,
		q.User, q.ConversationID, maxScopes+1)
}

// match writes the question to the index. Lexemes are letters, digits and marks,
// and are quoted: none is an operator.
func match(terms []lexeme.Term, scopes []string) string {
	var out strings.Builder
	if len(scopes) <= maxScopes {
		out.WriteString(`scope : ("` + strings.Join(scopes, `" OR "`) + `") AND `)
	}
	out.WriteString("body : (")
	for i, term := range terms {
		if i > 0 {
			out.WriteString(" AND ")
		}
		out.WriteString(`"` + strings.Join(term.Lexemes, " ") + `"`)
		if term.Prefix {
			out.WriteString(" *")
		}
	}
	out.WriteString(")")
	return out.String()
}
