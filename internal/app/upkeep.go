package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

const (
	// announceEvery is how often the ends of changed conversations are announced.
	announceEvery = 30 * time.Second
	// heedEvery is how often it is looked what the operator's commands have revoked.
	heedEvery = time.Second
	// countEvery is how often jobs are counted, for the samples of the monitor.
	countEvery = 5 * time.Second
	// tellEvery is how often it is logged that a task still fails.
	tellEvery = time.Minute
)

// upkeep is what the server does by itself now and then for its own devices. What one of several servers does for all is a
// recurring job, see upkeepJobs.
type upkeep struct {
	chat     *chat.Service
	announce func([]chat.Head)
	heed     func(context.Context) (users int, err error)
	count    func(context.Context) error // jobs
	now      func() time.Time
	log      *slog.Logger

	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (u *upkeep) start() {
	ctx, cancel := context.WithCancel(context.Background())
	u.cancel = cancel
	u.done.Go(func() { u.every(ctx, announceEvery, "announce conversations", u.announceHeads) })
	u.done.Go(func() { u.every(ctx, countEvery, "count jobs", u.count) })
	u.done.Go(func() { u.every(ctx, heedEvery, "look for what the operator has revoked", u.heedOperator) })
}

func (u *upkeep) stop() error {
	u.cancel()
	u.done.Wait()
	return nil
}

// every does a task again and again. That it fails is logged at once, but not each time while it does, such as when the
// database is away; that it works again is logged too.
func (u *upkeep) every(ctx context.Context, interval time.Duration, task string, do func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var failed, told time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := do(ctx)
		now := u.now()
		switch {
		case err == nil && !failed.IsZero():
			u.log.Info("upkeep works again", "task", task, "failed for", now.Sub(failed).Round(time.Second).String())
			failed, told = time.Time{}, time.Time{}
		case err != nil && ctx.Err() == nil && now.Sub(told) >= tellEvery:
			u.log.Error("upkeep failed", "task", task, "err", err)
			told = now
		}
		if err != nil && failed.IsZero() {
			failed = now
		}
	}
}

// announceHeads tells what changed since a little before the last time, so that
// nothing falls between two rounds. A device that has all of it ignores it.
func (u *upkeep) announceHeads(ctx context.Context) error {
	heads, err := u.chat.Changed(ctx, u.now().Add(-announceEvery*3/2))
	if err == nil {
		u.announce(heads)
	}
	return err
}

func (u *upkeep) heedOperator(ctx context.Context) error {
	users, err := u.heed(ctx)
	if users > 0 {
		u.log.Info("tokens were revoked by the operator", "users", users)
	}
	return err
}
