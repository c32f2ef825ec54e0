package account

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// issued is for which users this process has issued tokens lately. Another process may have revoked a user's tokens before
// that, by its own clock, without this one knowing: a token that was got by what is revoked would stay good. So whoever
// hears of a revocation looks here, and revokes what is younger too. It may be used concurrently.
type issued struct {
	mu      sync.Mutex
	latest  map[UserID]time.Time // of issue
	owed    map[UserID]time.Time // users to be revoked again, up to that time of issue
	sweepAt int
}

// keepIssued is how long it is remembered that a token was issued: longer than a revocation takes to be heard of, and than
// clocks may differ.
const keepIssued = 10 * time.Minute

func newIssued() *issued {
	return &issued{latest: make(map[UserID]time.Time), owed: make(map[UserID]time.Time), sweepAt: leastSweep}
}

func (i *issued) note(userID UserID, at time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if at.After(i.latest[userID]) {
		i.latest[userID] = at
	}
	if len(i.latest) < i.sweepAt {
		return
	}
	for user, before := range i.latest {
		if at.Sub(before) > keepIssued {
			delete(i.latest, user)
		}
	}
	i.sweepAt = max(leastSweep, 2*len(i.latest))
}

// heard notes a revocation that this process did not know of. Younger tokens of the user's are owed one more, up to the time
// that is returned.
func (i *issued) heard(r *Revocation) (until time.Time, owed bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	last, ok := i.latest[r.UserID]
	if !ok || !last.After(r.IssuedBy) {
		return time.Time{}, false
	}
	i.owed[r.UserID] = last
	return last, true
}

// owing returns the users to be revoked again, up to which time of issue.
func (i *issued) owing() map[UserID]time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	all := make(map[UserID]time.Time, len(i.owed))
	for user, until := range i.owed {
		all[user] = until
	}
	return all
}

func (i *issued) settled(userID UserID, until time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.owed[userID].Equal(until) {
		delete(i.owed, userID)
	}
}

// learn has this process know what the store says of a user's tokens: whoever knows a password, or has a token, that is
// good by what is read from then on may have another one, by which no revocation before that is owed.
func (s *Service) learn(ctx context.Context, userID UserID) error {
	if !s.nodes {
		return nil
	}
	by, err := s.store.RevokedBy(ctx, userID)
	if err != nil {
		return fmt.Errorf("look up revocation: %w", err)
	}
	s.revoked.add(Revocation{UserID: userID, IssuedBy: by}, s.now())
	return nil
}

// hear makes a revocation hold here that any process has stored. What is owed beside it holds here at once, and on other
// nodes when it is stored.
func (s *Service) hear(r *Revocation) {
	if s.nodes && r.TokenID == "" && r.IssuedBy.After(s.revoked.cutoff(r.UserID)) {
		if until, owed := s.issued.heard(r); owed {
			s.revoked.add(Revocation{UserID: r.UserID, IssuedBy: until}, s.now())
		}
	}
	s.revoked.add(*r, s.now())
}

// settleIssued revokes what this process has issued although another one had revoked its user before, and returns of how
// many users.
func (s *Service) settleIssued(ctx context.Context) (settled int, err error) {
	for userID, until := range s.issued.owing() {
		if err := s.revoke(ctx, userID, func(r Revocation) error { return s.store.Revoke(ctx, r) }, nil, until); err != nil {
			return settled, err
		}
		settled++
		s.issued.settled(userID, until)
	}
	return settled, nil
}
