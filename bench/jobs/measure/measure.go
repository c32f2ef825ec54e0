// Package measure is what bench/jobs asks of the programs that it runs, and what these answer.
package measure

import "time"

// What bench/jobrate measures.
const (
	Through = "through" // jobs a second
	Enqueue = "enqueue" // the time to enqueue one
)

// Result is what bench/jobrate has measured.
type Result struct {
	// Jobs were done by this process, while all of those that share the database have enqueued and done theirs.
	Jobs         int64
	Began, Ended time.Time
	CPU          time.Duration // of this process

	// CPU time in microseconds: of a message, of a job that follows it in its transaction, and of each further one there.
	Message, First, More float64
}

// Done is the metric of bench/jobserver with how many jobs were done.
const Done = "bench_jobs_done_total"
