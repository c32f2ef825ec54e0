package postgres

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

const messageColumns = `m.id, m.conversation_id, m.seq, coalesce(m.room_id, ''), coalesce(m.recipient_id, ''),
	m.sender_id, m.sender_name, m.content, m.type, coalesce(m.client_msg_id, ''), coalesce(m.reply_to, ''),
	coalesce(m.attachments, ''), m.created_at, coalesce(m.edited_at, 0), coalesce(m.deleted_at, 0),
	coalesce(m.thread_id, ''), coalesce(m.mentions, ''), coalesce(m.pinned_at, 0), coalesce(m.pinned_by, '')`

const sentQuery = `SELECT ` + messageColumns + `, m.fingerprint,
	EXISTS (SELECT 1 FROM rooms r WHERE r.id = m.room_id AND r.conversation_id <> m.conversation_id)
	FROM sends s JOIN messages m ON m.conversation_id = s.conversation_id AND m.seq = s.seq
	WHERE s.sender_id = $1 AND s.client_msg_id = $2`

// appending is a message on its way into the store.
type appending struct {
	cmd   *chat.Append
	words []string
	m     chat.Message // with what the store adds to it

	// permit is what was found about it, nil if nobody has looked.
	permit *permit
}

// newAppending refuses text that the database cannot hold: it would be refused with all messages that it is inserted with.
func newAppending(cmd *chat.Append) (*appending, error) {
	m := &cmd.Message
	for _, text := range append([]string{
		m.ID, m.ConversationID, string(m.RecipientID), string(m.SenderID), m.SenderName, m.Content, string(m.Type), m.ClientMsgID,
	}, m.Attachments...) {
		if !storable(text) {
			return nil, unstorable
		}
	}
	return &appending{cmd: cmd, m: *m, words: wordsOf(m.Content)}, nil
}

// reset makes it as it was before it was carried out.
func (a *appending) reset() { a.m, a.permit = a.cmd.Message, nil }

// AppendMessage implements [chat.Messages].
func (s *Store) AppendMessage(ctx context.Context, cmd chat.Append) (chat.Message, error) {
	a, err := newAppending(&cmd)
	if err != nil {
		return chat.Message{}, err
	}
	if err := s.writer.DoAhead(ctx, a, func(tx *tx) error { return tx.appendMessage(a) }); err != nil {
		return chat.Message{}, err
	}
	return a.m, nil
}

// StartAppend implements [chat.Messages].
func (s *Store) StartAppend(ctx context.Context, cmd chat.Append, done func(chat.Message, error)) {
	a, err := newAppending(&cmd)
	if err != nil {
		done(chat.Message{}, err)
		return
	}
	s.writer.BeginAhead(ctx, a, func(tx *tx) error { return tx.appendMessage(a) }, func(err error) {
		if err != nil {
			done(chat.Message{}, err)
			return
		}
		done(a.m, nil)
	})
}

// appendMessage checks a message, which is inserted later, with its neighbours.
func (t *tx) appendMessage(a *appending) error {
	if err := t.lookUp(a); err != nil {
		return fmt.Errorf("look up who may write: %w", err)
	}
	if repeats := t.appends.has(&a.m); a.permit.used || repeats {
		t.reading = !repeats // what was stored before this transaction can be read before it goes on
		defer func() { t.reading = false }()
		sent, _, err := rows.Sent(t.row(sentQuery, a.m.SenderID, a.m.ClientMsgID))
		if err != nil {
			return fmt.Errorf("look up client id: %w", err)
		}
		a.m = sent.Message
		if err := a.cmd.Repeats(&sent); err != nil {
			return err
		}
		one := []chat.Message{a.m}
		err = rows.AddFiles(t.each, filesQuery, one)
		a.m = one[0]
		return err
	}
	if err := a.permitted(); err != nil {
		return err
	}
	t.reading = true
	defer func() { t.reading = false }()
	if err := t.findAttached(a.cmd, &a.m); err != nil {
		return err
	}
	if err := t.keepMentioned(&a.m); err != nil {
		return err
	}
	if err := t.nameMessage(&a.m); err != nil {
		return err
	}
	t.appends.add(a)
	return nil
}
