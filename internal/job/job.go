// Package job does what is to follow once something is committed, whatever dies meanwhile. A job is a row beside what has
// caused it, enqueued in the same transaction; it is done at least once.
//
//	job.go      what a job is
//	queue.go    Queue: what may be enqueued
//	admin.go    Queue: what administrators see and do
//	store.go    what is needed of a store
//	cron.go     when recurring jobs are due
//	runner.go   Runner: a lane for each kind, beats that keep leases
//	lane.go     the lane of a kind: claims, workers, ends
//	outcome.go  what becomes of a job that was tried
package job

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// The defaults and bounds of all jobs.
const (
	DefaultWorkers    = 4
	DefaultRetries    = 3
	DefaultTimeout    = time.Minute
	DefaultBackoff    = 5 * time.Second
	DefaultMaxPayload = 64 << 10 // bytes
	// MaxBatch is how many jobs are claimed at a time at most, and BatchTimeout how much work: no more than what the workers
	// of the kind do in that time, as far as is known. What is claimed no other node can do.
	MaxBatch     = 100
	BatchTimeout = time.Second
	// MaxKey is how many bytes a unique key has at most.
	MaxKey = 200
	// MaxAhead is how far ahead a job can be scheduled.
	MaxAhead = 366 * 24 * time.Hour
	// MaxLost is how often the process of a job may die. One more and the job is dead: it may be the cause.
	MaxLost = 25
	// MaxError is how many bytes of an error are kept.
	MaxError = 2000
)

// Priority is which of the jobs of one kind come first.
type Priority int

// Priorities. The zero value is normal.
const (
	High   Priority = -1
	Normal Priority = 0
	Low    Priority = 1
)

// Priorities are all, the first one first.
var Priorities = []Priority{High, Normal, Low}

// Patience is how long a job lets others of higher priority go first: it is taken as if it had come so much later. One that
// has waited longer than that goes before whatever came since, so that low ones never starve.
func (p Priority) Patience() time.Duration {
	switch p {
	case High:
		return 0
	case Low:
		return 10 * time.Minute
	default:
		return time.Minute
	}
}

// State is where a job is in its life.
type State string

// States. Of those that have ended, dead ones are kept for administrators, done ones where their kind says so.
const (
	Waiting    State = "waiting"    // to be due, or for a worker
	Running    State = "running"    // somebody has a lease of it
	Cancelling State = "cancelling" // the same, and is to give it up
	Done       State = "done"
	Dead       State = "dead" // all retries have failed, or none could help
	Cancelled  State = "cancelled"
)

// States are all.
var States = []State{Waiting, Running, Cancelling, Done, Dead, Cancelled}

// Ended tells whether nothing more happens by itself.
func (s State) Ended() bool { return s == Done || s == Dead || s == Cancelled }

// Cancel is the state of a job once it was told not to be done.
func (s State) Cancel() (State, error) {
	switch s {
	case Waiting, Cancelled:
		return Cancelled, nil
	case Running, Cancelling:
		return Cancelling, nil
	default:
		return "", ErrWrongState
	}
}

// MayRetry refuses to have a job done now that runs, or is done with.
func (s State) MayRetry() error {
	if s == Waiting || s == Dead {
		return nil
	}
	return ErrWrongState
}

// MayDrop refuses to remove a job that has not ended.
func (s State) MayDrop() error {
	if s.Ended() {
		return nil
	}
	return ErrWrongState
}

// LostError is what is said of a job that has been lost too often.
const LostError = "the server has died too often while it did the job"

// Job is one that is stored.
type Job struct {
	ID       string
	Kind     string
	Priority Priority
	// Key is that of one job at a time: none is enqueued under the key of another one that has not ended. Empty is none.
	Key     string
	Payload []byte
	// Cron is when a recurring job is due again, each time that it has ended; empty for others. See [ParseCron].
	Cron      string
	State     State
	RunAt     time.Time // not before
	Attempts  int       // that have failed
	Lost      int       // that ended with their process
	Error     string    // of the last attempt that failed
	CreatedAt time.Time
	EndedAt   time.Time // zero if it has not
	Lease     string    // of who has claimed it; empty if nobody has
}

// Handler does a job. It may be called again for one that it has done, if the process dies before that is stored, and must
// return soon once ctx ends. An error has the job tried again later, see also [Hopeless] and [Later].
type Handler func(ctx context.Context, j *Job) (Result, error)

