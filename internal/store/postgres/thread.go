package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

const (
	newestReplies = `SELECT ` + messageColumns + ` FROM messages m
		WHERE m.conversation_id = $1 AND m.thread_id = $2 ORDER BY m.seq DESC LIMIT $3`
	repliesBefore = `SELECT ` + messageColumns + ` FROM messages m
		WHERE m.conversation_id = $1 AND m.thread_id = $2 AND m.seq < $3 ORDER BY m.seq DESC LIMIT $4`
	repliesAfter = `SELECT ` + messageColumns + ` FROM messages m
		WHERE m.conversation_id = $1 AND m.thread_id = $2 AND m.seq > $3 ORDER BY m.seq LIMIT $4`
)

// Thread implements [chat.Messages].
func (s *Store) Thread(ctx context.Context, user chat.UserID, q chat.ThreadQuery) (chat.Thread, error) {
	return rows.Result(ctx, s.readers.snapshot, func(each rows.Each) (chat.Thread, error) { return readThread(each, user, &q) })
}

func readThread(each rows.Each, user chat.UserID, q *chat.ThreadQuery) (chat.Thread, error) {
	named, err := oneVisible(each, user, q.MessageID)
	if err != nil {
		return chat.Thread{}, err
	}
	root := named.ThreadID
	if root == "" {
		root = named.ID
	}
	query, args := newestReplies, []any{named.ConversationID, root, q.Limit + 1}
	if cursor := q.Before + q.After; cursor != "" {
		at, err := cursorOf(each, named.ConversationID, root, q)
		if err != nil {
			return chat.Thread{}, err
		}
		query, args = repliesBefore, []any{named.ConversationID, root, at, q.Limit + 1}
		if q.After != "" {
			query = repliesAfter
		}
	}
	page, err := rows.MessagePage(each, fillMessages, q.Limit, q.After == "", query, args...)
	if err != nil {
		return chat.Thread{}, fmt.Errorf("read replies: %w", err)
	}
	first, err := oneVisible(each, user, root)
	if errors.Is(err, chat.ErrMessageNotFound) {
		return chat.Thread{Replies: page}, nil
	}
	return chat.Thread{Root: &first, Replies: page}, err
}

// oneVisible returns a message of a conversation that the user is in.
func oneVisible(each rows.Each, user chat.UserID, id string) (chat.Message, error) {
	found, err := rows.Messages(each, `SELECT `+messageColumns+` FROM messages m
		JOIN members mb ON mb.conversation_id = m.conversation_id AND mb.user_id = $1 WHERE m.id = $2`, user, id)
	if err != nil {
		return chat.Message{}, fmt.Errorf("look up message: %w", err)
	}
	if len(found) == 0 {
		return chat.Message{}, chat.ErrMessageNotFound
	}
	err = fillMessages(each, found)
	return found[0], err
}

// cursorOf returns the seq of the cursor, which belongs to the thread.
func cursorOf(each rows.Each, conversation, root string, q *chat.ThreadQuery) (int64, error) {
	seq, found := int64(0), false
	err := each(func(row rows.Row) error {
		found = true
		return row.Scan(&seq)
	}, `SELECT seq FROM messages WHERE id = $1 AND conversation_id = $2 AND (id = $3 OR thread_id = $3)`, q.Before+q.After, conversation, root)
	if err != nil || found {
		return seq, err
	}
	if q.After != "" {
		return 0, chat.ErrMessageNotFound.In("after")
	}
	return 0, chat.ErrMessageNotFound.In("before")
}
