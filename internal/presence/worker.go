package presence

import (
	"context"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
)

// work is the only one to tell anything, so that news come in order.
func (t *Tracker) work(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		case <-timer.C:
		}
		t.takeDue()
		// Who is told that a user has gone can ask at once since when.
		if err := t.save(ctx); err != nil && ctx.Err() == nil {
			t.log.Error("last seen could not be stored", "users", t.unsavedNow(), "err", err)
		}
		for u := t.next(); u != nil && ctx.Err() == nil; u = t.next() {
			t.update(ctx, u)
		}
		if wait, ok := t.wait(); ok {
			timer.Reset(wait)
		}
	}
}

// takeDue queues those whose grace is over and those to be tried again.
func (t *Tracker) takeDue() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for id, ok := t.gone.due(now); ok; id, ok = t.gone.due(now) {
		if u := t.users[id]; u != nil {
			u.here = false
			t.here--
			last := len(u.elsewhere) == 0
			if last {
				t.unsavedLater(account.Seen{UserID: id, At: u.left})
			}
			t.erase(u, last)
			t.enqueue(u)
		}
	}
	for id, ok := t.retries.due(now); ok; id, ok = t.retries.due(now) {
		if u := t.users[id]; u != nil {
			t.enqueue(u)
		}
	}
}

func (t *Tracker) next() *user {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.dirty) == 0 {
		t.dirty = nil
		return nil
	}
	u := t.dirty[0]
	t.dirty[0] = nil
	t.dirty = t.dirty[1:]
	u.queued = false
	return u
}

// update tells whatever of a user is not told yet. Where it cannot find out to whom, it tries again later.
func (t *Tracker) update(ctx context.Context, u *user) {
	id, late, todo := t.begin(u)
	if !todo || t.unwatched(u) {
		return
	}
	friends, err := t.people.FriendIDs(ctx, id)
	if err == nil {
		for _, tell := range t.news(u, friends, late) {
			tell()
		}
		return
	}
	if ctx.Err() != nil {
		return
	}
	t.log.Error("friends could not be looked up", "user", id, "err", err)
	t.mu.Lock()
	defer t.mu.Unlock()
	for other := range late {
		u.befriend(other)
	}
	t.retries.set(id, t.now())
}

// begin tells whether there is anything to tell of a user. It takes the new friends now: those who come while friends are
// looked up may not be among them, and get a turn of their own.
func (t *Tracker) begin(u *user) (id account.UserID, late map[account.UserID]bool, todo bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	late, u.newTo = u.newTo, nil
	todo = u.told != u.online() || len(late) > 0
	todo = todo || slices.ContainsFunc(u.devices, func(d device) bool { return d.unaware })
	if !todo {
		t.forgetLocked(u)
	}
	return u.who.ID, late, todo
}

// unwatched notes that a user came or went elsewhere while nobody is here who could be told. Whoever comes is told who is
// online.
func (t *Tracker) unwatched(u *user) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.here > 0 {
		return false
	}
	u.told = u.online()
	t.forgetLocked(u)
	return true
}

// news takes from a user's state what is to be told. Whom friends do not know of yet will learn of this user when their
// own turn comes.
func (t *Tracker) news(u *user, friends []account.UserID, late map[account.UserID]bool) (tell []func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	who := u.who
	online, here := []account.UserID{}, []account.UserID{}
	for _, id := range friends {
		friend := t.users[id]
		if friend == nil || !friend.told {
			continue
		}
		online = append(online, id)
		if friend.here {
			here = append(here, id)
		}
	}
	switch {
	case !u.online() && u.told:
		u.told = false
		tell = append(tell, func() { t.teller.Offline(here, who) })
	case u.online() && !u.told:
		u.told = true
		tell = append(tell, func() { t.teller.Online(here, who) })
	case u.online():
		if unaware := intersection(here, late); len(unaware) > 0 {
			tell = append(tell, func() { t.teller.Online(unaware, who) })
		}
	}
	for i := range u.devices {
		if d := &u.devices[i]; d.unaware {
			d.unaware = false
			id := d.id
			tell = append(tell, func() { t.teller.Present(id, online) })
		}
	}
	t.forgetLocked(u)
	return tell
}

func intersection(list []account.UserID, set map[account.UserID]bool) []account.UserID {
	var both []account.UserID
	for _, id := range list {
		if set[id] {
			both = append(both, id)
		}
	}
	return both
}

// forgetLocked drops a user who is offline and known to be.
func (t *Tracker) forgetLocked(u *user) {
	if !u.online() && !u.told && !u.queued && t.users[u.who.ID] == u {
		delete(t.users, u.who.ID)
		t.retries.clear(u.who.ID)
	}
}

// unsavedLater has a time stored. The caller holds mu.
func (t *Tracker) unsavedLater(seen account.Seen) {
	if len(t.unsaved) < maxUnsaved {
		t.unsaved = append(t.unsaved, seen)
		return
	}
	t.log.Error("last seen is lost, too many wait to be stored", "user", seen.UserID)
}

// unsavedNow is how many times are still to be stored.
func (t *Tracker) unsavedNow() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.unsaved)
}

// save stores the times of those who went. What could not be stored waits for the next time.
func (t *Tracker) save(ctx context.Context) error {
	for {
		t.mu.Lock()
		n := min(len(t.unsaved), seenAtOnce)
		batch := t.unsaved[:n:n]
		t.mu.Unlock()
		if n == 0 {
			return nil
		}
		if err := t.people.Seen(ctx, batch); err != nil {
			return err
		}
		t.mu.Lock()
		t.unsaved = t.unsaved[n:]
		if len(t.unsaved) == 0 {
			t.unsaved = nil
		}
		t.mu.Unlock()
	}
}

// wait returns how long there is nothing to do.
func (t *Tracker) wait() (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	wait, ok := t.gone.wait(now)
	if retry, has := t.retries.wait(now); has && (!ok || retry < wait) {
		wait, ok = retry, true
	}
	if len(t.unsaved) > 0 && (!ok || retryAfter < wait) {
		wait, ok = retryAfter, true
	}
	return wait, ok
}
