package usage

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/deps"
)

const (
	// lag is how long messages are left alone: until then their transactions have ended, on whatever node.
	lag = time.Minute
	// slice is how much is read at a time, or what is left of a day behind one in which nothing was said. None goes over the
	// end of a day.
	slice = time.Hour
	// together is how many users and rooms are noted at a time, so that nobody waits long for the store's writer.
	together = 500
	// remembered is for how long it is kept who was active: until the month is over.
	remembered = 62 * 24 * time.Hour
	forgotten  = 1000 // at a time
	// glance is how seldom it is counted for those who look, and patience how long one of them waits for that.
	glance   = 20 * time.Second
	patience = 2 * time.Second
)

// Deps are what a Counter is made of.
type Deps struct {
	Store Store
	Now   func() time.Time
	// Online lists the users who are connected, on all nodes.
	Online func() []string
}

// Counter counts. Its methods may be called concurrently; what several do at once counts once.
type Counter struct {
	deps   Deps
	pushes tally

	looking sync.Mutex // is held while it is counted for those who look
	looked  time.Time  // when it was last
}

// New returns a counter.
func New(d Deps) (*Counter, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	return &Counter{deps: d}, nil
}

// Count takes in what was said since the last time, until a minute ago, and who is connected. It returns how many messages
// that were. What was counted before it fails stays counted.
func (c *Counter) Count(ctx context.Context) (messages int, err error) {
	if err := c.StorePushes(ctx); err != nil {
		return 0, err
	}
	if messages, err = c.countMessages(ctx); err != nil {
		return messages, err
	}
	// Behind what was said on the day before: who is noted of a day is not noted of an earlier one.
	if err := c.note(ctx, PeriodOf(c.deps.Now()), c.deps.Online(), nil); err != nil {
		return messages, fmt.Errorf("note who is connected: %w", err)
	}
	return messages, nil
}

// CatchUp counts for somebody who looks, so that who has just begun sees more than zeros: at most every 20 s, however many look,
// and for 2 s at most. Who comes meanwhile waits for it. What it does not get to is for who looks next, or for [Counter.Count].
func (c *Counter) CatchUp(ctx context.Context) error {
	c.looking.Lock()
	defer c.looking.Unlock()
	if now := c.deps.Now(); !c.looked.IsZero() && now.Sub(c.looked).Abs() < glance {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := c.Count(limited)
	if ctx.Err() != nil {
		return err // who has gone has looked at nothing
	}
	c.looked = c.deps.Now()
	if limited.Err() != nil {
		return nil
	}
	return err
}

func (c *Counter) countMessages(ctx context.Context) (messages int, err error) {
	since, err := c.deps.Store.Through(ctx)
	if err != nil || since.IsZero() {
		return 0, err
	}
	until := c.deps.Now().UTC().Truncate(time.Millisecond).Add(-lag)
	add, step := Add{Since: since, Through: since}, slice
	for add.Through.Before(until) {
		from := add.Through
		to := from.Truncate(step).Add(step)
		if to.After(until) {
			to = until
		}
		said, err := c.deps.Store.Said(ctx, from, to)
		if err != nil {
			return messages, fmt.Errorf("read what was said: %w", err)
		}
		add.Through, add.Mark = to, said.Mark
		add.Period, add.Messages = PeriodOf(from), said.Messages
		if said.Messages == 0 && to.Before(until) {
			step = 24 * time.Hour
			continue // there is no need to store that there was nothing
		}
		if err := c.note(ctx, add.Period, said.Senders, said.Rooms); err != nil {
			return messages, fmt.Errorf("note who has said something: %w", err)
		}
		ok, err := c.deps.Store.Add(ctx, add)
		if err != nil || !ok {
			return messages, err
		}
		messages += said.Messages
		if Day.Start(add.Since) != Day.Start(to) {
			if err := c.prune(ctx, to); err != nil {
				return messages, fmt.Errorf("remove old counts: %w", err)
			}
		}
		add, step = Add{Since: to, Through: to}, slice
	}
	return messages, nil
}

// note counts who and where, some at a time. All of it may be done again, and counts once.
func (c *Counter) note(ctx context.Context, p Period, users, rooms []string) error {
	for some := range slices.Chunk(users, together) {
		if err := c.deps.Store.Note(ctx, p, some, nil); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(rooms, together) {
		if err := c.deps.Store.Note(ctx, p, nil, some); err != nil {
			return err
		}
	}
	return nil
}

// prune removes what is not shown any more.
func (c *Counter) prune(ctx context.Context, now time.Time) error {
	for _, u := range Units {
		if err := c.deps.Store.Prune(ctx, u, u.Add(u.Start(now), -most[u])); err != nil {
			return err
		}
	}
	for {
		n, err := c.deps.Store.Forget(ctx, Day.Start(now.Add(-remembered)), forgotten)
		if err != nil || n < forgotten {
			return err
		}
	}
}

// History is what was counted in the last units, that of now included, in order.
type History struct {
	By      Unit
	Counts  []Count
	Through time.Time // until when messages are counted; zero: none was
}

// History returns what was counted in the last units, limit of them; 0 is as many as are usual.
func (c *Counter) History(ctx context.Context, u Unit, limit int) (History, error) {
	n, err := check(u, limit)
	if err != nil {
		return History{}, err
	}
	h := History{By: u, Counts: make([]Count, n)}
	if h.Through, err = c.deps.Store.Through(ctx); err != nil {
		return History{}, err
	}
	now := u.Start(c.deps.Now())
	there, err := c.deps.Store.Counts(ctx, u, u.Add(now, 1-n))
	if err != nil {
		return History{}, err
	}
	for i := range h.Counts {
		start := u.Add(now, 1-n+i)
		h.Counts[i].Start = start
		if at, found := slices.BinarySearchFunc(there, start, func(c Count, start time.Time) int { return c.Start.Compare(start) }); found {
			h.Counts[i] = there[at]
		}
	}
	return h, nil
}
