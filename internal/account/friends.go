package account

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// How many of each a user may have.
const (
	MaxFriends  = 5000
	MaxRequests = 1000 // sent and not answered
	MaxBlocks   = 5000
)

// MaxContacts is how many of each list [Service.Friends] returns at most, and unless asked for fewer.
const MaxContacts = 500

// Pair is what stands between two users, as the first of them sees it.
//
// Who is blocked must not find out: a request to somebody who has blocked the sender is stored as any other, but neither
// told nor shown to the receiver. So Received may hold beside Blocks, and Sent beside BlockedBy; nothing else may hold
// beside either.
type Pair struct {
	Friends   bool
	Sent      bool // the first has asked for friendship
	Received  bool // the second has
	Blocks    bool // the first blocks the second
	BlockedBy bool // the second blocks the first
}

// Blocked tells whether either blocks the other.
func (p Pair) Blocked() bool { return p.Blocks || p.BlockedBy }

// Relation is what the first user is told of the pair.
func (p Pair) Relation() Relation {
	switch {
	case p.Blocks:
		return RelationBlocked
	case p.Friends:
		return RelationFriends
	case p.Sent:
		return RelationSent
	case p.Received:
		return RelationReceived
	}
	return RelationNone
}

// Relation is what somebody is to a user, as the user may know.
type Relation string

// The relations.
const (
	RelationNone     Relation = "none"
	RelationSent     Relation = "sent"
	RelationReceived Relation = "received"
	RelationFriends  Relation = "friends"
	RelationBlocked  Relation = "blocked"
)

// PairEvent is an [Event] before the driver adds who and when.
type PairEvent struct {
	Kind    EventKind
	Private bool
}

// OverLimit refuses the change from before to p if it adds what there is too much of. The counts are those after it, of
// the actor and, for friends, of whoever has more.
func (p Pair) OverLimit(before Pair, friends, sent, blocks int) error {
	switch {
	case p.Friends && !before.Friends && friends > MaxFriends:
		return tooMany("friends", MaxFriends)
	case p.Sent && !before.Sent && sent > MaxRequests:
		return tooMany("unanswered friend requests", MaxRequests)
	case p.Blocks && !before.Blocks && blocks > MaxBlocks:
		return tooMany("blocked users", MaxBlocks)
	}
	return nil
}

// Circle is everybody whom a user has to do with, or the part of it that was asked for.
type Circle struct {
	Friends  []Contact
	Sent     []Contact // requests that wait for the others
	Received []Contact // requests that wait for the user
	Blocked  []Contact
	Counts   CircleCounts
}

// CircleCounts is how long the lists are, whatever was asked for.
type CircleCounts struct{ Friends, Sent, Received, Blocked int }

// ContactList names a list of a [Circle].
type ContactList string

// The lists; ListAll stands for all of them.
const (
	ListAll      ContactList = ""
	ListFriends  ContactList = "friends"
	ListSent     ContactList = "sent"
	ListReceived ContactList = "received"
	ListBlocked  ContactList = "blocked"
)

// CircleQuery asks for the first of all lists, or for a page of one: those after a contact of it. Where that one has gone it
// is from the beginning, so that nobody is left out.
type CircleQuery struct {
	List  ContactList
	After UserID // with a List only
	Limit int    // 0 is MaxContacts, which is the most
}

func (q *CircleQuery) check() error {
	switch q.List {
	case ListAll, ListFriends, ListSent, ListReceived, ListBlocked:
	default:
		return refusal.Invalid("list", "must be friends, sent, received or blocked")
	}
	switch {
	case q.After != "" && q.List == ListAll:
		return refusal.Invalid("after", "needs a list")
	case q.Limit < 0 || q.Limit > MaxContacts:
		e := refusal.Invalid("limit", fmt.Sprintf("must be 1 to %d", MaxContacts))
		e.Limit = MaxContacts
		return e
	case q.Limit == 0:
		q.Limit = MaxContacts
	}
	return nil
}

// Contact is a user in a list, and since when.
type Contact struct {
	User  User
	Since time.Time
}

// RequestFriend asks for friendship, or accepts if the other one has asked. Asking again, or a friend, changes nothing.
// [ErrUserBlocked] if the actor has blocked the user, [ErrUserNotFound].
func (s *Service) RequestFriend(ctx context.Context, a Actor, userID UserID) (Relation, error) {
	return s.changePair(ctx, a, userID, request)
}

// AcceptFriend accepts a request, or else [ErrRequestNotFound]. Of a friend it changes nothing.
func (s *Service) AcceptFriend(ctx context.Context, a Actor, userID UserID) (Relation, error) {
	return s.changePair(ctx, a, userID, accept)
}

// DeclineFriend declines a request, if there is one.
func (s *Service) DeclineFriend(ctx context.Context, a Actor, userID UserID) (Relation, error) {
	return s.changePair(ctx, a, userID, decline)
}

