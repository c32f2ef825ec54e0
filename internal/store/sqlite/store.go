// Package sqlite keeps chats in one SQLite file.
//
// There is one writer, see package batch: the more callers wait, the more commands
// share an fsync. Reads go to a pool of other connections, which see what is committed
// and never wait for the writer.
//
// Words of messages are indexed a moment after the messages are stored, by a
// goroutine that gives the writer small portions of work.
//
// The file belongs to one process at a time: a second one would not see the
// events of the first. What has no events can be done by [OpenBeside].
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // registers the database/sql driver "sqlite"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// FileName is the name of the database in its folder. Beside it SQLite keeps
// FileName-wal and FileName-shm, which belong to it.
const FileName = "sockeye.db"

//go:embed migrations/*.sql
var migrations embed.FS

// ErrClosed is the answer to commands that come after Close.
var ErrClosed = errors.New("sqlite: the store is closed")

// Config is where and how to keep the data.
type Config struct {
	// Dir is the folder of the database. It is created, for the owner only, if it
	// does not exist.
	Dir string
	// QueueSize is how many commands may wait for the writer; the callers of
	// further ones wait for a place.
	QueueSize int
	// MaxBatch is how many commands share a transaction at most.
	MaxBatch int
	// Readers is how many reads may run at a time; further ones wait.
	Readers int
	// BusyTimeout is how long to wait for a lock that another program holds on the
	// file.
	BusyTimeout time.Duration
	// Log is told what an older database was changed in; nil is nowhere.
	Log *slog.Logger

	beside bool // see OpenBeside
}

// DefaultConfig returns the defaults for a folder.
func DefaultConfig(dir string) Config {
	return Config{Dir: dir, QueueSize: 1024, MaxBatch: 256, Readers: 4, BusyTimeout: 5 * time.Second}
}

// Validate reports the first setting that cannot be used.
func (c Config) Validate() error {
	switch {
	case c.Dir == "":
		return errors.New("sqlite: the folder of the database is not set")
	case c.QueueSize < 1:
		return fmt.Errorf("sqlite: queue size must be at least 1, not %d", c.QueueSize)
	case c.MaxBatch < 1:
		return fmt.Errorf("sqlite: largest batch must be at least 1, not %d", c.MaxBatch)
	case c.Readers < 1:
		return fmt.Errorf("sqlite: number of readers must be at least 1, not %d", c.Readers)
	case c.BusyTimeout < 0:
		return fmt.Errorf("sqlite: busy timeout must not be negative, not %v", c.BusyTimeout)
	}
	return nil
}

// Store is a [chat.Store]. All methods may be called concurrently.
type Store struct {
	writer  *writer
	readers *readers
	indexer *indexer

	epoch string // see Epoch

	accounts []*Accounts // whose sinks Close waits for
	probe    probe
}

var _ chat.Store = (*Store)(nil)

// Open opens the database in cfg.Dir, brings its schema up to date and starts
// the writer. It refuses to start if the database cannot be made durable. sink
// receives the events of each commit, see [chat.Sink].
func Open(ctx context.Context, cfg Config, sink chat.Sink) (*Store, error) {
	return open(ctx, cfg, sink, indexDelay, func(commit func() error) error { return commit() })
}

// OpenBeside opens a database that another process may have open too. The other
// one learns what is changed only where it reads the database each time, and
// events are told to nobody: it is for what has none, such as API keys. The schema
// must be the one that this program knows, and is left as it is.
func OpenBeside(ctx context.Context, cfg Config) (*Store, error) {
	cfg.beside = true
	const never = 100 * 365 * 24 * time.Hour // the other process has an indexer
	return open(ctx, cfg, func([]chat.Event) {}, never, func(commit func() error) error { return commit() })
}

