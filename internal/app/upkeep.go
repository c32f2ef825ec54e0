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
	// retainEvery is how often what is kept no longer is removed.
	retainEvery = time.Hour
	// heedEvery is how often it is looked what the operator's commands have revoked.
	heedEvery = time.Second
)

// upkeep is what the server does by itself now and then.
type upkeep struct {
	chat     *chat.Service
	announce func([]chat.Head)
	heed     func(context.Context) (users int, err error)
	now      func() time.Time
	log      *slog.Logger

	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (u *upkeep) start() {
	ctx, cancel := context.WithCancel(context.Background())
	u.cancel = cancel
	u.done.Go(func() { u.every(ctx, announceEvery, u.announceHeads) })
	u.done.Go(func() { u.every(ctx, retainEvery, u.retain) })
	u.done.Go(func() { u.every(ctx, heedEvery, u.heedOperator) })
}

func (u *upkeep) stop() error {
	u.cancel()
	u.done.Wait()
	return nil
}

func (u *upkeep) every(ctx context.Context, interval time.Duration, do func(context.Context)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do(ctx)
		}
	}
}

// announceHeads tells what changed since a little before the last time, so that
// nothing falls between two rounds. A device that has all of it ignores it.
func (u *upkeep) announceHeads(ctx context.Context) {
	heads, err := u.chat.Changed(ctx, u.now().Add(-announceEvery*3/2))
	if err != nil {
		u.fault(ctx, "announce conversations", err)
		return
	}
	u.announce(heads)
}

func (u *upkeep) retain(ctx context.Context) {
	removed, err := u.chat.Retain(ctx, u.now())
	if err != nil {
		u.fault(ctx, "remove what is kept no longer", err)
		return
	}
	if removed > 0 {
		u.log.Info("removed what is kept no longer", "entries", removed)
	}
}

func (u *upkeep) heedOperator(ctx context.Context) {
	users, err := u.heed(ctx)
	if err != nil {
		u.fault(ctx, "look for what the operator has revoked", err)
		return
	}
	if users > 0 {
		u.log.Info("tokens were revoked by the operator", "users", users)
	}
}

func (u *upkeep) fault(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		u.log.Error("upkeep failed", "task", what, "err", err)
	}
}
