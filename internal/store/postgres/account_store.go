package postgres

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/account"
)

// Accounts is an [account.Store] in the same database and with the same writer as the chats. It lives as long as its Store.
// All methods may be called concurrently.
//
// Other processes may write to the same database: the operator's commands, and other nodes. What two of them change at once
// is settled by the rows that both lock, always users first and those by their ids, and by unique indexes.
type Accounts struct {
	store *Store
	sink  account.Sink

	// last is closed when the events of the last commit that had any have been published. It belongs to the writer's
	// goroutine, and to Close after.
	last chan struct{}
}

var _ account.Store = (*Accounts)(nil)

// Accounts returns the accounts of the database. sink receives the events of each command, see [account.Sink]. It is to be
// called once, before the store is used: the order of events is kept within one Accounts.
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

func (t *accountTx) tell(e account.Event) { t.told = append(t.told, e) }

// do has run carried out by the writer, and returns when its events are published. A commit whose outcome became known
// later than its caller could wait has its events published then.
func (a *Accounts) do(ctx context.Context, run func(*accountTx) error) error {
	var published chan struct{}
	err := a.store.writer.Do(ctx, func(tx *tx) error {
		t := &accountTx{tx: tx}
		if err := run(t); err != nil {
			return err
		}
		if len(t.told) > 0 {
			tx.after(func() { published = a.publish(t.told) })
		}
		return nil
	})
	if err == nil && published != nil {
		<-published
	}
	return err
}

// publish hands events to the sink behind those of the commits before, without the writer's waiting for it. What it returns
// is closed then.
func (a *Accounts) publish(events []account.Event) (published chan struct{}) {
	before, after := a.last, make(chan struct{})
	a.last = after
	go func() {
		<-before
		a.sink(events)
		close(after)
	}()
	return after
}

func (a *Accounts) readers() *readers { return a.store.readers }
