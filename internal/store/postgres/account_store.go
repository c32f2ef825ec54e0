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
type Accounts struct{ store *Store }

var _ account.Store = (*Accounts)(nil)

// Accounts returns the accounts of the database. sink receives the events of each command, see [account.Sink], unless
// [Config.Tell] does. It is to be called once, before the store is used.
func (s *Store) Accounts(sink account.Sink) *Accounts {
	s.toldOfAccounts = sink
	return &Accounts{s}
}

// accountTx is the writer's transaction as a command about accounts sees it.
type accountTx struct{ *tx }

// tell adds an event of the command, to be published after the commit.
func (t *accountTx) tell(e account.Event) { t.accounts = append(t.accounts, e) }

// do has run carried out by the writer, and returns when its events are published. A commit whose outcome became known
// later than its caller could wait has its events published then.
func (a *Accounts) do(ctx context.Context, run func(*accountTx) error) error {
	return a.store.writer.Do(ctx, func(tx *tx) error { return run(&accountTx{tx}) })
}

func (a *Accounts) readers() *readers { return a.store.readers }
