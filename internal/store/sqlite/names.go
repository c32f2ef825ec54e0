package sqlite

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

const namesQuery = `
	SELECT u.id, u.name, coalesce(u.username, '')
	FROM json_each(?) j CROSS JOIN users u ON u.id = j.value`

// Names implements [chat.Directory].
func (s *Store) Names(ctx context.Context, ids []chat.UserID) (chat.Names, error) {
	return namesOf(s.readers.rows(ctx), ids)
}

// namesOf looks up how users are called; who is not known is left out.
func namesOf(each rows.Each, ids []chat.UserID) (chat.Names, error) {
	return rows.Names(each, namesQuery, ids)
}

// fillMessages adds to messages what is kept beside them: their reactions, their files, and how
// those are called whom they have by their ids.
func fillMessages(each rows.Each, messages []chat.Message) error {
	if err := fillReactions(each, messages); err != nil {
		return err
	}
	if err := rows.AddFiles(each, filesQuery, messages); err != nil {
		return err
	}
	return rows.NameMessages(each, namesQuery, messages)
}

// nameMessage adds how those are called whose mentions or pin have just changed.
func (t *tx) nameMessage(m *chat.Message) (err error) {
	m.Names, err = namesOf(t.each, m.Nameless())
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