// open is Open with a way to stand between the writer and its COMMIT, and to choose
// how long the indexer waits.
func open(
	ctx context.Context, cfg Config, sink chat.Sink, indexDelay time.Duration, aroundCommit func(commit func() error) error,
) (_ *Store, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if sink == nil {
		return nil, errors.New("sqlite: a sink for events is required")
	}
	path, err := prepareFile(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	db, err := sql.Open("sqlite", dataSource(path, cfg, writing...))
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	db.SetMaxOpenConns(1)
	schema := func(ctx context.Context, db *sql.DB) error { return migrate(ctx, db, cfg.Log) }
	if cfg.beside {
		schema = requireSchema
	}
	if err := schema(ctx, db); err != nil {
		return nil, fmt.Errorf("sqlite: migrate %s: %w", path, err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("sqlite: connect the writer: %w", err)
	}
	if err := checkDurable(ctx, conn); err != nil {
		return nil, fmt.Errorf("sqlite: %s: %w", path, errors.Join(err, conn.Close()))
	}
	epoch, err := epochOf(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("sqlite: read the epoch: %w", errors.Join(err, conn.Close()))
	}
	if !cfg.beside {
		if err := freeAll(ctx, conn); err != nil {
			return nil, fmt.Errorf("sqlite: %w", errors.Join(err, conn.Close()))
		}
	}
	pool, err := sql.Open("sqlite", dataSource(path, cfg, "query_only(1)"))
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s for reading: %w", path, errors.Join(err, conn.Close()))
	}
	pool.SetMaxOpenConns(cfg.Readers)
	pool.SetMaxIdleConns(cfg.Readers)
	w := startWriter(db, conn, cfg, sink, aroundCommit)
	r := newReaders(pool, cfg.Readers)
	return &Store{writer: w, readers: r, epoch: epoch, indexer: startIndexer(w, r, indexDelay)}, nil
}

// Close refuses new commands, carries out those that wait, returns once all that
// happened is published, and closes the file. It must be called once.
func (s *Store) Close() error {
	// What is not indexed by then, the next Open finds.
	s.indexer.stop()
	// The writer goes last: the last connection to close folds the log into the
	// file, which a query_only one could not.
	s.writer.Drain()
	for _, a := range s.accounts {
		<-a.last
	}
	return errors.Join(s.readers.close(), s.writer.close())
}

// prepareFile creates what is missing of the folder and the file, for the owner
// only, before SQLite would do it with the umask's permissions. SQLite gives the
// files beside it the permissions of this one. To SQLite an empty file is a new
// database; here it is one whose content was lost.
func prepareFile(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path, err := filepath.Abs(filepath.Join(dir, FileName))
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err == nil && info.Size() == 0 {
		return "", fmt.Errorf("%s is empty: what was in it is lost, or it was never written. Put a copy in its place, or delete it to begin with nothing", path)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	return path, errors.Join(f.Chmod(0o600), f.Close())
}

func dataSource(path string, cfg Config, pragmas ...string) string {
	q := url.Values{}
	q.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", cfg.BusyTimeout.Milliseconds()))
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	// A path may hold what means something in a URI.
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: q.Encode()}).String()
}

// writing are the settings of the connection that writes.
var writing = []string{
	"journal_mode(WAL)",
	"synchronous(FULL)",
	"foreign_keys(1)",
	// What is deleted is overwritten, rather than left in a free part of the file.
	"secure_delete(1)",
	// What a savepoint needs is kept in memory: it would be a file.
	"temp_store(MEMORY)",
	// Up to 32 MiB of the file, and 16 MiB in the log before they are folded into the
	// file: conversations that are written to often are read and folded rarely.
	"cache_size(-32768)",
	"wal_autocheckpoint(4096)",
}

// checkDurable reads back what an acknowledgement rests upon: a setting that
// SQLite does not take (on some file systems there is no WAL) it drops silently.
func checkDurable(ctx context.Context, conn *sql.Conn) error {
	for _, want := range []struct{ pragma, value string }{
		{"journal_mode", "wal"},
		{"synchronous", "2"},
		{"foreign_keys", "1"},
	} {
		var got string
		if err := conn.QueryRowContext(ctx, "PRAGMA "+want.pragma).Scan(&got); err != nil {
			return fmt.Errorf("read back %s: %w", want.pragma, err)
		}
		if !strings.EqualFold(got, want.value) {
			return fmt.Errorf("%s is %s and cannot be set to %s", want.pragma, got, want.value)
		}
	}
	return nil
}
