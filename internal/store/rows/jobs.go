package rows

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
)

// Job reads a job: id, kind, priority, key, payload, cron, state, time to run, failed attempts, how often it was lost, error,
// time of creation and of the end, lease.
func Job(row Row) (j job.Job, err error) {
	var runAt, createdAt, endedAt int64
	err = row.Scan(&j.ID, &j.Kind, (*int)(&j.Priority), &j.Key, &j.Payload, &j.Cron, (*string)(&j.State), &runAt, &j.Attempts, &j.Lost,
		&j.Error, &createdAt, &endedAt, &j.Lease)
	j.RunAt, j.CreatedAt, j.EndedAt = Instant(runAt), Instant(createdAt), InstantOrZero(endedAt)
	if len(j.Payload) == 0 {
		j.Payload = nil
	}
	return j, err
}

// OneJob reads a job, or says that there is none.
func OneJob(row Row) (job.Job, error) {
	j, err := Job(row)
	found, err := Found(err)
	switch {
	case err != nil:
		return job.Job{}, err
	case !found:
		return job.Job{}, job.ErrNotFound
	}
	return j, nil
}

// Payload is how a payload is stored: never as NULL.
func Payload(j *job.Job) []byte {
	if j.Payload == nil {
		return []byte{}
	}
	return j.Payload
}

// DueJobs reads which kinds have jobs that are due, by a query for the first time to run of each kind of a list and of each
// priority, or 0.
func DueJobs(each Each, query string, kinds []string, now time.Time) (due job.Due, err error) {
	err = each(func(row Row) error {
		var kind string
		var at int64
		if err := row.Scan(&kind, &at); err != nil || at == 0 {
			return err
		}
		switch first := Instant(at); {
		case !first.After(now):
			if n := len(due.Kinds); n == 0 || due.Kinds[n-1] != kind { // its priorities come together
				due.Kinds = append(due.Kinds, kind)
			}
		case due.Next.IsZero() || first.Before(due.Next):
			due.Next = first
		}
		return nil
	}, query, kinds)
	return due, err
}

// CountJobs reads figures, by a query for those of each kind of a list, and up to which number it counts: waiting, running,
// dead ones, the first time to run or 0, whether the kind is paused.
func CountJobs(each Each, query string, kinds []string, now time.Time) ([]job.Count, error) {
	return Collect(each, nil, func(row Row) (c job.Count, err error) {
		var first int64
		err = row.Scan(&c.Kind, &c.Waiting, &c.Running, &c.Dead, &first, &c.Paused)
		if at := InstantOrZero(first); !at.After(now) {
			c.Oldest = at
		}
		return c, err
	}, query, kinds, job.MostCounted)
}

// Extended reads, for jobs that are held, the states of those whose leases are good, and says which are not.
func Extended(held []job.Held, state map[string]job.State) (e job.Extended) {
	for _, h := range held {
		switch state[h.ID] {
		case job.Running:
		case job.Cancelling:
			e.Cancelling = append(e.Cancelling, h.ID)
		default:
			e.Lost = append(e.Lost, h.ID)
		}
	}
	return e
}

// Patience is how much later jobs of a priority are taken to have come, in milliseconds.
func Patience(p job.Priority) int64 { return p.Patience().Milliseconds() }

// ByTurn sorts jobs that were claimed by their turn.
func ByTurn(jobs []job.Job) {
	turn := func(j *job.Job) int64 { return j.RunAt.UnixMilli() + Patience(j.Priority) }
	slices.SortFunc(jobs, func(a, b job.Job) int { return cmp.Or(cmp.Compare(turn(&a), turn(&b)), cmp.Compare(a.ID, b.ID)) })
}

// Follow says which jobs are to follow events.
type Follow = func(chats []chat.Event, accounts []account.Event) []job.Job

// Following asks for the jobs that are to follow the events of a transaction, if anybody says so. They come by their keys, which
// all writers lock in this order, and each key once.
func Following(follow *Follow, chats []chat.Event, accounts []account.Event) (jobs []job.Job, err error) {
	if follow == nil || len(chats)+len(accounts) == 0 {
		return nil, nil
	}
	defer func() {
		if cause := recover(); cause != nil {
			jobs, err = nil, fmt.Errorf("panic in what follows events: %v\n%s", cause, debug.Stack())
		}
	}()
	jobs = (*follow)(chats, accounts)
	slices.SortStableFunc(jobs, func(a, b job.Job) int { return strings.Compare(a.Key, b.Key) })
	return slices.CompactFunc(jobs, func(a, b job.Job) bool { return a.Key != "" && a.Key == b.Key }), nil
}

// Behind are the jobs that are enqueued when one has ended: those whatever happens, and the one that is if it was wanted again.
func Behind(e *job.End) (then []job.Job, again *job.Job) {
	if e.Again == nil || e.State == job.Waiting ||
		slices.ContainsFunc(e.Then, func(j job.Job) bool { return j.Key != "" && j.Key == e.Again.Key }) {
		return e.Then, nil
	}
	return e.Then, e.Again
}
