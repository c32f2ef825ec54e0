package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"modernc.org/sqlite"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// OpenAroundCommit is Open with a function that runs in place of each of the
// writer's commits and may call the real one. Nothing is
// indexed, so that all commits are the test's.
func OpenAroundCommit(ctx context.Context, cfg Config, sink chat.Sink, around func(commit func() error) error) (*Store, error) {
	return open(ctx, cfg, sink, time.Hour, around)
}

// WriterPragma asks the writer's own connection for a setting.
func (s *Store) WriterPragma(ctx context.Context, name string) (value string, err error) {
	err = s.writer.Do(ctx, func(tx *tx) error { return tx.row("PRAGMA " + name).Scan(&value) })
	return value, err
}

// ReaderExec runs a statement on a connection that reads.
func (s *Store) ReaderExec(ctx context.Context, statement string) error {
	return s.readers.with(ctx, func(c *connection) error {
		_, err := c.exec(ctx, statement)
		return err
	})
}

// Break runs statements as a command that has an event and then fails with cause.
func (s *Store) Break(ctx context.Context, cause error, statements ...string) error {
	return s.writer.Do(ctx, func(tx *tx) error {
		tx.emit(chat.Event{Kind: "broken"})
		for _, statement := range statements {
			if _, err := tx.exec(statement); err != nil {
				return err
			}
		}
		return cause
	})
}

// Panic is Break, but for a command that panics in the middle of reading rows.
func (s *Store) Panic(ctx context.Context, cause string, statements ...string) error {
	return s.writer.Do(ctx, func(tx *tx) error {
		tx.emit(chat.Event{Kind: "broken"})
		for _, statement := range statements {
			if _, err := tx.exec(statement); err != nil {
				return err
			}
		}
		return tx.each(func(rows.Row) error { panic(cause) }, "SELECT 1 UNION SELECT 2")
	})
}

// PagesRead is how many pages of the file the connections that read have looked at, in
// their caches or outside. Only with one of them it means something.
func (s *Store) PagesRead(ctx context.Context) (pages int, err error) {
	err = s.readers.with(ctx, func(c *connection) error {
		return c.conn.Raw(func(driver any) error {
			status := driver.(sqlite.DBStatus)
			for _, op := range []sqlite.DBStatusOp{sqlite.DBStatusCacheHit, sqlite.DBStatusCacheMiss} {
				n, _, err := status.Status(op, false)
				if err != nil {
					return err
				}
				pages += n
			}
			return nil
		})
	})
	return pages, err
}

// ScopeOf is the word in the index that stands for a conversation.
func ScopeOf(conversation string) string { return scopeOf(conversation) }

// Index puts what is stored into the index of words. Only of a store that is open around
// commits: others have one who does.
func (s *Store) Index(ctx context.Context) error { return s.indexer.catchUp(ctx) }

// Statements are all that a closed store has asked.
func (s *Store) Statements() []string {
	all := slices.Collect(maps.Keys(s.writer.tx.prepared))
	for _, c := range s.readers.idle {
		all = slices.AppendSeq(all, maps.Keys(c.prepared))
	}
	return all
}

// MigrateWith brings the database of a folder up to date with other steps than the program's own.
func MigrateWith(ctx context.Context, dir string, steps fs.FS) error {
	db, err := sql.Open("sqlite", dataSource(filepath.Join(dir, FileName), DefaultConfig(dir), writing...))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	return errors.Join(migrateFrom(ctx, db, nil, steps), db.Close())
}

// BehindQuery is how rows are read in order, see [Copy.After].
var BehindQuery = behindQuery

// Cause enqueues jobs in a command, and then fails with an error if there is one.
func (s *Jobs) Cause(ctx context.Context, jobs []job.Job, fail error) error {
	return s.store.writer.Do(ctx, func(tx *tx) error {
		if err := tx.enqueue(jobs); err != nil {
			return err
		}
		return fail
	})
}

// Store is the one that the jobs are of.
func (s *Jobs) Store() *Store { return s.store }
