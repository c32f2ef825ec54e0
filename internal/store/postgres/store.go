// Package postgres keeps chats in a PostgreSQL database, 13 or newer.
//
// There is one writer, as in package sqlite: a goroutine with a connection of its own that carries out the commands
// waiting in a bounded queue in groups, see package batch. Its transactions are numbered without holes, by which it finds
// out what became of a COMMIT whose answer did not come. Reads go to a pool of other connections.
//
// Many processes may have one database open, each with a writer of its own. The table commits says what each has committed,
// for those who did not hear of it: a Store is a [feed.Log].
//
// The database may go away and come back. Commands and reads are refused meanwhile, see [Unavailable].
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/store/batch"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// ErrClosed is the answer to commands that come after Close.
var ErrClosed = errors.New("postgres: the store is closed")

// Config is where the database is and how to use it.
type Config struct {
	// URL is postgres://USER:PASSWORD@HOST:PORT/DATABASE with libpq's options, or what libpq takes in its place. With
	// default_query_exec_mode=cache_describe no statement is prepared; behind a pooler that is found out. exec does not work: lists are sent.
	URL string
	// QueueSize is how many commands may wait for the writer; the callers of further ones wait for a place.
	QueueSize int
	// MaxBatch is how many commands share a transaction at most.
	MaxBatch int
	// Readers is how many reads may run at a time; further ones wait. Connections are as many and one more.
	Readers int
	// ConnectTimeout is how long making a connection may take.
	ConnectTimeout time.Duration
	// StatementTimeout is how long a statement may take, the wait for a lock included.
	StatementTimeout time.Duration
	// SettleFor is how long commands wait at most for what became of a COMMIT whose answer did not come. A database that
	// restarts is back by then. Longer, they have an [Unavailable] that is a [batch.ErrUnknown] too.
	SettleFor time.Duration
	// Tell is told the facts of each commit that has some, chats and accounts at once, with the commit's number: in the order
	// of commits, before the callers are released, by one goroutine at a time and with no transaction open. It holds up all
	// commands and must not ask the store. What it is told may be kept, and must not be changed. With it the sinks for
	// events are told nothing and may be nil.
	Tell func(feed.Facts)
	// InStep tells by when this process has heard of all that was committed by then. nil: it hears of nothing. It is for
	// those who wait until all servers know of something, see AwaitNodes.
	InStep func() time.Time
	// Log is told what an older database was changed in, and which settings are unwise; nil is nowhere.
	Log *slog.Logger

	tracer     pgx.QueryTracer // sees all statements
	stuckAfter time.Duration   // see pingWriter

	beside    bool // see OpenBeside
	importing bool // see OpenImport
}

// DefaultConfig returns the defaults for a database.
func DefaultConfig(url string) Config {
	return Config{
		URL: url, QueueSize: 1024, MaxBatch: 256, Readers: 8,
		ConnectTimeout: 5 * time.Second, StatementTimeout: 10 * time.Second, SettleFor: 5 * time.Second, stuckAfter: stuckAfter,
	}
}

// Connections is how many connections a store has at most.
func (c Config) Connections() int { return c.Readers + 1 }

// Validate reports the first setting that cannot be used.
func (c Config) Validate() error {
	switch {
	case c.URL == "":
		return errors.New("postgres: the address of the database is not set")
	case c.QueueSize < 1:
		return fmt.Errorf("postgres: queue size must be at least 1, not %d", c.QueueSize)
	case c.MaxBatch < 1:
		return fmt.Errorf("postgres: largest batch must be at least 1, not %d", c.MaxBatch)
	case c.Readers < 1:
		return fmt.Errorf("postgres: number of readers must be at least 1, not %d", c.Readers)
	case c.ConnectTimeout < time.Millisecond:
		return fmt.Errorf("postgres: time to connect must be at least 1ms, not %v", c.ConnectTimeout)
	case c.StatementTimeout < time.Millisecond:
		return fmt.Errorf("postgres: time of a statement must be at least 1ms, not %v", c.StatementTimeout)
	}
	return nil
}

