package postgres

import (
	"context"
	"fmt"
	"time"
)

const (
	// provenFor is how long what was read or written is a proof that it can be: whoever asks must not keep the database busy.
	provenFor = time.Second
	// busyAfter is how long the writer is waited for while it gets on with other commands.
	busyAfter = 500 * time.Millisecond
	// stuckAfter is after how long without a command carried out it does not get on any more. Whoever waits for the locks of
	// a server that has stopped does so for less.
	stuckAfter = idleFor + haltedFor
)

// Ping tells whether the store reads and writes. What it has read and written within the last second is a proof, and asks
// nothing of the database. Else it writes, ahead of the commands that wait, and what no other server writes to: neither how
// much there is to do here nor what others do decides. A writer that is at work does not have to end what it does
// for it, as long as it gets on.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.pingReaders(ctx); err != nil {
		return fmt.Errorf("postgres: read: %w", err)
	}
	if time.Since(s.writer.Wrote()) < provenFor {
		return nil
	}
	if err := s.pingWriter(ctx); err != nil {
		return fmt.Errorf("postgres: write: %w", err)
	}
	return nil
}

func (s *Store) pingReaders(ctx context.Context) error {
	if time.Since(s.readers.lastAnswer()) < provenFor {
		return nil
	}
	var one int
	return s.readers.row(ctx, `SELECT 1`).Scan(&one)
}

// pingWriter commits a transaction that changes the row of the writer alone.
func (s *Store) pingWriter(ctx context.Context) error {
	soon, cancel := context.WithTimeout(ctx, busyAfter)
	defer cancel()
	nothing := func(*tx) error { return nil }
	err := s.writer.DoFirst(soon, nothing)
	switch {
	case err == nil || soon.Err() == nil || ctx.Err() != nil:
		return err
	case time.Since(s.writer.Signed()) < s.cfg.stuckAfter:
		return nil
	}
	return s.writer.DoFirst(ctx, nothing)
}
