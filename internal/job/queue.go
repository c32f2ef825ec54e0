package job

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// New is a job to be enqueued.
type New struct {
	Kind     string
	Priority Priority
	Key      string // see Job
	Payload  []byte
	// At is when it is due, Delay how long from now; one of them at most, and by default it is due now.
	At    time.Time
	Delay time.Duration
	// Cron makes it a recurring one, which is due by that alone. It needs a Key.
	Cron string
}

// QueueDeps is what a queue is made of.
type QueueDeps struct {
	Store Store
	Now   func() time.Time
	NewID func() string // unique across all nodes
}

// Queue knows what may be enqueued. Its methods may be called concurrently.
type Queue struct {
	QueueDeps
	kinds map[string]Kind
}

// NewQueue returns a queue for jobs of kinds.
func NewQueue(kinds []Kind, d QueueDeps) (*Queue, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	q := &Queue{d, make(map[string]Kind, len(kinds))}
	for _, k := range kinds {
		k = k.withDefaults()
		if err := k.validate(); err != nil {
			return nil, err
		}
		if _, twice := q.kinds[k.Name]; twice {
			return nil, fmt.Errorf("job: there are two kinds %s", k.Name)
		}
		q.kinds[k.Name] = k
	}
	return q, nil
}

// Make returns a job that can be stored, by [Queue.Enqueue] or in the transaction that causes it, or says what is wrong.
func (q *Queue) Make(n New) (Job, error) {
	kind, known := q.kinds[n.Kind]
	now := q.Now().UTC().Truncate(time.Millisecond)
	j := Job{
		ID: q.NewID(), Kind: n.Kind, Priority: n.Priority, Key: n.Key, Payload: n.Payload, Cron: n.Cron,
		State: Waiting, RunAt: now, CreatedAt: now,
	}
	switch {
	case !known:
		return Job{}, ErrUnknownKind
	case !slices.Contains(Priorities, n.Priority):
		return Job{}, refusal.Invalid("priority", "must be high, normal or low")
	case len(n.Payload) > kind.MaxPayload:
		return Job{}, refusal.TooMuch("payload", kind.MaxPayload, "bytes")
	case len(n.Key) > MaxKey:
		return Job{}, refusal.TooMuch("key", MaxKey, "bytes")
	case !utf8.ValidString(n.Key) || strings.ContainsRune(n.Key, 0):
		return Job{}, refusal.Invalid("key", "must be valid UTF-8 without the character U+0000")
	}
	if n.Cron != "" {
		return q.recurring(j, &n)
	}
	var err error
	j.RunAt, err = When("at", now, n.At, n.Delay)
	return j, err
}

// When is the time of what is to be done at a time, or after a delay, or now where there is neither. field is what the time is called by
// who asks, for refusals: there cannot be both, nor a time in the past or beyond [MaxAhead].
func When(field string, now, at time.Time, delay time.Duration) (time.Time, error) {
	const days, seconds = int(MaxAhead / (24 * time.Hour)), int(MaxAhead / time.Second)
	switch {
	case !at.IsZero() && delay != 0:
		return time.Time{}, refusal.Invalid("delay", "must not be given together with "+field)
	case delay < 0:
		return time.Time{}, refusal.Invalid("delay", "must not be negative")
	case delay > MaxAhead:
		return time.Time{}, refusal.Beyond("delay", seconds, fmt.Sprintf("must be at most %d seconds", seconds))
	case at.IsZero():
		return now.Add(delay), nil
	case at.Before(now):
		return time.Time{}, refusal.Invalid(field, "must not be in the past")
	case at.Sub(now) > MaxAhead:
		return time.Time{}, refusal.Beyond(field, days, fmt.Sprintf("must be at most %d days from now", days))
	}
	return at.UTC().Truncate(time.Millisecond), nil
}

// recurring is a job with a cron line.
func (q *Queue) recurring(j Job, n *New) (Job, error) {
	switch {
	case !n.At.IsZero():
		return Job{}, refusal.Invalid("at", "must not be given together with cron")
	case n.Delay != 0:
		return Job{}, refusal.Invalid("delay", "must not be given together with cron")
	case n.Key == "":
		return Job{}, refusal.Missing("key")
	}
	c, err := ParseCron(n.Cron)
	if err != nil {
		return Job{}, err
	}
	j.RunAt = c.Next(j.RunAt)
	return j, nil
}

// Enqueue makes and stores jobs, all or none, and returns their ids.
func (q *Queue) Enqueue(ctx context.Context, all ...New) ([]string, error) {
	jobs, ids := make([]Job, len(all)), make([]string, len(all))
	for i := range all {
		j, err := q.Make(all[i])
		if err != nil {
			return nil, err
		}
		jobs[i], ids[i] = j, j.ID
	}
	if len(jobs) == 0 {
		return ids, nil
	}
	return ids, q.Store.Enqueue(ctx, jobs)
}

// Recur has a recurring job done from now on, once for all nodes. Who starts the next node, or this one again, says the same;
// where the cron line is another one by then, the new one holds.
func (q *Queue) Recur(ctx context.Context, n New) error {
	if n.Cron == "" {
		return refusal.Missing("cron")
	}
	j, err := q.Make(n)
	if err != nil {
		return err
	}
	return q.Store.Recur(ctx, j)
}

// Pause has no node begin jobs of a kind, or has them go on.
func (q *Queue) Pause(ctx context.Context, kind string, paused bool) error {
	if _, known := q.kinds[kind]; !known {
		return ErrUnknownKind
	}
	return q.Store.Pause(ctx, kind, paused)
}

// Kinds are the names of all, in order.
func (q *Queue) Kinds() []string {
	names := make([]string, 0, len(q.kinds))
	for name := range q.kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// What prune keeps of jobs that have ended: dead letters until somebody has had time to look at them.
const (
	keepDead      = 30 * 24 * time.Hour
	keepCancelled = 24 * time.Hour
	keepUnknown   = 366 * 24 * time.Hour // done ones of kinds that are no more
	pruneAtOnce   = 500
)

// Prune removes jobs that are kept no longer, in portions, and returns how many.
func (q *Queue) Prune(ctx context.Context) (removed int, err error) {
	now := q.Now()
	due := []Prune{
		{State: Dead, Before: now.Add(-keepDead)},
		{State: Cancelled, Before: now.Add(-keepCancelled)},
		{State: Done, Before: now.Add(-keepUnknown)},
	}
	for _, name := range q.Kinds() {
		due = append(due, Prune{State: Done, Kind: name, Before: now.Add(-q.kinds[name].Keep)})
	}
	for _, p := range due {
		p.Limit = pruneAtOnce
		for more := true; more; {
			n, err := q.Store.Prune(ctx, p)
			removed += n
			if err != nil {
				return removed, err
			}
			more = n == pruneAtOnce
		}
	}
	return removed, nil
}