// Store is a [chat.Store]. All methods may be called concurrently.
type Store struct {
	writer  *writer
	readers *readers
	cfg     Config
	// settings are those of connections, with how statements are sent.
	settings *pgxpool.Config

	id       string // of this process, among all
	epoch    string // see Epoch
	writerID atomic.Int64
	woken    atomic.Pointer[func(kinds []string)] // see Jobs.OnEnqueued
	follow   atomic.Pointer[rows.Follow]          // see Follow

	attendance *attendance // nil before Attend

	toldOfChats    chat.Sink
	toldOfAccounts account.Sink
}

var _ chat.Store = (*Store)(nil)

// WriterID is by which writer this process commits now; 0 before its first commit.
func (s *Store) WriterID() int64 { return s.writerID.Load() }

// OpenBeside opens a database for the operator's commands, beside the servers or without one. Those who read the log of
// commits learn what is changed. The schema must be the one that
// this program knows, and is left as it is: where no server has run yet the error is an [ErrNoServer].
func OpenBeside(ctx context.Context, cfg Config) (*Store, error) {
	cfg.beside = true
	return Open(ctx, cfg, func([]chat.Event) {})
}

// Open connects, brings the schema of the database up to date and starts the writer. It refuses to start if the database
// cannot be made durable. sink receives the events of each commit, see [chat.Sink].
func Open(ctx context.Context, cfg Config, sink chat.Sink) (_ *Store, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if sink == nil && cfg.Tell == nil {
		return nil, errors.New("postgres: a sink for events is required")
	}
	settings, err := connectionSettings(cfg)
	if err != nil {
		return nil, err
	}
	conn, err := prepare(ctx, cfg, settings)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeConn(conn))
		}
	}()
	s := &Store{cfg: cfg, settings: settings, id: rand.Text(), toldOfChats: sink, toldOfAccounts: func([]account.Event) {}}
	if err := conn.QueryRow(ctx, `SELECT epoch FROM server`).Scan(&s.epoch); err != nil {
		return nil, fmt.Errorf("postgres: read the epoch: %w", err)
	}
	t := &tx{settings: settings, cfg: cfg, tell: s.tell, conn: conn, epoch: s.epoch, id: &s.writerID, woken: &s.woken, follow: &s.follow}
	if err := t.register(); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s.readers, err = newReaders(settings, cfg)
	if err != nil {
		return nil, fmt.Errorf("postgres: connect for reading: %w", err)
	}
	s.writer = &writer{batch.Start(t, batch.Config{
		Name: "postgres", QueueSize: cfg.QueueSize, MaxBatch: cfg.MaxBatch, SettleFor: cfg.SettleFor, Closed: ErrClosed,
	})}
	return s, nil
}

// prepare returns the writer's connection to a database that can be used: with the settings, the schema.
func prepare(ctx context.Context, cfg Config, settings *pgxpool.Config) (_ *pgx.Conn, err error) {
	if err := findPooler(ctx, cfg, settings); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	conn, err := pgx.ConnectConfig(ctx, settings.ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("postgres: connect: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeConn(conn))
		}
	}()
	if err := checkSettings(ctx, conn, cfg.Log); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if cfg.beside {
		err = requireSchema(ctx, conn)
	} else {
		err = migrate(ctx, conn, cfg.Log)
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: migrate: %w", err)
	}
	if !cfg.importing {
		err = refuseUnfinished(ctx, conn)
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return conn, nil
}

// tell hands on the facts of a commit.
func (s *Store) tell(f feed.Facts) {
	if s.cfg.Tell != nil {
		s.cfg.Tell(f)
		return
	}
	if len(f.Chat) > 0 {
		s.toldOfChats(f.Chat)
	}
	if len(f.Accounts) > 0 {
		s.toldOfAccounts(f.Accounts)
	}
}

// Close refuses new commands, carries out those that wait, returns once all that happened is published, leaves the nodes and
// closes the connections. It must be called once.
func (s *Store) Close() error {
	t := s.writer.Drain()
	if s.attendance != nil {
		s.attendance.leave()
	}
	s.readers.close()
	return t.close()
}

// Epoch implements [chat.CatchUp]. A database has the same one for as long as it is open.
func (s *Store) Epoch(context.Context) (string, error) { return s.epoch, nil }

// Stats may be called at any time.
func (s *Store) Stats() batch.Stats { return s.writer.Stats() }
