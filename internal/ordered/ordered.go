// Package ordered does the jobs of many queues: those of one queue one after the
// other, those of different queues at the same time. A queue costs no goroutine
// while it is empty, and slows its source down while it is full.
//
// It is what stands between a connection loop, which must not wait, and handlers
// that may.
package ordered

import (
	"context"
	"sync"
)

// Owner is what a queue belongs to, such as a connection. Its Run, which the pool
// calls, calls the queue's Work.
type Owner[J any] interface {
	Task
	// Do does one job. It may block.
	Do(job *J)
	// Pause asks the source of jobs to stop, and Resume to go on. What comes
	// meanwhile is queued all the same. Both are called with the queue locked:
	// they must neither block nor post.
	Pause()
	Resume()
}

// Limits are shared by queues.
type Limits struct {
	Jobs, Bytes int   // beyond either, the source is paused
	Pool        *Pool // does the jobs
}

// Queue holds the jobs of one owner. Its zero value is empty. It may be posted
// to from any goroutine.
type Queue[J any] struct {
	mu      sync.Mutex
	jobs    []J
	bytes   int
	running bool
	paused  bool
}

// Post queues a job that stands for size bytes.
func (q *Queue[J]) Post(owner Owner[J], limits *Limits, job J, size int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(q.jobs, job)
	q.bytes += size
	if !q.paused && (len(q.jobs) > limits.Jobs || q.bytes > limits.Bytes) {
		q.paused = true
		owner.Pause()
	}
	if !q.running {
		q.running = true
		limits.Pool.Start(owner)
	}
}

// Work does the jobs that are there and ends when there are none.
func (q *Queue[J]) Work(owner Owner[J]) {
	var batch []J
	for {
		batch = q.take(owner, batch)
		if len(batch) == 0 {
			return
		}
		for i := range batch {
			owner.Do(&batch[i])
		}
	}
}

// take returns all jobs and leaves the memory of the last ones for new ones.
func (q *Queue[J]) take(owner Owner[J], last []J) []J {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(last)
	batch := q.jobs
	q.jobs, q.bytes = last[:0], 0
	if q.paused {
		q.paused = false
		owner.Resume()
	}
	if len(batch) == 0 {
		q.running = false
		q.jobs = nil // an idle queue keeps no memory
	}
	return batch
}

// Workers counts goroutines. Unlike a sync.WaitGroup it may be added to while
// somebody waits for it.
type Workers struct {
	mu   sync.Mutex
	n    int
	idle signal // n has fallen to 0
}

// Add counts a goroutine that is about to start.
func (w *Workers) Add() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
}

// Done counts a goroutine that ends.
func (w *Workers) Done() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n--
	w.idle.sendIf(w.n == 0)
}

// Len is the number of goroutines counted at the moment.
func (w *Workers) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

// Wait returns once there are none, or when ctx ends, with its error.
func (w *Workers) Wait(ctx context.Context) error {
	w.mu.Lock()
	if w.n == 0 {
		w.mu.Unlock()
		return nil
	}
	idle := w.idle.receive()
	w.mu.Unlock()
	return await(ctx, idle)
}
