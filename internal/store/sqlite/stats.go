package sqlite

import "github.com/sockeye-im/sockeye/internal/store/batch"

// Stats is what the store has done since Open, for metrics.
type Stats struct {
	// Stats are the writer's.
	batch.Stats
	// IndexFailures is how often words could not be indexed; it is tried again.
	IndexFailures uint64
}

// Stats may be called at any time.
func (s *Store) Stats() Stats {
	return Stats{Stats: s.writer.Stats(), IndexFailures: s.indexer.failures.Load()}
}
