package batch

import (
	"sync"
	"time"
)

// Stats is what a writer has done since Start, for metrics.
type Stats struct {
	// Queued commands wait now, of at most QueueSize.
	Queued    int
	QueueSize int
	// Batches have been ended, Commands were in them, LargestBatch in one.
	Batches      uint64
	Commands     uint64
	LargestBatch int
	// FailedBatches are those of which nothing was stored, as far as their callers know.
	FailedBatches uint64
	// Busy is the time spent in transactions, commits included.
	Busy time.Duration
}

// Stats may be called at any time.
func (w *Writer[T]) Stats() Stats {
	stats := w.counters.snapshot()
	stats.Queued = len(w.queue) + len(w.ahead)
	stats.QueueSize = cap(w.queue)
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

func (c *counters) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}
