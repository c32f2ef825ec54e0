package gateway

import (
	"container/heap"
	"sync"
	"time"
)

// expiry calls back for each entry when its time has come: one goroutine and
// one timer for all connections, however many tokens run out. It may be used
// concurrently.
type expiry struct {
	now func() time.Time

	mu    sync.Mutex
	queue deadlines
	wake  chan struct{}
	quit  chan struct{}
	done  sync.WaitGroup
}

// deadline is one entry. It belongs to the expiry from set to clear, after which
// it is of no more use.
type deadline struct {
	at    time.Time
	due   func() // nil once cleared: it holds a connection, and the entry may outlive that
	index int    // in the heap, from 1; 0 when not in it
}

func newExpiry(now func() time.Time) *expiry {
	x := &expiry{now: now, wake: make(chan struct{}, 1), quit: make(chan struct{})}
	x.done.Go(x.run)
	return x
}

func (x *expiry) stop() {
	close(x.quit)
	x.done.Wait()
}

// set arms d, again if it is armed. A zero time means never.
func (x *expiry) set(d *deadline, at time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(d)
	d.at = at
	if at.IsZero() || d.due == nil {
		return
	}
	heap.Push(&x.queue, d)
	if d.index == 1 {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}
}

func (x *expiry) clear(d *deadline) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(d)
	d.due = nil
}

func (x *expiry) remove(d *deadline) {
	if d.index > 0 {
		heap.Remove(&x.queue, d.index-1)
	}
}

func (x *expiry) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-x.quit:
			return
		case <-x.wake:
		case <-timer.C:
		}
		for _, call := range x.due() {
			call()
		}
		if wait, ok := x.next(); ok {
			timer.Reset(wait)
		}
	}
}

func (x *expiry) due() []func() {
	x.mu.Lock()
	defer x.mu.Unlock()
	var due []func()
	for len(x.queue) > 0 && !x.now().Before(x.queue[0].at) {
		due = append(due, heap.Pop(&x.queue).(*deadline).due)
	}
	return due
}

// next returns how long to sleep. Not longer than a minute: the wall clock,
// which tokens go by, may be set.
func (x *expiry) next() (time.Duration, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.queue) == 0 {
		return 0, false
	}
	return min(max(x.queue[0].at.Sub(x.now()), 0), time.Minute), true
}

// deadlines is a heap, the earliest first.
type deadlines []*deadline

func (q deadlines) Len() int           { return len(q) }
func (q deadlines) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q deadlines) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i+1, j+1
}

// Push is for container/heap.
func (q *deadlines) Push(v any) {
	d := v.(*deadline)
	*q = append(*q, d)
	d.index = len(*q)
}

// Pop is for container/heap.
func (q *deadlines) Pop() any {
	last := len(*q) - 1
	d := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	d.index = 0
	return d
}
