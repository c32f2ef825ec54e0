package job

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"
)

// Outcome is what came of an attempt, for figures.
type Outcome string

// Outcomes.
const (
	WasDone     Outcome = "done"
	WasRetried  Outcome = "retried" // it failed, and is tried again
	WasDead     Outcome = "dead"
	WasGivenUp  Outcome = "given up" // it was cancelled, or another node has taken it
	WasReturned Outcome = "put back" // the server stops
)

// Outcomes are all.
var Outcomes = []Outcome{WasDone, WasRetried, WasDead, WasGivenUp, WasReturned}

// Why a job's context has ended before its time.
var (
	errStopping  = errors.New("the server stops")
	errCancelled = errors.New("the job is cancelled")
	errLost      = errors.New("the lease of the job has run out")
	errTimeout   = errors.New("the job took too long")
)

// errExited is the error of a handler that has not returned.
var errExited = errors.New("the handler has ended its goroutine")

// maxBackoff is how long a job waits for its next attempt at most, unless its handler says otherwise.
const maxBackoff = time.Hour

// endOf is what becomes of a job that was tried. ctx is the one that its handler had.
func endOf(ctx context.Context, k *Kind, j *Job, r Result, err error, now time.Time) (End, Outcome) {
	e := End{Held: Held{j.ID, j.Lease}, At: now}
	switch cause := context.Cause(ctx); {
	case err == nil:
		e.State, e.Remove, e.Attempts, e.Then, e.Again = Done, k.Keep == 0, j.Attempts, r.Then, r.Again
		return recurring(e, j), WasDone
	case errors.Is(cause, errStopping):
		return putBack(j, now), WasReturned
	case errors.Is(cause, errLost):
		return End{}, WasGivenUp // it is not ours to end
	case errors.Is(cause, errCancelled):
		e.State, e.Attempts, e.Error = Dead, j.Attempts, errCancelled.Error() // which makes it a cancelled one
		return e, WasGivenUp
	case errors.Is(cause, errTimeout):
		err = errors.Join(errTimeout, err)
	}
	e.Attempts, e.Error = j.Attempts+1, kept(err)
	if wait, again := retry(k, e.Attempts, err); again {
		e.State, e.RunAt = Waiting, now.Add(wait)
		return e, WasRetried
	}
	e.State = Dead
	return recurring(e, j), WasDead
}

// putBack is the end of a job that was not tried, or not to the end: it waits as it did.
func putBack(j *Job, now time.Time) End {
	return End{Held: Held{j.ID, j.Lease}, State: Waiting, RunAt: j.RunAt, Attempts: j.Attempts, Error: j.Error, At: now}
}

// recurring has a job that has ended wait for its next time, if it has one. The error of the last time is kept.
func recurring(e End, j *Job) End {
	if j.Cron == "" {
		return e
	}
	c, err := ParseCron(j.Cron)
	if err != nil {
		e.State, e.Error = Dead, kept(err)
		return e
	}
	e.State, e.RunAt, e.Attempts, e.Remove = Waiting, c.Next(e.At), 0, false
	return e
}

// retry tells whether there is another attempt, and after which time.
func retry(k *Kind, failed int, err error) (wait time.Duration, again bool) {
	var hopeless Hopeless
	if errors.As(err, &hopeless) || failed > k.Retries {
		return 0, false
	}
	var later Later
	if errors.As(err, &later) {
		return min(max(later.After, 0), MaxAhead), true
	}
	return backoff(k.Backoff, failed), true
}

// backoff grows by four each time, and varies by a quarter, so that what has failed together does not come back together.
func backoff(first time.Duration, failed int) time.Duration {
	wait := first
	for n := 1; n < failed && wait < maxBackoff; n++ {
		wait *= 4
	}
	wait = min(wait, maxBackoff)
	return wait*3/4 + time.Duration(rand.Int64N(int64(wait)/2+1))
}

// kept is what a store keeps of an error.
func kept(err error) string {
	text := err.Error()
	if len(text) > MaxError {
		text = text[:MaxError]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
