package account

import "container/heap"

// lane is a queue that is fair by whatever its callers have in common, such as an address: start-time fair queueing (Goyal,
// Vin and Cheng 1996). Each such thing has a clock, which every attempt moves on, and the caller whose latest clock is the
// earliest is next. So whoever comes often waits behind itself. The turns guard it.
type lane struct {
	now     float64 // the time of the caller who was called last
	waiting waiters
	clocks  map[any]*clock // of those who wait
}

// fare is by how much an attempt moves a clock on.
type fare struct {
	of any
	by float64
}

type clock struct {
	at      float64
	waiting int // callers who have moved it
}

func newLane() lane { return lane{clocks: make(map[any]*clock)} }

// add has somebody wait.
func (l *lane) add(w *waiter, fares ...fare) {
	w.lane = l
	for _, fare := range fares {
		c := l.clocks[fare.of]
		if c == nil {
			c = new(clock)
			l.clocks[fare.of] = c
		}
		c.at = max(c.at, l.now) + fare.by
		c.waiting++
		w.clocks = append(w.clocks, fare.of)
		w.at = max(w.at, c.at)
	}
	heap.Push(&l.waiting, w)
}

// call gives the next one its turn.
func (l *lane) call() {
	next := l.waiting[0]
	l.now, next.turn = next.at, true
	next.leave()
}

// leave calls a caller, who has no turn unless that was set.
func (w *waiter) leave() {
	l := w.lane
	heap.Remove(&l.waiting, w.index)
	for _, of := range w.clocks {
		if c := l.clocks[of]; c.waiting > 1 {
			c.waiting--
		} else {
			delete(l.clocks, of) // from here on it is like one that never came
		}
	}
	close(w.called)
}

// waiters is a heap, the next one first.
type waiters []*waiter

func (q waiters) Len() int { return len(q) }

func (q waiters) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].order < q[j].order
}

func (q waiters) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push is for container/heap.
func (q *waiters) Push(v any) {
	w := v.(*waiter)
	w.index = len(*q)
	*q = append(*q, w)
}

// Pop is for container/heap.
func (q *waiters) Pop() any {
	last := len(*q) - 1
	w := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	w.index = -1
	return w
}

// last returns the one whose turn comes last.
func (q waiters) last() *waiter {
	last := 0
	for i := range q {
		if q.Less(last, i) {
			last = i
		}
	}
	return q[last]
}
