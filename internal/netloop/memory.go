package netloop

import (
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	// messageOverhead is what a message that waits takes in memory beside its bytes.
	// Without it a peer that reads nothing could have us keep millions of tiny ones.
	messageOverhead = 96
	// defaultQueueMemory is what all queues may hold where the process has no limit.
	defaultQueueMemory = 256 << 20
)

// QueueMemory bounds what waits for slow peers in all queues together. A message
// that waits for many counts once. Beyond the limit those go first, as slow
// consumers, for whom most waits. Several loops may share one. Its methods may be
// called concurrently.
//
// A queue takes part while its peer's socket is full, or much waits: what the next
// round of writing carries away is not worth the counting.
type QueueMemory struct {
	limit int64
	held  atomic.Int64

	mu    sync.Mutex
	first *Account // a doubly linked list of the open ones
}

// NewQueueMemory makes one with a limit in bytes; 0 or less stands for a quarter of
// the process's memory limit (runtime/debug.SetMemoryLimit), or 256 MiB where it has
// none.
func NewQueueMemory(limit int64) *QueueMemory {
	if limit <= 0 {
		limit = defaultQueueMemory
		if whole := debug.SetMemoryLimit(-1); whole < math.MaxInt64 {
			limit = whole / 4
		}
	}
	return &QueueMemory{limit: limit}
}

// Limit is the most that queues may hold, in bytes.
func (q *QueueMemory) Limit() int64 { return q.limit }

// Held is what queues hold at the moment, in bytes.
func (q *QueueMemory) Held() int64 { return q.held.Load() }

// Queue is what waits for one peer. Both methods are called without any lock held.
type Queue interface {
	// Waiting is how many bytes wait.
	Waiting() int
	// GiveUp ends the peer as a slow consumer, and lets go of what waits for it.
	GiveUp()
}

// relieve gives up those for whom most waits until the rest fits.
func (q *QueueMemory) relieve() {
	type candidate struct {
		queue Queue
		bytes int
	}
	var candidates []candidate
	q.mu.Lock()
	for a := q.first; a != nil; a = a.next {
		candidates = append(candidates, candidate{queue: a.owner})
	}
	q.mu.Unlock()
	for i := range candidates {
		candidates[i].bytes = candidates[i].queue.Waiting()
	}
	slices.SortFunc(candidates, func(a, b candidate) int { return b.bytes - a.bytes })
	for _, c := range candidates {
		if q.Held() <= q.limit {
			return
		}
		c.queue.GiveUp()
	}
}

// Account is the part of one queue in a QueueMemory. Its zero value is closed. The
// lock of the queue guards it.
type Account struct {
	loop  *Loop // nil while it is closed
	owner Queue

	next, prev *Account // guarded by the QueueMemory's lock
}

// IsOpen reports whether the queue takes part.
func (a *Account) IsOpen() bool { return a.loop != nil }

// Open has the queue take part in the memory of a loop.
func (a *Account) Open(l *Loop, owner Queue) {
	q := l.memory
	q.mu.Lock()
	defer q.mu.Unlock()
	a.loop, a.owner = l, owner
	a.next, a.prev = q.first, nil
	if a.next != nil {
		a.next.prev = a
	}
	q.first = a
}

// Close ends Open. All that was added must have been removed.
func (a *Account) Close() {
	q := a.loop.memory
	q.mu.Lock()
	defer q.mu.Unlock()
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		q.first = a.next
	}
	if a.next != nil {
		a.next.prev = a.prev
	}
	*a = Account{}
}

// Add counts a message that waits. The account must be open.
func (a *Account) Add(m *Message) {
	m.hold(a.loop.memory)
	if a.loop.memory.Held() > a.loop.memory.limit {
		a.loop.relieve()
	}
}

// Remove counts one that waits no more.
func (a *Account) Remove(m *Message) { m.letGo(a.loop.memory) }

// share is how a message is counted by the queues that hold it.
type share struct {
	holders atomic.Int32                // of first
	first   atomic.Pointer[QueueMemory] // who was first to count it; never changes then
}

// Cost is how many bytes the message counts for while it waits: what it takes in
// memory.
func (m *Message) Cost() int {
	if m.pooled != nil {
		return cap(m.frame) + messageOverhead
	}
	return len(m.frame) + messageOverhead
}

func (m *Message) hold(by *QueueMemory) {
	if m.share.first.Load() == nil {
		m.share.first.CompareAndSwap(nil, by)
	}
	// One that has waited in another memory counts each time: that is rare.
	if m.share.first.Load() != by || m.share.holders.Add(1) == 1 {
		by.held.Add(int64(m.Cost()))
	}
}

func (m *Message) letGo(by *QueueMemory) {
	if m.share.first.Load() != by || m.share.holders.Add(-1) == 0 {
		by.held.Add(-int64(m.Cost()))
	}
}

// relief is a loop's call for QueueMemory.relieve, on its wheel: who adds to a queue
// holds locks of others.
type relief struct {
	timer  Timer
	called atomic.Bool
	memory *QueueMemory
}

// Expire is for the Wheel.
func (r *relief) Expire(*Timer) {
	r.called.Store(false)
	r.memory.relieve()
}

func (l *Loop) relieve() {
	if !l.relief.called.Swap(true) {
		l.wheel.Arm(&l.relief.timer, 0)
	}
}
