package account

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// asker is for whom a password is hashed: somebody at an address who wants to get into an account. The zero asker is the
// operator.
type asker struct {
	from    netip.Addr
	account string // its login name, folded
	known   bool   // the account was signed in to from there lately, see Service.KnownFrom
}

// turns lets a number of callers hash at a time, since each takes memory and a core, and the others wait. Turns are fair by
// address and by account, so that neither many guesses from one address nor many at one account keep others from theirs.
// Pairs of account and address that have signed in before have a lane of their own, where guesses from elsewhere are not in
// the way, and three turns of four while somebody waits in each.
//
// It bounds how many hash and how many wait, not how often somebody guesses, which is for whoever calls. It may be used
// concurrently.
type turns struct {
	most int // that may wait

	mu        sync.Mutex
	free      int
	known     lane
	strangers lane
	favoured  int // turns of the known since the last of a stranger
	order     int // counts the callers, who are otherwise equal
}

const (
	// maxWaiting is how many callers may wait for their turns. Beyond it the stranger who would be last is refused.
	maxWaiting = 1000
	// maxFavoured is how many turns the known have before a stranger has one.
	maxFavoured = 3
)

// waiter is a caller who waits.
type waiter struct {
	lane   *lane
	at     float64 // its time: the least is next
	order  int
	clocks []any
	index  int           // in the heap, -1 once out of it
	called chan struct{} // closed when it is its turn, or it is refused
	turn   bool          // set before
}

func newTurns(atOnce, most int) *turns {
	return &turns{most: most, free: atOnce, known: newLane(), strangers: newLane()}
}

// take waits for a turn, which give ends. It refuses with [CodeBusy] when none comes within the time, or when too many wait
// who come first, and fails with ctx's error when that ends.
func (t *turns) take(ctx context.Context, who asker, within time.Duration) error {
	w := t.enter(who)
	if w == nil {
		return nil
	}
	wait := time.NewTimer(within)
	defer wait.Stop()
	select {
	case <-w.called:
	case <-ctx.Done():
		if t.leave(w) {
			return ctx.Err()
		}
	case <-wait.C:
		t.leave(w)
	}
	<-w.called // it may have been called at the same moment
	if !w.turn {
		return busy(within)
	}
	return nil
}

func busy(within time.Duration) error {
	return &refusal.Error{
		Code: CodeBusy, Message: "Too many people are logging in, please try again", RetryAfter: max(within, time.Second),
	}
}

// enter takes a free turn and returns nil, or returns who waits for one.
func (t *turns) enter(who asker) *waiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free > 0 {
		t.free--
		return nil
	}
	w := &waiter{order: t.order, called: make(chan struct{})}
	t.order++
	if who.known {
		t.known.add(w, fare{who, 1})
	} else {
		t.strangers.add(w, faresOf(who)...)
	}
	if len(t.known.waiting)+len(t.strangers.waiting) > t.most {
		t.last().leave()
	}
	return w
}

// faresOf are what an attempt of a stranger costs. An IPv6 /48 may be one client or a whole network of them, see
// ratelimit.SiteShare.
func faresOf(who asker) []fare {
	fares := []fare{{who.from, 1}, {who.account, 1}}
	if who.from.Is6() {
		if site, err := who.from.Prefix(48); err == nil {
			fares = append(fares, fare{site, 1.0 / 16})
		}
	}
	return fares
}

// last is the one who is refused when there are too many.
func (t *turns) last() *waiter {
	if len(t.strangers.waiting) > 0 {
		return t.strangers.waiting.last()
	}
	return t.known.waiting.last()
}

// leave gives up. It reports false if the caller was called before.
func (t *turns) leave(w *waiter) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.index < 0 {
		return false
	}
	w.leave()
	return true
}

// give ends a turn; the next one has it.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	known, strangers := len(t.known.waiting), len(t.strangers.waiting)
	switch {
	case known > 0 && (strangers == 0 || t.favoured < maxFavoured):
		t.favoured++
		t.known.call()
	case strangers > 0:
		t.favoured = 0
		t.strangers.call()
	default:
		t.favoured = 0
		t.free++
	}
}
