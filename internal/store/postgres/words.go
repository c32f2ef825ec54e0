package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// maxScopes is how many conversations are searched one by one, within the index. Above that the words alone are looked
// up, and what is of other conversations is sorted out afterwards.
const maxScopes = 500

// scopeOf is the word that stands for a conversation in the index.
func scopeOf(conversation string) string {
	digest := sha256.Sum256([]byte(conversation))
	return "c" + hex.EncodeToString(digest[:8])
}

// scoped are the words of a message of a conversation.
func scoped(words []string, conversation string) []string {
	return append(slices.Clip(words), scopeOf(conversation))
}

// wordsOf are what a text is found by, each once: its lexemes, and of the pairs of characters that scripts without spaces
// are cut into the first character too, by which whoever looks for one character finds them.
func wordsOf(text string) []string {
	words := strings.Fields(lexeme.Of(text))
	for _, word := range words {
		for at, r := range word {
			if at == 0 && !lexeme.IsUnspaced(r) {
				break
			}
			if at > 0 {
				words = append(words, word[:at])
				break
			}
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

const (
	foundColumns = `SELECT ` + messageColumns + `, m.ordinal FROM `
	// Of each of the conversations $2, whose words are $3, the newest messages with the words $5, sent before $6 and with a
	// seq below that in $4. The $7 newest are looked at one by one, where common words are found at once; the index is
	// asked for what is older, which it returns in no order.
	foundByScope = foundColumns + `unnest($2::text[], $3::text[], $4::bigint[]) s (conversation, word, until)
		JOIN members mb ON mb.conversation_id = s.conversation AND mb.user_id = $1
		JOIN conversations c ON c.id = s.conversation
		CROSS JOIN LATERAL (SELECT least(c.head_seq, s.until - 1) - $7::bigint AS seq) near
		CROSS JOIN LATERAL (
			(SELECT * FROM messages x
				WHERE x.conversation_id = s.conversation AND x.seq > near.seq AND x.seq < s.until
					AND (x.words @> $5::text[]) IS TRUE AND x.ordinal < $6
				ORDER BY x.seq DESC LIMIT $8)
			UNION ALL
			(SELECT * FROM messages x
				WHERE x.words @> ($5::text[] || s.word) AND (x.conversation_id = s.conversation) IS TRUE
					AND x.seq <= near.seq AND x.ordinal < $6
				ORDER BY x.seq DESC LIMIT $8)
			LIMIT $8) m
		ORDER BY m.ordinal DESC LIMIT $8`
	// The newest messages with the words $2, sent before $3.
	foundByWords = foundColumns + `messages m
		JOIN members mb ON mb.conversation_id = m.conversation_id AND mb.user_id = $1
		WHERE m.words @> $2::text[] AND m.ordinal < $3
		ORDER BY m.ordinal DESC LIMIT $4`
)

// near is how many messages of all conversations are looked at one by one.
const near = 4000

// SearchMessages implements [chat.Search].
func (s *Store) SearchMessages(ctx context.Context, q chat.MessageSearch) (chat.Page, error) {
	return rows.Result(ctx, s.readers.snapshot, func(each rows.Each) (chat.Page, error) { return searchMessages(each, &q) })
}

func searchMessages(each rows.Each, q *chat.MessageSearch) (chat.Page, error) {
	from, err := cursorOfSearch(each, q)
	if err != nil {
		return chat.Page{}, err
	}
	conversations, err := scopesOf(each, q)
	if err != nil {
		return chat.Page{}, err
	}
	page := chat.Page{Messages: []chat.Message{}}
	for full := len(conversations) > 0; full && len(page.Messages) <= q.Limit; {
		found, last, err := candidates(each, q, conversations, from)
		if err != nil {
			return chat.Page{}, fmt.Errorf("look up words: %w", err)
		}
		full, from = len(found) > q.Limit, last
		for i := range found {
			if hasPhrases(found[i].Content, q.Terms) {
				page.Messages = append(page.Messages, found[i])
			}
		}
	}
	if page.More = len(page.Messages) > q.Limit; page.More {
		page.Messages = page.Messages[:q.Limit]
	}
	return page, fillMessages(each, page.Messages)
}

// searchCursor is the message behind which a search goes on.
type searchCursor struct {
	ordinal      int64
	conversation string
	seq          int64
}

// candidates returns messages that have all words of the terms, one more than the limit if there are as many, and the last
// of them.
func candidates(each rows.Each, q *chat.MessageSearch, conversations []string, from searchCursor) (found []chat.Message, last searchCursor, err error) {
	var words []string
	for _, term := range q.Terms {
		words = append(words, term.Lexemes...)
	}
	// Planned anew each time: how common the words are decides.
	query, args := foundByWords, []any{pgx.QueryExecModeCacheDescribe, q.User, words, from.ordinal, q.Limit + 1}
	if n := len(conversations); n <= maxScopes {
		scopes, until := make([]string, n), make([]int64, n)
		for i, conversation := range conversations {
			scopes[i], until[i] = scopeOf(conversation), math.MaxInt64
			if conversation == from.conversation {
				until[i] = from.seq
			}
		}
		query = foundByScope
		args = []any{pgx.QueryExecModeCacheDescribe, q.User, conversations, scopes, until, words, from.ordinal, near / n, q.Limit + 1}
	}
	err = each(func(row rows.Row) error {
		m, err := rows.Message(row, &last.ordinal)
		found = append(found, m)
		last.conversation, last.seq = m.ConversationID, m.Seq
		return err
	}, query, args...)
	return found, last, err
}

// hasPhrases tells whether the lexemes of each term stand one after the other in a text that has all of them.
func hasPhrases(text string, terms []lexeme.Term) bool {
	var all string
	for _, term := range terms {
		if len(term.Lexemes) == 1 {
			continue
		}
		if all == "" {
			all = " " + lexeme.Of(text) + " "
		}
		if !strings.Contains(all, " "+strings.Join(term.Lexemes, " ")+" ") {
			return false
		}
	}
	return true
}

// cursorOfSearch finds the message to begin behind, if it is one that the user may see.
func cursorOfSearch(each rows.Each, q *chat.MessageSearch) (searchCursor, error) {
	if q.Before == "" {
		return searchCursor{ordinal: math.MaxInt64}, nil
	}
	found := false
	var from searchCursor
	err := each(func(row rows.Row) error {
		found = true
		return row.Scan(&from.ordinal, &from.conversation, &from.seq)
	}, `SELECT m.ordinal, m.conversation_id, m.seq FROM messages m
		JOIN members mb ON mb.conversation_id = m.conversation_id AND mb.user_id = $1 WHERE m.id = $2`, q.User, q.Before)
	if err == nil && !found {
		err = chat.ErrMessageNotFound
	}
	return from, err
}

// scopesOf returns the conversations to look at, one more than are searched one by one if there are too many.
func scopesOf(each rows.Each, q *chat.MessageSearch) ([]string, error) {
	return rows.Collect(each, nil, rows.One[string],
		`SELECT conversation_id FROM members WHERE user_id = $1 AND ($2 = '' OR conversation_id = $2) LIMIT $3`,
		q.User, q.ConversationID, maxScopes+1)
}
