package sqlite

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// probeEvery is how often Ping writes at most: whoever can ask for it must not keep
// the disk busy.
const probeEvery = time.Second

// probe is the last write that was no command.
type probe struct {
	mu   sync.Mutex
	at   time.Time
	good bool
}

// Ping tells whether the store reads and writes, which it does not on a full disk. It
// goes ahead of the commands that wait, and gives up when ctx ends before its turn. It writes
// once a second at most: between, it tells whether the writer takes commands.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := s.readers.row(ctx, `SELECT 1`).Scan(&one); err != nil {
		return fmt.Errorf("sqlite: read: %w", err)
	}
	s.probe.mu.Lock()
	defer s.probe.mu.Unlock()
	now := time.Now()
	if s.probe.good && now.Sub(s.probe.at) < probeEvery {
		if err := s.writer.DoFirst(ctx, func(*tx) error { return nil }); err != nil {
			return fmt.Errorf("sqlite: write: %w", err)
		}
		return nil
	}
	err := s.writer.DoFirst(ctx, func(tx *tx) error {
		_, err := tx.exec(`
			INSERT INTO probes (one, at) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET at = ?1`, now.UnixMilli())
		return err
	})
	s.probe.at, s.probe.good = now, err == nil
	if err != nil {
		return fmt.Errorf("sqlite: write: %w", err)
	}
	return nil
}
