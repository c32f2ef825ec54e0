package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// probeEvery is how often Ping writes at most: whoever can ask for it must not keep
// the database busy.
const probeEvery = time.Second

// probe is the last write that was no command.
type probe struct {
	mu   sync.Mutex
	at   time.Time
	last error
}

// Ping tells whether the store reads and writes. It waits in the queue like a command, and gives up when ctx ends there.
// It writes once a second at most: between, it tells what came of the last time.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := s.readers.row(ctx, `SELECT 1`).Scan(&one); err != nil {
		return fmt.Errorf("postgres: read: %w", err)
	}
	s.probe.mu.Lock()
	defer s.probe.mu.Unlock()
	now := time.Now()
	if now.Sub(s.probe.at) < probeEvery && s.probe.last == nil {
		return nil
	}
	err := s.writer.Do(ctx, func(tx *tx) error {
		_, err := tx.exec(`INSERT INTO probes (one, at) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET at = $1`, now.UnixMilli())
		return err
	})
	s.probe.at, s.probe.last = now, err
	if err != nil {
		return fmt.Errorf("postgres: write: %w", err)
	}
	return nil
}
