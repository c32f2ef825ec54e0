package relay

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
)

const (
	// readingTimeout bounds one question to the log.
	readingTimeout = 5 * time.Second
	// tellEvery is how often it is logged that the log cannot be read.
	tellEvery = time.Minute
)

// readNow has the log read at once.
func (r *Relay) readNow() { signal(r.wake) }

// readSoon has the log read when what is under way should have come.
func (r *Relay) readSoon() {
	if r.early.CompareAndSwap(false, true) {
		time.AfterFunc(r.cfg.Hold, func() {
			r.early.Store(false)
			if r.counts.held.Load() > 0 {
				r.readNow()
			}
		})
	}
}

// read is the goroutine that reads the log: again and again, and when something is missing.
func (r *Relay) read(ctx context.Context) {
	ticker := time.NewTicker(r.cfg.Poll)
	defer ticker.Stop()
	var failed, told time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-r.wake:
		}
		err := r.catchUp(ctx)
		switch now := time.Now(); {
		case ctx.Err() != nil:
			return
		case err == nil && !failed.IsZero():
			r.deps.Log.Info("the log of commits can be read again", "failed for", now.Sub(failed).Round(time.Millisecond).String())
			failed, told = time.Time{}, time.Time{}
		case err != nil:
			if failed.IsZero() {
				failed = now
			}
			if now.Sub(told) >= tellEvery {
				r.deps.Log.Error("the log of commits cannot be read", "err", err)
				told = now
			}
			sleep(ctx, r.cfg.Hold) // whatever wakes meanwhile
			r.readNow()
		}
	}
}

// catchUp is one reading: it takes in what was committed before it began.
func (r *Relay) catchUp(ctx context.Context) error {
	began := time.Now()
	r.mu.Lock()
	reading, at := r.readings.Add(1), r.writers.positions()
	r.mu.Unlock()
	r.counts.readings.Add(1)
	for {
		read, err := r.after(ctx, at)
		if err != nil {
			return err
		}
		if !read.More {
			r.settle(reading, read.Commits)
		}
		if err := r.takeCommits(ctx, read.Commits); err != nil {
			return err
		}
		if err := r.lose(ctx, read.Lost); err != nil {
			return err
		}
		r.reach(at, read.Reached)
		if !read.More {
			r.settle(reading, nil)
			r.inStep.Store(began.UnixNano())
			return nil
		}
		at = read.Reached
	}
}

func (r *Relay) after(ctx context.Context, at map[int64]int64) (feed.Reading, error) {
	ctx, cancel := context.WithTimeout(ctx, readingTimeout)
	defer cancel()
	read, err := r.deps.Commits.After(ctx, at)
	if err != nil {
		err = fmt.Errorf("read commits: %w", err)
	}
	return read, err
}

// lose has read anew what writers have changed of whom commits were missed.
func (r *Relay) lose(ctx context.Context, writers []int64) error {
	if len(writers) == 0 {
		return nil
	}
	since := r.InStep()
	r.counts.lost.Add(uint64(len(writers)))
	r.deps.Log.Warn("missed commits that are kept no longer: what they may have changed is read anew", "since", since, "writers", len(writers))
	if err := r.deps.Lost(ctx, since); err != nil {
		return fmt.Errorf("after commits were missed: %w", err)
	}
	return nil
}

// settle tells what was held for a reading. Of conversations that commits are about something may
// stand before it still.
func (r *Relay) settle(reading uint64, untaken []feed.Committed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(untaken) == 0 {
		r.tellHeld(r.order.shown(reading, func(string) bool { return false }))
		r.goOn(reading)
		return
	}
	if r.order.count == 0 {
		return
	}
	about := conversations(untaken)
	r.tellHeld(r.order.shown(reading, func(id string) bool { return about[id] }))
}

// conversations are those in whose logs the commits are.
func conversations(commits []feed.Committed) map[string]bool {
	about := make(map[string]bool)
	for i := range commits {
		c := &commits[i]
		for j := range c.Facts.Chat {
			if e := &c.Facts.Chat[j]; e.Seq > 0 {
				about[e.ConversationID] = true
			}
		}
		for _, place := range c.Places {
			about[place.ConversationID] = true
		}
	}
	return about
}

// reach notes how far a reading has gone, between commits that have no facts too.
func (r *Relay) reach(asked, reached map[int64]int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, n := range reached {
		r.takeFrames(r.writers.reach(id, n))
	}
	r.writers.forget(asked, reached)
	r.noteLogs()
}

