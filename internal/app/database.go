package app

import (
	"context"
	"log/slog"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/broadcast"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/upload"
	"github.com/sockeye-im/sockeye/internal/usage"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

// Store is what the server needs of the database in which it keeps everything. Each driver has it, and databaseOf
// alone knows which one there is. All methods may be called concurrently.
type Store interface {
	chat.Store
	broadcast.Store
	push.Store
	// Accounts returns the accounts of the same database, with the sink of their events, unless these are told with those
	// of chats. It is called once, before the store is used.
	Accounts(account.Sink) account.Store
	// Jobs returns the jobs of the same database.
	Jobs() job.Store
	// Usage returns what the servers of the same database are used for.
	Usage() usage.Store
	// Files returns the files of the same database.
	Files() upload.Store
	// Webhooks returns the webhooks of the same database. It is called behind Accounts.
	Webhooks() webhook.Store
	// Follow has somebody say which jobs are to follow the events of each transaction: they are stored with it, see the
	// drivers. It is called once, before clients are let in.
	Follow(func(chats []chat.Event, accounts []account.Event) []job.Job)
	// Secret returns the secret by which the server signs tokens: the one that the settings give, else the database's
	// own, which is made where there is none.
	Secret(context.Context) (account.Secret, error)
	// Shared is the database as several servers have it; nil where it is one server's alone.
	Shared() Shared
	// Ping fails unless the database can be read and written to.
	Ping(context.Context) error
	Load() Load
	// Close carries out the commands that wait, returns when all that happened is published, and gives the database
	// back. It must be called once.
	Close() error
}

// Load is what a store has to do, and what it has done since it was opened.
type Load struct {
	Queued   int    // commands that wait
	Commands uint64 // that were in transactions which have ended
	Batches  uint64 // transactions
}

// database is where everything is kept.
type database interface {
	// open opens the database for a server of a version, and brings its schema up to date. What is committed is told.
	open(ctx context.Context, log *slog.Logger, version string, tell news) (Store, error)
	// openForOperator opens the database for the operator's commands, which may run beside a server, and tells whether one
	// runs. Where no server has ever run it makes nothing, and fails. What it has opened is closed by opened.
	openForOperator(ctx context.Context, opened *parts) (store Store, beside bool, err error)
	// knownSecret is Store.Secret for commands beside the server: it makes nothing, and fails where there is no secret.
	knownSecret(context.Context) (account.Secret, error)
}

// databaseOf chooses the driver.
func databaseOf(at config.Signing) database {
	if at.Database != "" {
		return postgresDatabase{at}
	}
	return dataFolder{at}
}
