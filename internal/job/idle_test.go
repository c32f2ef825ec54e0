package job_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
)

// counted counts what is asked of a store.
type counted struct {
	job.Store
	looks, extended atomic.Int64
}

func (c *counted) Due(ctx context.Context, kinds []string, now time.Time) (job.Due, error) {
	c.looks.Add(1)
	return c.Store.Due(ctx, kinds, now)
}

func (c *counted) Extend(ctx context.Context, held []job.Held, last time.Duration) (job.Extended, error) {
	c.extended.Add(1)
	return c.Store.Extend(ctx, held, last)
}

// TestIdleLeases: who does nothing extends no lease, however short leases are, and who does something extends all of them at once.
func TestIdleLeases(t *testing.T) {
	const lease = 40 * time.Millisecond
	running, release := make(chan struct{}, 4), make(chan struct{})
	s := newServer(t, job.Kind{Name: "kind", Handle: func(ctx context.Context, j *job.Job) (job.Result, error) {
		if len(j.Payload) == 0 {
			return job.Result{}, nil
		}
		running <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done(): // on a machine that stands still
		}
		return job.Result{}, context.Cause(ctx)
	}})
	store := &counted{Store: s.queue.Store}
	s.queue.Store = store
	s.with(func(cfg *job.Config) { cfg.Lease = lease })
	looks := func(more int64) {
		t.Helper()
		before := store.looks.Load()
		for deadline := time.Now().Add(patience); store.looks.Load() < before+more; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("nobody looks for jobs")
			}
		}
	}
	looks(20) // each 5 ms at the earliest: some leases' time
	if n := store.extended.Load(); n != 0 {
		t.Errorf("leases were extended %d times while there were none", n)
	}
	work := []byte("long")
	s.enqueue(job.New{Kind: "kind", Payload: work}, job.New{Kind: "kind", Payload: work}, job.New{Kind: "kind", Payload: work})
	for range 3 {
		receive(t, running)
	}
	began, before := time.Now(), store.extended.Load()
	looks(20)
	if n, most := store.extended.Load()-before, int64(time.Since(began)/(lease/4))+2; n > most {
		t.Errorf("leases were extended %d times in %v, want %d at most", n, time.Since(began), most)
	}
	close(release)
}
