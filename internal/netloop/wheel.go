package netloop

import (
	"math/bits"
	"sync"
	"time"
)

const (
	wheelTick  = 10 * time.Millisecond
	wheelSlots = 4096                   // a power of two; one turn takes 41 s
	maxDelay   = time.Duration(1) << 62 // leaves room to add the wheel's age
)

// Expirer is called when a Timer fires. It runs on the wheel's goroutine and
// must not block; it may arm and disarm timers, its own too.
type Expirer interface {
	Expire(*Timer)
}

// Timer is one deadline on a Wheel. It is made to be embedded: it needs no
// allocation of its own. Its zero value is disarmed; Owner must be set before
// it is armed, and it must not be copied after that.
type Timer struct {
	Owner      Expirer
	next, prev *Timer
	due        int64 // in ticks since the wheel started; 0 when disarmed
}

// Wheel is a hashed timing wheel: arming, re-arming and disarming cost a lock
// and a few pointers, however many timers there are. A timer fires up to 10 ms
// late and never early. The goroutine sleeps until the next occupied slot, so
// a wheel without timers costs nothing. All methods may be called
// concurrently.
type Wheel struct {
	start time.Time

	mu       sync.Mutex
	slots    [wheelSlots]*Timer // heads of doubly linked lists
	occupied [wheelSlots / 64]uint64
	now      int64 // the last tick that was handled
	waking   int64 // the tick the goroutine sleeps towards, 0 when it has none

	wake chan struct{}
	quit chan struct{}
	done chan struct{}
}

// NewWheel starts a wheel; Stop ends it.
func NewWheel() *Wheel {
	w := &Wheel{
		start: time.Now(),
		wake:  make(chan struct{}, 1),
		quit:  make(chan struct{}),
		done:  make(chan struct{}),
	}
	go w.run()
	return w
}

// Stop ends the wheel's goroutine and waits for it; armed timers never fire.
func (w *Wheel) Stop() {
	close(w.quit)
	<-w.done
}

// Arm lets t fire once, d from now, and forgets an earlier deadline of t.
func (w *Wheel) Arm(t *Timer, d time.Duration) {
	due := int64((time.Since(w.start) + min(d, maxDelay) + wheelTick - 1) / wheelTick)
	w.mu.Lock()
	w.unlink(t)
	t.due = max(due, w.now+1)
	w.link(t)
	earlier := w.waking == 0 || t.due < w.waking
	w.mu.Unlock()
	if earlier {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// Disarm keeps t from firing. It reports whether t was armed: false means that
// t never was, or fires right now or has fired.
func (w *Wheel) Disarm(t *Timer) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	armed := t.due != 0
	w.unlink(t)
	return armed
}

func (w *Wheel) run() {
	defer close(w.done)
	sleep := time.NewTimer(time.Hour)
	defer sleep.Stop()
	for {
		next := w.nextOccupied()
		if next == 0 {
			sleep.Stop()
		} else {
			sleep.Reset(time.Until(w.start.Add(time.Duration(next) * wheelTick)))
		}
		select {
		case <-w.quit:
			return
		case <-w.wake:
		case <-sleep.C:
		}
		w.advance(int64(time.Since(w.start) / wheelTick))
	}
}

// nextOccupied returns the next tick whose slot holds a timer, be it due then
// or a turn later, and remembers it; 0 when the wheel is empty.
func (w *Wheel) nextOccupied() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waking = 0
	from := (w.now + 1) % wheelSlots
	for i := range int64(len(w.occupied) + 1) {
		word := (from/64 + i) % int64(len(w.occupied))
		set := w.occupied[word]
		if i == 0 {
			set &= ^uint64(0) << (from % 64)
		}
		if set == 0 {
			continue
		}
		slot := word*64 + int64(bits.TrailingZeros64(set))
		w.waking = w.now + 1 + (slot-from+wheelSlots)%wheelSlots
		break
	}
	return w.waking
}

// advance fires what is due up to the tick now. The lock is released around
// each call, so that an Expirer may use the wheel.
func (w *Wheel) advance(now int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	// After a long sleep one turn visits every slot; more turns would only
	// visit them again.
	first := max(w.now+1, now-wheelSlots+1)
	for tick := first; tick <= now; tick++ {
		w.now = tick
		for {
			t := firstDue(w.slots[tick%wheelSlots], now)
			if t == nil {
				break
			}
			w.unlink(t)
			w.mu.Unlock()
			t.Owner.Expire(t)
			w.mu.Lock()
		}
	}
}

func firstDue(t *Timer, now int64) *Timer {
	for ; t != nil; t = t.next {
		if t.due <= now {
			return t
		}
	}
	return nil
}

func (w *Wheel) link(t *Timer) {
	slot := t.due % wheelSlots
	t.prev = nil
	t.next = w.slots[slot]
	if t.next != nil {
		t.next.prev = t
	}
	w.slots[slot] = t
	w.occupied[slot/64] |= 1 << (slot % 64)
}

func (w *Wheel) unlink(t *Timer) {
	if t.due == 0 {
		return
	}
	slot := t.due % wheelSlots
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		w.slots[slot] = t.next
		if t.next == nil {
			w.occupied[slot/64] &^= 1 << (slot % 64)
		}
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.next, t.prev, t.due = nil, nil, 0
}
