package sqlite_test

import (
	"testing"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/accounttest"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

var _ chat.Blocks = (*sqlite.Accounts)(nil)

func TestAccountConformance(t *testing.T) {
	asked := collectStatements(t)
	accounttest.Run(t, func(t *testing.T) accounttest.Driver { return accountDriver{driver{t.TempDir(), asked}} })
}

// accountDriver opens the accounts of a folder's database.
type accountDriver struct{ chats driver }

func (d accountDriver) Open(t testing.TB, sink account.Sink) account.Store {
	return d.chats.Open(t, discard).(*sqlite.Store).Accounts(sink)
}
