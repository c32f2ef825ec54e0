package sqlite

import (
	"context"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// OpenAroundCommit is Open with a function that runs in place of each of the
// writer's commits and may call the real one. Nothing is
// indexed, so that all commits are the test's.
func OpenAroundCommit(ctx context.Context, cfg Config, sink chat.Sink, around func(commit func() error) error) (*Store, error) {
	return open(ctx, cfg, sink, time.Hour, around)
}

// WriterPragma asks the writer's own connection for a setting.
func (s *Store) WriterPragma(ctx context.Context, name string) (value string, err error) {
	err = s.writer.do(ctx, func(tx *tx) error { return tx.row("PRAGMA " + name).Scan(&value) })
	return value, err
}

// ReaderExec runs a statement on a connection that reads.
func (s *Store) ReaderExec(ctx context.Context, statement string) error {
	_, err := s.readers.db.ExecContext(ctx, statement)
	return err
}

// Break runs statements as a command that has an event and then fails with cause.
func (s *Store) Break(ctx context.Context, cause error, statements ...string) error {
	return s.writer.do(ctx, func(tx *tx) error {
		tx.emit(chat.Event{Kind: "broken"})
		for _, statement := range statements {
			if _, err := tx.exec(statement); err != nil {
				return err
			}
		}
		return cause
	})
}