// takeCommits takes in what the log has shown: at once what nobody else will bring, the rest if it
// has not come in time.
func (r *Relay) takeCommits(ctx context.Context, commits []feed.Committed) error {
	var missing, expected []feed.Committed
	r.mu.Lock()
	for i := range commits {
		c := commits[i]
		switch {
		case c.N <= r.writers.of(c.Writer).n:
		case len(commits) < manyCommits && r.writers.expected(c.Commit):
			expected = append(expected, c)
		default:
			missing = append(missing, c)
		}
	}
	r.mu.Unlock()
	if err := r.takeMissing(ctx, missing); err != nil {
		return err
	}
	return r.takeMissing(ctx, r.await(ctx, expected))
}

// manyCommits is so many that this node is behind, whatever comes.
const manyCommits = 500

// await waits for commits that should come, and returns those that have not.
func (r *Relay) await(ctx context.Context, expected []feed.Committed) []feed.Committed {
	if len(expected) == 0 {
		return nil
	}
	r.awaits.Store(true)
	defer r.awaits.Store(false)
	late := time.NewTimer(r.cfg.Hold)
	defer late.Stop()
	for {
		expected = r.untaken(expected)
		if len(expected) == 0 {
			return nil
		}
		select {
		case <-r.moved:
		case <-late.C:
			return r.giveUp(expected)
		case <-ctx.Done():
			return nil
		}
	}
}

// giveUp is untaken for commits that should have come.
func (r *Relay) giveUp(expected []feed.Committed) []feed.Committed {
	left := r.untaken(expected)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range left {
		r.writers.gaveUp(left[i].Commit)
	}
	return left
}

// untaken are those of the commits that were not taken in yet.
func (r *Relay) untaken(commits []feed.Committed) []feed.Committed {
	r.mu.Lock()
	defer r.mu.Unlock()
	var left []feed.Committed
	for i := range commits {
		if commits[i].N > r.writers.of(commits[i].Writer).n {
			left = append(left, commits[i])
		}
	}
	return left
}

// readAtOnce is about how many events are read at a time. It is little, so that a node that is far behind comes on however
// slow the database is: what was taken in is not read again when the next question takes too long.
const readAtOnce = 256

// takeMissing reads what commits point to, and takes them in, some at a time.
func (r *Relay) takeMissing(ctx context.Context, commits []feed.Committed) error {
	for len(commits) > 0 {
		n := readable(commits)
		if err := r.takeSome(ctx, commits[:n]); err != nil {
			return err
		}
		commits = commits[n:]
	}
	return nil
}

// readable is how many of the commits are to be read at once, one at least.
func readable(commits []feed.Committed) (n int) {
	events := int64(0)
	for n < len(commits) && (n == 0 || events < readAtOnce) {
		for _, place := range commits[n].Places {
			events += place.Last - place.First + 1
		}
		n++
	}
	return n
}

func (r *Relay) takeSome(ctx context.Context, commits []feed.Committed) error {
	contents, err := r.contents(ctx, commits)
	if err != nil {
		return err
	}
	r.counts.read.Add(uint64(len(commits)))
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range commits {
		c := &commits[i]
		fresh, behind := r.writers.commit(c.Commit)
		if fresh {
			facts := c.Facts
			facts.Commit, facts.Chat = c.Commit, contents.fill(c)
			r.takeIn(&facts)
		}
		r.takeFrames(behind)
	}
	return nil
}

// contents are events that commits point to, by conversation and seq.
type contents map[spot]chat.Event

type spot struct {
	conversation string
	seq          int64
}

func (r *Relay) contents(ctx context.Context, commits []feed.Committed) (contents, error) {
	places := r.untold(commits)
	if len(places) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readingTimeout)
	defer cancel()
	events, err := r.deps.Commits.Read(ctx, places)
	if err != nil {
		return nil, fmt.Errorf("read what commits point to: %w", err)
	}
	found := make(contents, len(events))
	for i := range events {
		found[spot{events[i].ConversationID, events[i].Seq}] = events[i]
	}
	return found, nil
}

// untold are the places of the commits of which something was not told yet.
func (r *Relay) untold(commits []feed.Committed) (places []feed.Place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range commits {
		for _, place := range commits[i].Places {
			if last, known := r.order.last(place.ConversationID); !known || place.Last > last {
				places = append(places, place)
			}
		}
	}
	return places
}

// fill returns the events of a commit, with what it points to. What is kept no longer is left out.
func (found contents) fill(c *feed.Committed) []chat.Event {
	if len(c.Places) == 0 {
		return c.Facts.Chat
	}
	events := make([]chat.Event, 0, len(c.Facts.Chat))
	for i := range c.Facts.Chat {
		place, stands := c.Places[i]
		if !stands {
			events = append(events, c.Facts.Chat[i])
			continue
		}
		for seq := place.First; seq <= place.Last; seq++ {
			if e, there := found[spot{place.ConversationID, seq}]; there {
				events = append(events, e)
			}
		}
	}
	return events
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