// RemoveFriend ends a friendship, or takes the actor's request back, if there is one or the other.
func (s *Service) RemoveFriend(ctx context.Context, a Actor, userID UserID) (Relation, error) {
	return s.changePair(ctx, a, userID, remove)
}

// Block ends friendship and requests and keeps the user from writing to the actor, from asking for friendship and from
// seeing when the actor is online or types. The user is not told.
func (s *Service) Block(ctx context.Context, a Actor, userID UserID) (Relation, error) {
	return s.changePair(ctx, a, userID, block)
}

// Unblock undoes Block, but for what was ended by it.
func (s *Service) Unblock(ctx context.Context, a Actor, userID UserID) (Relation, error) {
	return s.changePair(ctx, a, userID, unblock)
}

func (s *Service) changePair(ctx context.Context, a Actor, userID UserID, rule func(Pair) (Pair, []PairEvent, error)) (Relation, error) {
	switch userID {
	case "":
		return "", refusal.Missing("userId")
	case a.ID:
		return "", refusal.Invalid("userId", "must be another user")
	}
	if err := checkUserID(userID); err != nil {
		return "", ErrUserNotFound
	}
	pair, err := s.store.ChangePair(ctx, ChangePair{
		Actor: a.ID, Target: userID, Origin: a.Origin, At: s.timestamp(), Change: rule,
	})
	if err != nil {
		return "", fmt.Errorf("change what stands between users: %w", err)
	}
	return pair.Relation(), nil
}

// Friends returns whom a user has to do with, the newest of each list first, and how many those are.
func (s *Service) Friends(ctx context.Context, userID UserID, q CircleQuery) (Circle, error) {
	if err := q.check(); err != nil {
		return Circle{}, err
	}
	circle, err := s.store.Circle(ctx, userID, q)
	if err != nil {
		return Circle{}, fmt.Errorf("list friends: %w", err)
	}
	return circle, nil
}

// Pair returns what stands between two users, as a sees it.
func (s *Service) Pair(ctx context.Context, a, b UserID) (Pair, error) {
	pair, err := s.store.Pair(ctx, a, b)
	if err != nil {
		return Pair{}, fmt.Errorf("look up what stands between users: %w", err)
	}
	return pair, nil
}

// FriendIDs returns the ids of all friends, sorted. None of them blocks the user or is blocked.
func (s *Service) FriendIDs(ctx context.Context, userID UserID) ([]UserID, error) {
	return s.store.FriendIDs(ctx, userID)
}

// BlockedIDs returns the ids of all with whom there is a block, whoever's it is, sorted. Not for clients.
func (s *Service) BlockedIDs(ctx context.Context, userID UserID) ([]UserID, error) {
	return s.store.BlockedIDs(ctx, userID)
}

// The rules. Each returns what shall be and what that is to be told as; repeated, it changes nothing and tells nothing.

func request(p Pair) (Pair, []PairEvent, error) {
	switch {
	case p.Blocks:
		return p, nil, ErrUserBlocked
	case p.Friends, p.Sent:
		return p, nil, nil
	case p.Received:
		return accept(p)
	}
	p.Sent = true
	return p, []PairEvent{{FriendRequested, p.BlockedBy}}, nil
}

func accept(p Pair) (Pair, []PairEvent, error) {
	if p.Friends {
		return p, nil, nil
	}
	if p.Blocks || !p.Received {
		return p, nil, ErrRequestNotFound
	}
	p.Friends, p.Received, p.Sent = true, false, false
	return p, []PairEvent{{FriendAccepted, false}}, nil
}

func decline(p Pair) (Pair, []PairEvent, error) {
	if p.Blocks || !p.Received {
		return p, nil, nil
	}
	p.Received = false
	return p, []PairEvent{{FriendDeclined, false}}, nil
}

func remove(p Pair) (Pair, []PairEvent, error) {
	switch {
	case p.Friends:
		p.Friends = false
		return p, []PairEvent{{FriendRemoved, false}}, nil
	case p.Sent:
		p.Sent = false
		return p, []PairEvent{{FriendCancelled, p.BlockedBy}}, nil
	}
	return p, nil, nil
}

// block looks to the other one like what it ends: a friendship removed, a request declined or taken back.
func block(p Pair) (Pair, []PairEvent, error) {
	if p.Blocks {
		return p, nil, nil
	}
	var events []PairEvent
	for _, end := range []func(Pair) (Pair, []PairEvent, error){remove, decline} {
		next, ended, err := end(p)
		if err != nil {
			return p, nil, err
		}
		p, events = next, append(events, ended...)
	}
	p.Blocks = true
	return p, append(events, PairEvent{UserBlocked, true}), nil
}

func unblock(p Pair) (Pair, []PairEvent, error) {
	if !p.Blocks {
		return p, nil, nil
	}
	p.Blocks = false
	return p, []PairEvent{{UserUnblocked, true}}, nil
}
