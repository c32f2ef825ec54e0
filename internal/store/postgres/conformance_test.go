package postgres_test

import (
	"testing"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/accounttest"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/storetest"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

func TestConformance(t *testing.T) {
	asked := collectStatements(t)
	newDriver := func(t *testing.T) suite.Driver { return driver{pgtest.Database(t), asked} }
	t.Run("Chats", func(t *testing.T) { storetest.Run(t, newDriver) })
	t.Run("Accounts", func(t *testing.T) { accounttest.Run(t, newDriver) })
}

// TestChatsThroughPgbouncer: each transaction may be on another connection of the database's.
func TestChatsThroughPgbouncer(t *testing.T) {
	through := pgtest.Bouncer(t)
	t.Run("Suite", func(t *testing.T) { // it ends before pgbouncer does
		storetest.Run(t, func(t *testing.T) suite.Driver { return driver{address: through(pgtest.Database(t))} })
	})
}

// driver opens the database of an address, and collects what is asked of it, if anybody does.
type driver struct {
	address string
	asked   *statements
}

func (d driver) Open(t testing.TB, chats chat.Sink, accounts account.Sink) (chat.Store, account.Store) {
	cfg := postgres.DefaultConfig(d.address)
	if d.asked != nil {
		cfg = cfg.Traced(d.asked)
	}
	s := openWith(t, cfg, chats)
	return s, s.Accounts(accounts)
}
