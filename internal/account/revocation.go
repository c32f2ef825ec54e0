package account

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Revocation says that tokens are no longer good: one, if TokenID is set, else all of a user.
type Revocation struct {
	At time.Time // of the command

	Issuer, TokenID string
	Until           time.Time // when one token can be forgotten; zero is never

	UserID   UserID
	IssuedBy time.Time // tokens issued then or earlier are revoked
}

// Revoked reports whether a token is good no longer: it is revoked, or its user is disabled. It is a look into memory.
func (s *Service) Revoked(identity *Identity) bool { return s.revoked.has(identity) }

// Disabled reports whether a user is known to be disabled. It is a look into memory.
func (s *Service) Disabled(userID UserID) bool { return s.revoked.bars(userID) }

// Reload reads anew who is let in, where it is not known what another process has changed, and returns
// it as events that are to be heard: some are known already.
func (s *Service) Reload(ctx context.Context, since time.Time) (events []Event, err error) {
	now := s.timestamp()
	if err := s.store.Revoked(ctx, now, func(r Revocation) {
		events = append(events, Event{Kind: TokensRevoked, At: r.At, Revocation: &r})
	}); err != nil {
		return nil, fmt.Errorf("account: read revocations: %w", err)
	}
	reassigned, err := s.store.Reassigned(ctx, since)
	if err != nil {
		return nil, fmt.Errorf("account: read whose users are: %w", err)
	}
	for i := range reassigned {
		events = append(events, Event{Kind: UserReassigned, At: now, Actor: Person{ID: reassigned[i].ID}, Issuer: reassigned[i].Owner()})
	}
	before := s.revoked.barred() // of before the database is read: who is disabled meanwhile is not taken for somebody who was enabled
	disabled, err := s.store.Disabled(ctx)
	if err != nil {
		return nil, fmt.Errorf("account: read who is disabled: %w", err)
	}
	for _, id := range before {
		if !slices.ContainsFunc(disabled, func(u User) bool { return u.ID == id }) {
			events = append(events, Event{Kind: UserEnabled, At: now, Actor: Person{ID: id}})
		}
	}
	for i := range disabled {
		events = append(events, Event{Kind: UserDisabled, At: disabled[i].DisabledAt, Actor: Person{ID: disabled[i].ID}})
	}
	blocked, err := s.store.BlockedAddresses(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("account: read blocked addresses: %w", err)
	}
	for _, before := range s.BlockedAddresses() {
		if !slices.ContainsFunc(blocked, func(b BlockedAddress) bool { return b.Address == before.Address }) {
			events = append(events, Event{Kind: AddressUnblocked, At: now, Address: &BlockedAddress{Address: before.Address}})
		}
	}
	for _, b := range blocked {
		events = append(events, Event{Kind: AddressBlocked, At: b.At, Address: &b})
	}
	return events, nil
}

// tokenKey names a token: ids are unique for each issuer only.
type tokenKey struct{ issuer, id string }

// revoked is what is revoked. Safe for concurrent use.
type revoked struct {
	mu      sync.RWMutex
	users   map[UserID]time.Time   // issued by then
	owners  map[UserID]string      // the issuers of users who were another's since the service began
	tokens  map[tokenKey]time.Time // until
	off     map[UserID]struct{}    // who is disabled
	sweepAt int                    // how many tokens make it worth looking for those that can be forgotten
}

const leastSweep = 256

func newRevoked() *revoked {
	return &revoked{
		users: make(map[UserID]time.Time), owners: make(map[UserID]string), tokens: make(map[tokenKey]time.Time), off: make(map[UserID]struct{}),
		sweepAt: leastSweep,
	}
}

func (r *revoked) has(identity *Identity) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if _, off := r.off[identity.UserID]; off {
		return true
	}
	if by, ok := r.users[identity.UserID]; ok && !identity.IssuedAt.After(by) {
		return true
	}
	if owner, ok := r.owners[identity.UserID]; ok && identity.UsersOf != owner {
		return true
	}
	if identity.TokenID == "" {
		return false
	}
	_, ok := r.tokens[tokenKey{identity.Issuer, identity.TokenID}]
	return ok
}

// cutoff returns the time of issue up to which a user's tokens are revoked.
func (r *revoked) cutoff(userID UserID) time.Time {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.users[userID]
}

// add makes a revocation hold.
func (r *revoked) add(one Revocation, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one.TokenID == "" {
		if one.IssuedBy.After(r.users[one.UserID]) {
			r.users[one.UserID] = one.IssuedBy
		}
		return
	}
	r.tokens[tokenKey{one.Issuer, one.TokenID}] = one.Until
	if len(r.tokens) < r.sweepAt {
		return
	}
	for key, until := range r.tokens {
		if !until.IsZero() && until.Before(now) {
			delete(r.tokens, key)
		}
	}
	r.sweepAt = max(leastSweep, 2*len(r.tokens))
}

// reassign makes only tokens of an issuer speak for a user from now on, and reports whether that is new.
func (r *revoked) reassign(userID UserID, issuer string) (isNews bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.owners[userID]
	r.owners[userID] = issuer
	return !known || before != issuer
}

// bar lets a user in no longer, or again, and reports whether that is new.
func (r *revoked) bar(userID UserID, off bool) (isNews bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, before := r.off[userID]
	if off {
		r.off[userID] = struct{}{}
	} else {
		delete(r.off, userID)
	}
	return before != off
}

// bars tells whether a user is not let in.
func (r *revoked) bars(userID UserID) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, off := r.off[userID]
	return off
}

// barred are all who are not let in.
func (r *revoked) barred() []UserID {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Collect(maps.Keys(r.off))
}
