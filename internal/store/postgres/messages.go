package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/sockeye-im/sockeye/internal/chat"
)

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
	if a.permit.used || t.appends.has(&a.m) {
		sent, _, err := scanSent(t.row(sentQuery, a.m.SenderID, a.m.ClientMsgID))
		if err != nil {
			return fmt.Errorf("look up client id: %w", err)
		}
		a.m = sent.Message
		return a.cmd.Repeats(&sent)
	}
	if err := a.permitted(); err != nil {
		return err
	}
	t.reading = true
	defer func() { t.reading = false }()
	if err := t.keepMentioned(&a.m); err != nil {
		return err
	}
	if err := t.nameMessage(&a.m); err != nil {
		return err
	}
	t.appends.add(a)
	return nil
}

// emitAppended gives the event a copy of the message: the caller may do with it as it likes.
func (t *tx) emitAppended(a *appending) {
	stored := a.m
	stored.Attachments = slices.Clone(a.m.Attachments)
	stored.Mentions = slices.Clone(a.m.Mentions)
	t.emit(chat.NewMessageEvent(&stored, a.cmd.Origin))
}
