package sqlite

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/account"
)

// Accounts is an [account.Store] in the same file and with the same writer as the
// chats. It lives as long as its Store. All methods may be called concurrently.
type Accounts struct {
	store *Store
	sink  account.Sink

	// last is closed when the events of the last command that was carried out have
	// been published. It belongs to the writer's goroutine, and to Close after.
	last chan struct{}
}

var _ account.Store = (*Accounts)(nil)

// Accounts returns the accounts of the database. sink receives the events of each
// command, see [account.Sink]. It is to be called once, before the store is used:
// the order of events is kept within one Accounts.
func (s *Store) Accounts(sink account.Sink) *Accounts {
	begun := make(chan struct{})
	close(begun)
	a := &Accounts{store: s, sink: sink, last: begun}
	s.accounts = append(s.accounts, a)
	return a
}

// accountTx is the writer's transaction as a command about accounts sees it.
type accountTx struct {
	*tx
	told []account.Event
}

func (t *accountTx) tell(e account.Event) {
	t.told = append(t.told, e)
	t.accounts = append(t.accounts, e)
}

// do has run carried out by the writer and then publishes its events. The writer
// hands each command the end of the one before it, so that the events of all
// come out in the order of commits, without the writer's waiting for a sink.
func (a *Accounts) do(ctx context.Context, run func(*accountTx) error) error {
	var events []account.Event
	var before, after chan struct{}
	err := a.store.writer.Do(ctx, func(tx *tx) error {
		before, after = a.last, make(chan struct{})
		a.last = after
		t := &accountTx{tx: tx}
		err := run(t)
		events = t.told
		return err
	})
	if after == nil {
		return err // it was never begun
	}
	defer close(after)
	<-before
	if err == nil && len(events) > 0 {
		a.sink(events)
	}
	return err
}

func (a *Accounts) readers() *readers { return a.store.readers }
