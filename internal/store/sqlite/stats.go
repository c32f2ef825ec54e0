package sqlite

import (
	"sync"
	"time"
)

// Stats is what the writer has done since Open, for metrics.
type Stats struct {
	// Queued commands wait now, of at most QueueSize.
	Queued    int
	QueueSize int
	// Batches have been ended, Commands were in them, LargestBatch in one.
	Batches      uint64
	Commands     uint64
	LargestBatch int
	// FailedBatches are those of which nothing was stored.
	FailedBatches uint64
	// IndexFailures is how often words could not be indexed; it is tried again.
	IndexFailures uint64
	// Busy is the time spent in transactions, fsync included.
	Busy time.Duration
}

// Stats may be called at any time.
func (s *Store) Stats() Stats {
	stats := s.writer.counters.snapshot()
	stats.Queued = len(s.writer.queue)
	stats.QueueSize = cap(s.writer.queue)
	return stats
}

type counters struct {
	mu    sync.Mutex
	stats Stats
}

func (c *counters) add(commands int, took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Batches++
	c.stats.Commands += uint64(commands)
	c.stats.LargestBatch = max(c.stats.LargestBatch, commands)
	c.stats.Busy += took
	if err != nil {
		c.stats.FailedBatches++
	}
}

func (c *counters) indexFailed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.IndexFailures++
}

func (c *counters) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}
