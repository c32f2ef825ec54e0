package presence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/roll"
	"github.com/sockeye-im/sockeye/internal/deps"
)

// Config is what an operator may choose about presence.
type Config struct {
	// Grace is how long a user without a device still counts as online, so that a reload does not show.
	Grace time.Duration
}

// DefaultConfig returns the defaults: 5 s.
func DefaultConfig() Config { return Config{Grace: 5 * time.Second} }

// Validate reports the first setting that cannot be used.
func (c Config) Validate() error {
	if c.Grace < 0 {
		return fmt.Errorf("presence: grace is %s, it cannot be negative", c.Grace)
	}
	return nil
}

// People knows whom to tell, and keeps when users went. Its methods may block.
type People interface {
	// FriendIDs returns who may know of a user's presence.
	FriendIDs(ctx context.Context, userID account.UserID) ([]account.UserID, error)
	Seen(ctx context.Context, seen []account.Seen) error
}

// Teller brings news to devices. Its methods are called by one goroutine, in order, which they may hold up. They may keep
// the slices.
type Teller interface {
	// Online and Offline tell all devices that the users have on this node.
	Online(to []account.UserID, who account.Person)
	Offline(to []account.UserID, who account.Person)
	// Present tells one device which friends of its user are online. It may be empty.
	Present(device string, online []account.UserID)
}

const (
	retryAfter = time.Second // after a fault of People
	seenAtOnce = 500         // how many are handed to People.Seen at most
	maxUnsaved = 10_000      // how many wait for People to get well; further ones are dropped, and logged
)

// Tracker counts devices. All methods may be called concurrently, and none of them waits for People or Teller, except
// Stop. What is to be told waits in the state of each user, of which there are no more than connections, and news that
// are outdated before they were told are not told at all.
//
// With other nodes there are those users too who are online elsewhere. A node tells the others which users are here, and
// its own devices who is online anywhere.
type Tracker struct {
	people People
	teller Teller
	log    *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	users   map[account.UserID]*user
	dirty   []*user // those with something to tell, in order, each once
	gone    *deadlines[account.UserID]
	retries *deadlines[account.UserID]
	stopped bool

	unsaved []account.Seen // guarded by mu; only the worker, and after it Stop, takes from it

	here int               // users who are here, see user
	roll *roll.Roll[entry] // which users are here, for the other nodes; nil without them

	wake   chan struct{}
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// user is what is known of somebody who is online, or was a moment ago.
type user struct {
	who       account.Person
	devices   []device
	left      time.Time               // when the last device went; zero while there is one
	here      bool                    // has a device on this node, or had one until less than the grace ago
	elsewhere []place                 // the other nodes on which the user is
	told      bool                    // friends here think that the user is online
	queued    bool                    // is in dirty
	newTo     map[account.UserID]bool // friends of late, who do not know yet
}

func (u *user) online() bool { return u.here || len(u.elsewhere) > 0 }

// device is one of a user's, of which there are few.
type device struct {
	id          string
	connections int  // more than one while it comes back and its lost connection is not noted as gone yet
	unaware     bool // has not been told who is present
	hidden      bool // has said that nobody looks at it
}

func (u *user) find(id string) int {
	return slices.IndexFunc(u.devices, func(d device) bool { return d.id == id })
}

// TrackerDeps are what a Tracker works with; all are required but Peers.
type TrackerDeps struct {
	People People
	Teller Teller
	Peers  *cluster.Peers `need:"optional"` // nil where there is one node
	Log    *slog.Logger
	Now    func() time.Time // the clock, time.Now outside tests
}

// NewTracker starts a tracker; Stop ends it.
func NewTracker(cfg Config, d TrackerDeps) (*Tracker, error) {
	if err := errors.Join(deps.Check(d), cfg.Validate()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &Tracker{
		people: d.People, teller: d.Teller, log: d.Log, now: d.Now,
		users: make(map[account.UserID]*user), gone: newDeadlines[account.UserID](cfg.Grace), retries: newDeadlines[account.UserID](retryAfter),
		wake: make(chan struct{}, 1), cancel: cancel,
	}
	if d.Peers != nil {
		var err error
		if t.roll, err = t.enrol(cfg, d.Peers); err != nil {
			cancel()
			return nil, err
		}
	}
	t.done.Go(func() { t.work(ctx) })
	return t, nil
}

// Stop ends the tracker and stores when those who are still here, and nowhere else, were last seen: now. ctx bounds the
// storing. Nobody is told anything any more: other nodes notice that this one is gone, and give its users the time to come
// to them.
func (t *Tracker) Stop(ctx context.Context) error {
	if t.roll != nil {
		t.roll.Stop()
	}
	t.mu.Lock()
	t.stopped = true
	for id, u := range t.users {
		switch {
		case !u.here || len(u.elsewhere) > 0: // the worker has it, or other nodes
		case u.left.IsZero():
			t.unsavedLater(account.Seen{UserID: id, At: t.now()})
		default:
			t.unsavedLater(account.Seen{UserID: id, At: u.left})
		}
	}
	t.mu.Unlock()
	t.cancel()
	t.done.Wait()
	return t.save(ctx)
}

// Connect notes a connection of a user's device, by an id that no other device of the node has. It must be reachable by
// the teller before. A device that comes back under its id may be noted before its lost connection is noted as gone.
func (t *Tracker) Connect(who account.Person, id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return
	}
	u := t.users[who.ID]
	if u == nil {
		u = new(user)
		t.users[who.ID] = u
	}
	u.who = who
	at := u.find(id)
	if at < 0 {
		at = len(u.devices)
		u.devices = append(u.devices, device{id: id})
	}
	u.devices[at].connections++
	u.devices[at].unaware = true
	u.devices[at].hidden = false
	u.left = time.Time{}
	if !u.here {
		u.here = true
		t.here++
	}
	t.gone.clear(who.ID)
	t.write(u)
	t.enqueue(u)
}

// Disconnect notes that a connection of a device has gone, once for each Connect. Unknown ones are left out.
func (t *Tracker) Disconnect(userID account.UserID, id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.users[userID]
	if u == nil || t.stopped {
		return
	}
	at := u.find(id)
	if at < 0 {
		return
	}
	if u.devices[at].connections--; u.devices[at].connections > 0 {
		return
	}
	u.devices = slices.Delete(u.devices, at, at+1)
	t.write(u)
	if len(u.devices) == 0 {
		u.left = t.now()
		t.gone.set(userID, u.left)
		t.signal() // its time may be the next
	}
}

// Heard takes in what has happened between users: two new friends are told of each other if they are online, and a new
// name is what is told of a user from then on.
func (t *Tracker) Heard(events []account.Event) {
	for i := range events {
		switch e := &events[i]; e.Kind {
		case account.FriendAccepted:
			t.befriended(e.Actor.ID, e.Other.ID)
		case account.UserChanged:
			t.renamed(e.Actor)
		}
	}
}

func (t *Tracker) befriended(a, b account.UserID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, pair := range [][2]account.UserID{{a, b}, {b, a}} {
		u, other := t.users[pair[0]], t.users[pair[1]]
		if u != nil && other != nil && other.here && !t.stopped { // else there is nobody to be told
			u.befriend(pair[1])
			t.enqueue(u)
		}
	}
}

func (u *user) befriend(userID account.UserID) {
	if u.newTo == nil {
		u.newTo = make(map[account.UserID]bool, 1)
	}
	u.newTo[userID] = true
}

func (t *Tracker) renamed(who account.Person) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.users[who.ID]; u != nil {
		u.who = who
	}
}

