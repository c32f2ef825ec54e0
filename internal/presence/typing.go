package presence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/deps"
)

// TypingConfig is what an operator may choose about typing.
type TypingConfig struct {
	// Expires is how long somebody types who does not say so again.
	Expires time.Duration
	// Repeat is how long to wait before telling again that somebody still types.
	Repeat time.Duration
	// FriendsOnly keeps strangers from seeing each other type, where they may not write to each other.
	FriendsOnly bool
}

// DefaultTypingConfig returns the defaults: 6 s, told again after 3 s, between friends.
func DefaultTypingConfig() TypingConfig {
	return TypingConfig{Expires: 6 * time.Second, Repeat: 3 * time.Second, FriendsOnly: true}
}

// Validate reports the first setting that cannot be used.
func (c TypingConfig) Validate() error {
	if c.Expires <= 0 || c.Repeat <= 0 {
		return fmt.Errorf("presence: typing must expire and be told again after more than 0s, not %s and %s", c.Expires, c.Repeat)
	}
	return nil
}

// MaxPlaces is in how many places a user can type at a time. With one more the one that expires next is ended.
const MaxPlaces = 32

// Place is where somebody types: to a user or in a room.
type Place struct {
	UserID account.UserID
	RoomID string
}

// Relations knows who may see whom type. Its methods may block.
type Relations interface {
	Pair(ctx context.Context, a, b account.UserID) (account.Pair, error)
	// BlockedIDs returns all with whom the user has a block, whoever's it is, sorted.
	BlockedIDs(ctx context.Context, userID account.UserID) ([]account.UserID, error)
}

// TypingTeller brings to devices who types. Its methods must neither block nor call the Typing. They may keep the slice,
// which is not to be changed.
type TypingTeller interface {
	// TypingStarted and TypingStopped tell all devices of the other user, or in a room those of all members but who types
	// and but those in except.
	TypingStarted(at Place, who account.Person, except []account.UserID)
	TypingStopped(at Place, who account.Person, except []account.UserID)
}

// Typing knows who types, on all nodes. Nothing of it is stored. All methods may be called concurrently.
type Typing struct {
	cfg       TypingConfig
	relations Relations
	teller    TypingTeller
	now       func() time.Time

	mu      sync.Mutex
	active  map[typist]*typed
	places  map[account.UserID]int // how many of active are a user's
	expires *deadlines[typist]

	wake chan struct{}
	quit chan struct{}
	done sync.WaitGroup
}

type typist struct {
	userID account.UserID
	at     Place
}

type typed struct {
	who    account.Person
	except []account.UserID // those whom no start was told
	told   time.Time
	// elsewhere: another node has told of it, and tells of its end.
	elsewhere bool
}

// TypingDeps are what a Typing works with; all are required.
type TypingDeps struct {
	Relations Relations
	Teller    TypingTeller
	Now       func() time.Time // the clock, time.Now outside tests
}

// NewTyping starts; Stop ends it.
func NewTyping(cfg TypingConfig, d TypingDeps) (*Typing, error) {
	if err := errors.Join(deps.Check(d), cfg.Validate()); err != nil {
		return nil, err
	}
	t := &Typing{
		cfg: cfg, relations: d.Relations, teller: d.Teller, now: d.Now,
		active: make(map[typist]*typed), places: make(map[account.UserID]int), expires: newDeadlines[typist](cfg.Expires),
		wake: make(chan struct{}, 1), quit: make(chan struct{}),
	}
	t.done.Go(t.work)
	return t, nil
}

// Stop ends it, once. Nobody is told anything any more.
func (t *Typing) Stop() {
	close(t.quit)
	t.done.Wait()
}

