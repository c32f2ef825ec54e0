package ordered

import (
	"context"
	"sync"
)

// Task is something to run, such as a queue that has jobs.
type Task interface {
	// Run may block.
	Run()
}

// idleWorkers is how many goroutines a pool keeps for tasks to come. Their
// stacks have grown, which a goroutine of its own would do for every task.
const idleWorkers = 32

// Pool runs tasks on goroutines that are used again. A task that blocks delays
// no other: as long as tasks wait, one worker is on its way to them, and one that
// takes a task calls the next for the rest first. Workers that do not block so
// work off a burst between them, without a goroutine for each task. There are as
// many as tasks block at a time.
//
// Its zero value is ready. All methods may be called concurrently.
type Pool struct {
	mu         sync.Mutex
	waiting    []Task // waiting[next:], in the order they came
	next       int
	called     bool            // a worker is on its way
	idle       []chan struct{} // a worker each; the last was busy last
	workers    int
	unfinished int // tasks that wait or run
	stopped    bool
	finished   signal // no task is unfinished
	gone       signal // there are no workers
}

// Start has a task run soon.
func (p *Pool) Start(t Task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unfinished++
	p.waiting = append(p.waiting, t)
	p.call()
}

// call sees to it that a worker is on its way while tasks wait. mu is held.
func (p *Pool) call() {
	if p.called || len(p.waiting) == p.next {
		return
	}
	p.called = true
	if last := len(p.idle) - 1; last >= 0 {
		p.idle[last] <- struct{}{}
		p.idle = p.idle[:last]
		return
	}
	p.workers++
	go p.work()
}

func (p *Pool) work() {
	p.mu.Lock()
	defer p.leave()
	p.called = false
	wake := make(chan struct{}, 1)
	for {
		for p.next < len(p.waiting) {
			t := p.take()
			p.call()
			p.run(t)
		}
		if p.stopped || len(p.idle) == idleWorkers {
			return
		}
		p.idle = append(p.idle, wake)
		p.mu.Unlock()
		<-wake
		p.mu.Lock()
		p.called = false
	}
}

func (p *Pool) take() Task {
	t := p.waiting[p.next]
	p.waiting[p.next] = nil
	p.next++
	if p.next == len(p.waiting) {
		p.waiting, p.next = p.waiting[:0], 0
	}
	return t
}

// run releases mu while t runs. What it does behind that also happens when t ends
// its goroutine.
func (p *Pool) run(t Task) {
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.unfinished--
		p.finished.sendIf(p.unfinished == 0)
	}()
	t.Run()
}

// leave ends a worker, which holds mu.
func (p *Pool) leave() {
	p.workers--
	p.gone.sendIf(p.workers == 0)
	p.mu.Unlock()
}

// Len is the number of tasks that wait or run.
func (p *Pool) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unfinished
}

// Wait returns once no task waits or runs, or when ctx ends, with its error.
func (p *Pool) Wait(ctx context.Context) error {
	p.mu.Lock()
	if p.unfinished == 0 {
		p.mu.Unlock()
		return nil
	}
	finished := p.finished.receive()
	p.mu.Unlock()
	return await(ctx, finished)
}

// Stop lets the goroutines go that have nothing to do, and the others when they
// are through, and waits for that or for ctx to end, whose error it then
// returns. Tasks may still be started; the pool keeps no goroutine for the next.
func (p *Pool) Stop(ctx context.Context) error {
	p.mu.Lock()
	p.stopped = true
	for _, wake := range p.idle {
		wake <- struct{}{}
	}
	p.idle = nil
	if p.workers == 0 {
		p.mu.Unlock()
		return nil
	}
	gone := p.gone.receive()
	p.mu.Unlock()
	return await(ctx, gone)
}

// signal is a channel that exists while somebody waits for it. The owner's lock
// guards it.
type signal struct{ c chan struct{} }

func (s *signal) receive() <-chan struct{} {
	if s.c == nil {
		s.c = make(chan struct{})
	}
	return s.c
}

func (s *signal) sendIf(now bool) {
	if now && s.c != nil {
		close(s.c)
		s.c = nil
	}
}

func await(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