// Look notes whether somebody looks at a device, which counts as such until it says otherwise, and after each Connect. Unknown ones are
// left out.
func (t *Tracker) Look(userID account.UserID, id string, looking bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.users[userID]
	if u == nil || t.stopped {
		return
	}
	if at := u.find(id); at >= 0 && u.devices[at].hidden == looking {
		u.devices[at].hidden = !looking
		t.write(u)
	}
}

// Attention sorts users: those who look at one of their devices, on any node, and those who have some and look at none. Others have no
// device.
func (t *Tracker) Attention(userIDs []account.UserID) (looking, hidden []account.UserID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range userIDs {
		u := t.users[id]
		if u == nil {
			continue
		}
		switch devices := len(u.devices) + u.devicesElsewhere(); {
		case devices == 0: // the last one went a moment ago
		case u.hidden() < devices:
			looking = append(looking, id)
		default:
			hidden = append(hidden, id)
		}
	}
	return looking, hidden
}

// Online returns those of the users who are online, in their order.
func (t *Tracker) Online(userIDs []account.UserID) []account.UserID {
	t.mu.Lock()
	defer t.mu.Unlock()
	online := []account.UserID{}
	for _, id := range userIDs {
		if u := t.users[id]; u != nil && u.online() {
			online = append(online, id)
		}
	}
	return online
}

// List returns up to limit users who are online, by their ids, beginning after one of them, which may be empty.
func (t *Tracker) List(after account.UserID, limit int) []account.UserID {
	t.mu.Lock()
	ids := make([]account.UserID, 0, len(t.users))
	for id, u := range t.users {
		if u.online() && id > after {
			ids = append(ids, id)
		}
	}
	t.mu.Unlock()
	slices.Sort(ids)
	return ids[:min(max(limit, 0), len(ids))]
}

// Count returns how many users are online.
func (t *Tracker) Count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, u := range t.users {
		if u.online() {
			n++
		}
	}
	return n
}

// Devices returns how many devices a user has, on all nodes.
func (t *Tracker) Devices(userID account.UserID) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.users[userID]
	if u == nil {
		return 0
	}
	return len(u.devices) + u.devicesElsewhere()
}

// DevicesElsewhere returns how many of them are on other nodes.
func (t *Tracker) DevicesElsewhere(userID account.UserID) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.users[userID]
	if u == nil {
		return 0
	}
	return u.devicesElsewhere()
}

func (t *Tracker) enqueue(u *user) {
	if u.queued {
		return
	}
	u.queued = true
	t.dirty = append(t.dirty, u)
	t.signal()
}

func (t *Tracker) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}
