package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/sockeye-im/sockeye/internal/chat"
)

const namesQuery = `SELECT u.id, u.name, coalesce(u.username, '') FROM users u WHERE u.id = ANY ($1::text[])`

// Names implements [chat.Directory].
func (s *Store) Names(ctx context.Context, ids []chat.UserID) (chat.Names, error) {
	return namesOf(s.readers.rows(ctx), ids)
}

// namesOf looks up how users are called; who is not known is left out.
func namesOf(each eachRow, ids []chat.UserID) (names chat.Names, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	err = each(func(row scanner) error {
		var id chat.UserID
		var named chat.Named
		err := row.Scan(&id, &named.Name, &named.Login)
		if names == nil {
			names = make(chat.Names, len(ids))
		}
		names[id] = named
		return err
	}, namesQuery, ids)
	if err != nil {
		return nil, fmt.Errorf("look up names: %w", err)
	}
	return names, nil
}

// fillMessages adds to messages what is kept beside them: their reactions, and how
// those are called whom they have by their ids.
func fillMessages(each eachRow, messages []chat.Message) error {
	if err := fillReactions(each, messages); err != nil {
		return err
	}
	var all []chat.UserID
	for i := range messages {
		all = append(all, messages[i].Nameless()...)
	}
	names, err := namesOf(each, all)
	for i := range messages {
		messages[i].Names = names.Of(messages[i].Nameless())
	}
	return err
}

// nameMessage does so for one whose mentions or pin have just changed.
func (t *tx) nameMessage(m *chat.Message) (err error) {
	m.Names, err = namesOf(t.each, m.Nameless())
	return err
}

// nameEvents adds to events how those are called whom they have by their ids.
func nameEvents(each eachRow, events []chat.Event) error {
	var all []chat.UserID
	for i := range events {
		all = append(all, events[i].Nameless()...)
	}
	names, err := namesOf(each, all)
	for i := range events {
		events[i].Names = names.Of(events[i].Nameless())
	}
	return err
}

// emitNamed is emit for an event that has users by their ids alone.
func (t *tx) emitNamed(e chat.Event) (err error) {
	if e.Names, err = namesOf(t.each, e.Nameless()); err != nil {
		return err
	}
	t.emit(e)
	return nil
}