// Result is what a job that is done leaves behind.
type Result struct {
	// Then are jobs that are enqueued in the transaction that ends this one: all of them or, where the process dies before,
	// none. One whose key is taken is left out.
	Then []Job
	// Again is enqueued too if something has wanted this job once more while it ran: what follows a commit, under its key. What
	// it did may have been too early to see that. It is left out where Then has its key.
	Again *Job
}

// Kind is what all jobs of a kind share. Each kind has workers of its own, so that one that hangs or floods holds up no other.
type Kind struct {
	Name   string
	Handle Handler
	// Workers is how many jobs of the kind a node does at a time.
	Workers int
	// Retries is how often a job that fails is tried again, Backoff about how long after the first failure; each time four
	// times as long, up to an hour. NoRetries is none.
	Retries int
	Backoff time.Duration
	// Timeout is how long an attempt may take.
	Timeout time.Duration
	// MaxPayload is how many bytes a payload has at most.
	MaxPayload int
	// Keep is how long a job that is done is kept; 0 removes it when it is.
	Keep time.Duration
	// Open is that administrators may read the payload: nothing in it is secret, or what people say to each other.
	Open bool
}

// NoRetries is for kinds whose jobs are not tried again.
const NoRetries = -1

// withDefaults returns the kind with what it leaves open.
func (k Kind) withDefaults() Kind {
	if k.Workers == 0 {
		k.Workers = DefaultWorkers
	}
	if k.Retries == 0 {
		k.Retries = DefaultRetries
	}
	if k.Backoff == 0 {
		k.Backoff = DefaultBackoff
	}
	if k.Timeout == 0 {
		k.Timeout = DefaultTimeout
	}
	if k.MaxPayload == 0 {
		k.MaxPayload = DefaultMaxPayload
	}
	return k
}

// validate reports the first field that cannot be used.
func (k *Kind) validate() error {
	switch {
	case k.Name == "" || len(k.Name) > 64:
		return fmt.Errorf("job: name of a kind: it must have 1 to 64 bytes, not %d", len(k.Name))
	case k.Handle == nil:
		return fmt.Errorf("job: kind %s: nobody handles it", k.Name)
	case k.Workers < 1 || k.Workers > MaxBatch:
		return fmt.Errorf("job: kind %s: workers must be 1 to %d, not %d", k.Name, MaxBatch, k.Workers)
	case k.Retries < NoRetries:
		return fmt.Errorf("job: kind %s: retries must not be %d", k.Name, k.Retries)
	case k.Backoff < 0 || k.Timeout < 0 || k.Keep < 0 || k.MaxPayload < 0:
		return fmt.Errorf("job: kind %s: times and sizes must not be negative", k.Name)
	}
	return nil
}

// The codes of refusals.
const (
	CodeUnknownKind  refusal.Code = "unknown_job_kind"
	CodeDuplicateKey refusal.Code = "duplicate_job_key"
	CodeNotFound     refusal.Code = "job_not_found"
	CodeWrongState   refusal.Code = "wrong_job_state"
)

// Codes are all of them.
func Codes() []refusal.Code {
	return []refusal.Code{CodeUnknownKind, CodeDuplicateKey, CodeNotFound, CodeWrongState}
}

// Refusals. Compare by errors.Is; do not change them.
var (
	ErrUnknownKind  = &refusal.Error{Code: CodeUnknownKind, Message: "There is no such kind of jobs", Field: "kind"}
	ErrDuplicateKey = &refusal.Error{Code: CodeDuplicateKey, Message: "Another job has this key and has not ended", Field: "key"}
	ErrNotFound     = &refusal.Error{Code: CodeNotFound, Message: "Job not found", Field: "id"}
	ErrWrongState   = &refusal.Error{Code: CodeWrongState, Message: "The state of the job does not allow that", Field: "id"}
)

// Hopeless is an error after which a job is dead, as no retry would help.
type Hopeless struct{ Err error }

func (h Hopeless) Error() string { return h.Err.Error() }

// Unwrap returns what was wrong.
func (h Hopeless) Unwrap() error { return h.Err }

// Later is an error after which a job is tried again after a time that somebody has asked for, instead of the kind's.
type Later struct {
	Err   error
	After time.Duration
}

func (l Later) Error() string { return l.Err.Error() }

// Unwrap returns what was wrong.
func (l Later) Unwrap() error { return l.Err }
