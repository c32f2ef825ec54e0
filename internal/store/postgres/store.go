// Package postgres keeps chats in a PostgreSQL database, 13 or newer.
//
// There is one writer, as in package sqlite: a goroutine with a connection of its own that carries out the commands
// waiting in a bounded queue in groups, see package batch. Each transaction is numbered in the table commits, without
// holes, by which the writer finds out what became of a COMMIT whose answer did not come. Reads go to a pool of other
// connections.
//
// The database may go away and come back. Commands and reads are refused meanwhile, see [Unavailable].
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/batch"
)

// ErrClosed is the answer to commands that come after Close.
var ErrClosed = errors.New("postgres: the store is closed")

// Config is where the database is and how to use it.
type Config struct {
	// URL is postgres://USER:PASSWORD@HOST:PORT/DATABASE with libpq's options, or what libpq takes in its place. With
	// default_query_exec_mode=cache_describe or =exec no statement is prepared; behind a pooler that is found out.
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
	// Log is told what an older database was changed in, and which settings are unwise; nil is nowhere.
	Log *slog.Logger

	tracer pgx.QueryTracer // sees all statements

	beside    bool // see OpenBeside
	importing bool // see OpenImport
}

// DefaultConfig returns the defaults for a database.
func DefaultConfig(url string) Config {
	return Config{
		URL: url, QueueSize: 1024, MaxBatch: 256, Readers: 8,
		ConnectTimeout: 5 * time.Second, StatementTimeout: 10 * time.Second, SettleFor: 5 * time.Second,
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
	writer  *batch.Writer[*tx]
	readers *readers
	cfg     Config
	// settings are those of connections, with how statements are sent.
	settings *pgxpool.Config

	epoch    string // see Epoch
	writerID int64  // this process in the table writers

	accounts []*Accounts // whose sinks Close waits for
	probe    probe
}

var _ chat.Store = (*Store)(nil)

// OpenBeside opens a database that a server may have open too. The server learns what is changed only where it reads the
// database each time, and events are told to nobody: it is for the operator's commands. The schema must be the one that
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
	if sink == nil {
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
	s := &Store{cfg: cfg, settings: settings}
	if err := conn.QueryRow(ctx, `SELECT epoch FROM server`).Scan(&s.epoch); err != nil {
		return nil, fmt.Errorf("postgres: read the epoch: %w", err)
	}
	t, err := newTx(ctx, conn, settings, cfg, sink)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s.writerID = t.writer
	s.readers, err = newReaders(settings, cfg)
	if err != nil {
		return nil, fmt.Errorf("postgres: connect for reading: %w", err)
	}
	s.writer = batch.Start(t, batch.Config{
		Name: "postgres", QueueSize: cfg.QueueSize, MaxBatch: cfg.MaxBatch, SettleFor: cfg.SettleFor, Closed: ErrClosed,
	})
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

// Close refuses new commands, carries out those that wait, returns once all that happened is published, and closes the
// connections. It must be called once.
func (s *Store) Close() error {
	t := s.writer.Drain()
	for _, a := range s.accounts {
		<-a.last
	}
	s.readers.close()
	return t.close()
}

// Epoch implements [chat.CatchUp]. A database has the same one for as long as it is open.
func (s *Store) Epoch(context.Context) (string, error) { return s.epoch, nil }

// Stats may be called at any time.
func (s *Store) Stats() batch.Stats { return s.writer.Stats() }
