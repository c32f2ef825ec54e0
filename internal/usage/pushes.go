package usage

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// storeEvery is how often a node adds what it has counted of pushes to what is stored: what is lost of the counts where it is killed.
const storeEvery = 10 * time.Second

// tally is what came of telling devices that is not stored yet, by the days on which it did: a few numbers, however many pushes.
type tally struct {
	mu    sync.Mutex
	byDay map[time.Time]Pushes
}

func (t *tally) add(day time.Time, n Pushes) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byDay == nil {
		t.byDay = make(map[time.Time]Pushes)
	}
	sum := t.byDay[day]
	t.byDay[day] = Pushes{sum.Sent + n.Sent, sum.Failed + n.Failed}
}

func (t *tally) take() map[time.Time]Pushes {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.byDay
	t.byDay = nil
	return taken
}

// Pushed counts a push, sent or given up, in memory: [Counter.StorePushes] stores it. It does not block.
func (c *Counter) Pushed(sent bool) {
	n := Pushes{Failed: 1}
	if sent {
		n = Pushes{Sent: 1}
	}
	c.pushes.add(Day.Start(c.deps.Now()), n)
}

// StorePushes adds what this node has counted of pushes to what is stored. What cannot be stored is added the next time: twice, if it
// was stored and the database could not say so.
func (c *Counter) StorePushes(ctx context.Context) error {
	taken := c.pushes.take()
	for day, n := range taken {
		if err := c.deps.Store.AddPushes(ctx, PeriodOf(day), n); err != nil {
			for day, n := range taken {
				c.pushes.add(day, n)
			}
			return fmt.Errorf("count pushes: %w", err)
		}
		delete(taken, day)
	}
	return nil
}

// Keep stores what is counted of pushes every 10 s, until the function that it returns is called, which stores the rest.
func (c *Counter) Keep(log *slog.Logger) (stop func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(storeEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := c.StorePushes(ctx); err != nil && ctx.Err() == nil {
				log.Warn("pushes are counted later", "err", err)
			}
		}
	})
	return func(last context.Context) error {
		cancel()
		done.Wait()
		return c.StorePushes(last)
	}
}