// Start notes that somebody types, or still does. Whoever may not see it is not told, and who types does not learn so.
// That a user is a member of a room is for the caller to check.
func (t *Typing) Start(ctx context.Context, who account.Person, at Place) error {
	key := typist{who.ID, at}
	if at.UserID == who.ID || t.still(key) {
		return nil
	}
	except, visible, err := t.hidden(ctx, key)
	if err != nil {
		return fmt.Errorf("look up who may see typing: %w", err)
	}
	if !visible {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	never := except
	if before := t.active[key]; before != nil {
		// Who was blocked since then has seen the first one.
		never = slices.DeleteFunc(slices.Clone(except), func(id account.UserID) bool {
			_, was := slices.BinarySearch(before.except, id)
			return !was
		})
	} else {
		if t.places[who.ID] == MaxPlaces {
			t.endOldest(who.ID)
		}
		t.places[who.ID]++
	}
	now := t.now()
	t.active[key] = &typed{who: who, except: never, told: now}
	t.expires.set(key, now)
	t.signal()
	t.teller.TypingStarted(at, who, except)
	return nil
}

// still extends what was told a moment ago.
func (t *Typing) still(key typist) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	typed := t.active[key]
	if typed == nil || typed.elsewhere || now.Sub(typed.told) >= t.cfg.Repeat {
		return false
	}
	t.expires.set(key, now)
	return true
}

func (t *Typing) hidden(ctx context.Context, key typist) (except []account.UserID, visible bool, err error) {
	if key.at.RoomID != "" {
		except, err = t.relations.BlockedIDs(ctx, key.userID)
		return except, err == nil, err
	}
	pair, err := t.relations.Pair(ctx, key.userID, key.at.UserID)
	return nil, err == nil && !pair.Blocked() && (pair.Friends || !t.cfg.FriendsOnly), err
}

// End notes that somebody types no longer. Who did not type is left out.
func (t *Typing) End(userID account.UserID, at Place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end(typist{userID, at})
}

// EndAll ends all typing of a user, who has gone.
func (t *Typing) EndAll(userID account.UserID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.places[userID] == 0 {
		return
	}
	for key := range t.active {
		if key.userID == userID {
			t.end(key)
		}
	}
}

// endOldest looks at the entries in the order of their ends.
func (t *Typing) endOldest(userID account.UserID) {
	for e := t.expires.order.Front(); e != nil; e = e.Next() {
		if key := e.Value.(deadline[typist]).key; key.userID == userID {
			t.end(key)
			return
		}
	}
}

func (t *Typing) end(key typist) {
	if typed := t.remove(key); typed != nil {
		t.teller.TypingStopped(key.at, typed.who, typed.except)
	}
}

// remove forgets that somebody types.
func (t *Typing) remove(key typist) *typed {
	typed := t.active[key]
	if typed == nil {
		return nil
	}
	delete(t.active, key)
	t.expires.clear(key)
	if t.places[key.userID]--; t.places[key.userID] == 0 {
		delete(t.places, key.userID)
	}
	return typed
}

// StartedElsewhere notes what another node has told: that somebody types, or still does. So the user can end it on a
// device that is here. except are those whom that was not told. It must not be changed.
func (t *Typing) StartedElsewhere(who account.Person, at Place, except []account.UserID) {
	key := typist{who.ID, at}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.active[key] == nil {
		if t.places[who.ID] == MaxPlaces {
			return // the other node ends one of them
		}
		t.places[who.ID]++
		t.active[key] = &typed{who: who, except: except, elsewhere: true}
	}
	t.expires.set(key, t.now())
	t.signal()
}

// StoppedElsewhere notes that another node has told of the end.
func (t *Typing) StoppedElsewhere(userID account.UserID, at Place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(typist{userID, at})
}

func (t *Typing) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// work ends what expires.
func (t *Typing) work() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-t.quit:
			return
		case <-t.wake:
		case <-timer.C:
		}
		if wait, ok := t.expire(); ok {
			timer.Reset(wait)
		}
	}
}

func (t *Typing) expire() (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		e := t.expires.order.Front()
		if e == nil || t.now().Before(e.Value.(deadline[typist]).at) {
			return t.expires.wait(t.now())
		}
		t.expired(e.Value.(deadline[typist]).key)
	}
}

// expired ends what has not been said again. Of what another node has told, that one tells the end.
func (t *Typing) expired(key typist) {
	if t.active[key].elsewhere {
		t.remove(key)
	} else {
		t.end(key)
	}
}
