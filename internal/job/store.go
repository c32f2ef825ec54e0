package job

import (
	"context"
	"time"
)

// Store keeps jobs. All methods may be called concurrently, and each is one transaction. Times of leases are by the store's
// own clock, since nodes' clocks differ; all others are by that of who asks.
//
// A driver also has a function of its write transaction that enqueues jobs, for commands that cause some, and a method Follow,
// which has somebody say of each transaction what is to follow its events. Such a job that has the key of one that has not ended is
// not stored. That one is wanted again instead: if it runs, [End.Again] is enqueued when it has ended.
type Store interface {
	// OnEnqueued has woken called behind each commit of this process that has jobs for who waits for some, with their kinds, by
	// one goroutine at a time for the writer and by those who finish. It must not block. It is called once, before jobs are done.
	OnEnqueued(woken func(kinds []string))
	// Enqueue stores jobs that wait, all or none. Where a key is taken, by another of them too, the error is an
	// [ErrDuplicateKey].
	Enqueue(ctx context.Context, jobs []Job) error
	// Recur stores a recurring job, unless one has its key that has not ended: that one gets the cron line and the payload,
	// and if the line is another one and the job waits, also the time to run.
	Recur(ctx context.Context, j Job) error

	// Due tells which of kinds have jobs that are due, and when the next of the others is, if that is known.
	Due(ctx context.Context, kinds []string, now time.Time) (Due, error)
	// Claim takes jobs that are due, those first whose turn it is: the time to run and the priority's patience together.
	Claim(ctx context.Context, c Claim) ([]Job, error)
	// Extend has leases last for some time from now on.
	Extend(ctx context.Context, held []Held, last time.Duration) (Extended, error)
	// Finish says what has become of jobs. What of it comes behind the end of a lease is left out.
	Finish(ctx context.Context, ends []End) error
	// Free takes jobs from those whose leases have run out, and returns how many. They wait again, except those that were to
	// be given up, and those that have been lost more than [MaxLost] times.
	Free(ctx context.Context, at time.Time) (int, error)

	// Job returns a job.
	Job(ctx context.Context, id string) (Job, error)
	// Dead returns dead jobs, the last one first, behind a place if one is given.
	Dead(ctx context.Context, q DeadQuery) ([]Job, error)
	// Waiting returns jobs of a kind that wait, by priority and then by the time to run, behind a place if one is given.
	Waiting(ctx context.Context, q WaitingQuery) ([]Job, error)
	// Cancel has a job not be done. One that is running is given up soon: the state is [Cancelling] then. Of one that is
	// cancelled already nothing changes; one that has ended otherwise is an [ErrWrongState]. With the job of a scheduled message
	// that is cancelled too, if it waits: nobody else would send it.
	Cancel(ctx context.Context, id string, at time.Time) (State, error)
	// Retry has a dead job done, with all of its attempts, and a waiting one due now. In other states it is an
	// [ErrWrongState], an [ErrDuplicateKey] where another one has its key.
	Retry(ctx context.Context, id string, at time.Time) error
	// Drop removes a job that has ended, and what it carries as Cancel does; in other states it is an [ErrWrongState].
	Drop(ctx context.Context, id string, at time.Time) error
	// Pause has no job of a kind claimed, or has them claimed again. Those that run go on.
	Pause(ctx context.Context, kind string, paused bool) error
	// Paused are the kinds that are.
	Paused(ctx context.Context) ([]string, error)
	// Prune removes jobs that have ended, some at a time, and returns how many.
	Prune(ctx context.Context, p Prune) (int, error)
	// Counts counts the jobs of kinds, each figure up to MostCounted.
	Counts(ctx context.Context, kinds []string, now time.Time) ([]Count, error)
}

// MostCounted is how far jobs are counted.
const MostCounted = 100_000

// Due is what there is to do.
type Due struct {
	Kinds []string
	Next  time.Time // zero: nothing waits for its time
}

// Claim is which jobs somebody takes.
type Claim struct {
	Kind  string
	Most  int
	Now   time.Time
	Lease string // is no other claim's
	Last  time.Duration
}

// Held is a job that somebody has claimed.
type Held struct{ ID, Lease string }

// Extended is what has become of leases.
type Extended struct {
	Lost       []string // ids of jobs that are somebody else's by now, or nobody's
	Cancelling []string // ids of jobs that are to be given up
}

// End is what has become of a job that was claimed.
type End struct {
	Held
	// State is Waiting, Done or Dead. One that is to be given up is cancelled, unless it is done.
	State    State
	RunAt    time.Time // when it waits
	Attempts int
	Error    string
	At       time.Time
	Remove   bool  // a done job, rather than keep it
	Then     []Job // are enqueued if the lease is good
	Again    *Job  // is enqueued behind them, if the job has ended and was wanted again since it was claimed
}

// DeadQuery is for a page of dead jobs.
type DeadQuery struct {
	Kind   string // empty is all
	Before Place  // of the last one of the page before; zero is none
	Limit  int
}

// Place is where a job stands among those that have ended. The job need not be there any more.
type Place struct {
	At time.Time `json:"at"`
	ID string    `json:"id"`
}

// WaitingQuery is for a page of jobs that wait.
type WaitingQuery struct {
	Kind  string
	After Turn // of the last one of the page before; zero is none
	Limit int
}

// Turn is where a job stands among those of its kind that wait. The job need not be there any more.
type Turn struct {
	Priority Priority  `json:"priority"`
	RunAt    time.Time `json:"runAt"`
	ID       string    `json:"id"`
}

// Prune removes jobs in one of the states of ended ones, of a kind or of all.
type Prune struct {
	State  State
	Kind   string // empty is all
	Before time.Time
	Limit  int
}

// Count is how many jobs of a kind there are.
type Count struct {
	Kind                   string
	Waiting, Running, Dead int
	Oldest                 time.Time // since when one is due that waits; zero: none is
	Paused                 bool
}
