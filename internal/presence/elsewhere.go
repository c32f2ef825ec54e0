package presence

import (
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/roll"
)

// presenceKind is that of the frames which say who is on a node.
const presenceKind cluster.Kind = "presence"

// entry is what a node says of a user who is there: until the grace is over, that is. The others need no grace of their
// own, unless the node itself is gone.
type entry struct {
	Name    string `json:"n"`
	Devices int    `json:"d"`
	Hidden  int    `json:"h,omitempty"` // of them, those at which nobody looks

	// What is said at the end.
	Left   time.Time `json:"l,omitzero"`  // when the last device went
	Stored bool      `json:"w,omitempty"` // the node has that stored as last seen, as it knew of nobody who still had the user
}

// place is a node on which a user is, and with how many devices.
type place struct {
	node    string
	devices int
	hidden  int
}

// enrol begins to tell the other nodes who is here, and to hear from them.
func (t *Tracker) enrol(cfg Config, peers *cluster.Peers) (*roll.Roll[entry], error) {
	own := roll.DefaultConfig(presenceKind)
	own.Keep = cfg.Grace
	return roll.New(own, roll.Deps[entry]{Peers: peers, Listener: others{t}, Log: t.log, Now: t.now})
}

// write tells the other nodes that a user is here. The caller holds mu.
func (t *Tracker) write(u *user) {
	if t.roll != nil {
		t.roll.Set(string(u.who.ID), entry{Name: u.who.Name, Devices: len(u.devices), Hidden: u.hiddenHere()})
	}
}

// erase tells them that a user is not here any more. The caller holds mu.
func (t *Tracker) erase(u *user, stored bool) {
	if t.roll != nil {
		t.roll.Delete(string(u.who.ID), entry{Left: u.left, Stored: stored})
	}
}

func (u *user) hiddenHere() int {
	n := 0
	for i := range u.devices {
		if u.devices[i].hidden {
			n++
		}
	}
	return n
}

// hidden is at how many devices nobody looks, on all nodes.
func (u *user) hidden() int {
	n := u.hiddenHere()
	for _, p := range u.elsewhere {
		n += p.hidden
	}
	return n
}

func (u *user) devicesElsewhere() int {
	n := 0
	for _, p := range u.elsewhere {
		n += p.devices
	}
	return n
}

// others takes in what other nodes say of their users: a [roll.Listener].
type others struct{ t *Tracker }

// Wrote notes that a user is on a node.
func (o others) Wrote(node, key string, e entry) {
	t, id := o.t, account.UserID(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return
	}
	u := t.users[id]
	if u == nil {
		u = &user{who: account.Person{ID: id, Name: e.Name}}
		t.users[id] = u
	}
	at := slices.IndexFunc(u.elsewhere, func(p place) bool { return p.node == node })
	if at < 0 {
		at = len(u.elsewhere)
		u.elsewhere = append(u.elsewhere, place{node: node})
	}
	u.elsewhere[at].devices = max(e.Devices, 0)
	u.elsewhere[at].hidden = min(max(e.Hidden, 0), u.elsewhere[at].devices)
	if !u.told {
		t.enqueue(u)
	}
}

// Removed notes that a user is on a node no more. If that was the last one, this node has it stored when the user was
// last seen, unless the other one did: two nodes may each have believed that the other one still had the user. Storing it
// more than once does no harm, as the latest time counts.
func (o others) Removed(node, key string, end roll.End[entry]) {
	t, id := o.t, account.UserID(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.users[id]
	if u == nil || t.stopped {
		return
	}
	u.elsewhere = slices.DeleteFunc(u.elsewhere, func(p place) bool { return p.node == node })
	if u.online() {
		return
	}
	switch {
	case !end.Said:
		t.unsavedLater(account.Seen{UserID: id, At: end.At})
	case !end.Last.Stored:
		t.unsavedLater(account.Seen{UserID: id, At: end.Last.Left})
	}
	t.enqueue(u)
}
