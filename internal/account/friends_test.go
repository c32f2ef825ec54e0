package account_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// sound is what must hold between two users at any time.
func sound(p account.Pair) bool {
	switch {
	case p.Friends && (p.Sent || p.Received || p.Blocked()), p.Sent && p.Received, p.Blocks && p.Sent, p.BlockedBy && p.Received:
		return false
	}
	return true
}

// TestRulesKeepSound tries every rule on every sound pair.
func TestRulesKeepSound(t *testing.T) {
	tried := 0
	for bits := range 32 {
		p := account.Pair{
			Friends: bits&1 != 0, Sent: bits&2 != 0, Received: bits&4 != 0, Blocks: bits&8 != 0, BlockedBy: bits&16 != 0,
		}
		if !sound(p) {
			continue
		}
		for name, rule := range account.Rules {
			tried++
			next, events, err := rule(p)
			if !sound(next) || next.BlockedBy != p.BlockedBy {
				t.Errorf("%s makes %+v of %+v", name, next, p)
			}
			if err != nil && (next != p || len(events) > 0) {
				t.Errorf("%s of %+v is refused and makes %+v, %v", name, p, next, events)
			}
			if (next == p) != (len(events) == 0) {
				t.Errorf("%s makes %+v of %+v and tells %v", name, next, p, events)
			}
			if again, more, err2 := rule(next); err == nil && (again != next || len(more) > 0) {
				t.Errorf("%s repeated makes %+v of %+v and tells %v (%v)", name, again, next, more, err2)
			}
			for _, e := range events {
				aboutBlocks := e.Kind == account.UserBlocked || e.Kind == account.UserUnblocked
				if !e.Private && (aboutBlocks || p.BlockedBy || p.Blocks) {
					t.Errorf("%s of %+v tells the other one %s", name, p, e.Kind)
				}
			}
		}
	}
	if tried != 6*9 {
		t.Errorf("tried %d rules, want 54: is every sound pair there?", tried)
	}
}

// TestBlockedCannotTell: the answers and lists of who is blocked are those of somebody who is not.
func TestBlockedCannotTell(t *testing.T) {
	do := map[string]func(h *house, a account.Actor, id account.UserID) (account.Relation, error){
		"request": func(h *house, a account.Actor, id account.UserID) (account.Relation, error) {
			return h.RequestFriend(t.Context(), a, id)
		},
		"accept": func(h *house, a account.Actor, id account.UserID) (account.Relation, error) {
			return h.AcceptFriend(t.Context(), a, id)
		},
		"decline": func(h *house, a account.Actor, id account.UserID) (account.Relation, error) {
			return h.DeclineFriend(t.Context(), a, id)
		},
		"remove": func(h *house, a account.Actor, id account.UserID) (account.Relation, error) {
			return h.RemoveFriend(t.Context(), a, id)
		},
		"block": func(h *house, a account.Actor, id account.UserID) (account.Relation, error) {
			return h.Block(t.Context(), a, id)
		},
		"unblock": func(h *house, a account.Actor, id account.UserID) (account.Relation, error) {
			return h.Unblock(t.Context(), a, id)
		},
	}
	h := open(t, cheap())
	// One of these blocks eve, the other is a stranger who never answers.
	for _, id := range []account.UserID{"eve", "blocker", "stranger"} {
		h.external(id)
	}
	if _, err := h.Block(t.Context(), account.Actor{ID: "blocker"}, "eve"); err != nil {
		t.Fatal(err)
	}
	h.take()
	names := []string{"request", "request", "request", "accept", "decline", "remove", "block", "unblock"}
	random := rand.New(rand.NewPCG(1, 2))
	for step := range 120 {
		name := names[random.IntN(len(names))]
		var answers, told, lists [2]string
		for i, id := range []account.UserID{"blocker", "stranger"} {
			relation, err := do[name](h, account.Actor{ID: "eve"}, id)
			answers[i] = fmt.Sprint(relation, err)
			for _, e := range h.take() {
				for _, to := range e.Audience() {
					switch to {
					case "eve":
						told[i] += fmt.Sprintln(e.Kind, strings.Replace(string(e.Counterpart("eve").ID), string(id), "x", 1))
					case "blocker":
						t.Fatalf("step %d, %s: who blocks is told %+v", step, name, e)
					}
				}
			}
			circle, err := h.Friends(t.Context(), "eve", account.CircleQuery{})
			h.must(err)
			for _, list := range [][]account.Contact{circle.Friends, circle.Sent, circle.Received, circle.Blocked} {
				lists[i] += fmt.Sprint(slices.ContainsFunc(list, func(c account.Contact) bool { return c.User.ID == id }))
			}
		}
		for what, pair := range map[string][2]string{"answers": answers, "events": told, "lists": lists} {
			if pair[0] != pair[1] {
				t.Fatalf("step %d, %s: %s differ: %q and %q", step, name, what, pair[0], pair[1])
			}
		}
		circle, err := h.Friends(t.Context(), "blocker", account.CircleQuery{})
		h.must(err)
		if len(circle.Received) > 0 || len(circle.Blocked) != 1 {
			t.Fatalf("step %d, %s: who blocks sees %+v", step, name, circle)
		}
	}
}

func TestFriendship(t *testing.T) {
	h := open(t, cheap())
	ctx := t.Context()
	h.external("a")
	h.external("b")
	a, b := account.Actor{ID: "a", Origin: "device of a"}, account.Actor{ID: "b", Origin: "device of b"}
	person := func(id account.UserID) account.Person {
		return account.Person{ID: id, Name: "Name of " + string(id)}
	}
	step := func(what string, want account.Relation, relation account.Relation, err error, events ...account.Event) {
		t.Helper()
		h.must(err)
		same(t, what, relation, want)
		same(t, what+": events", h.take(), events)
	}
	by := func(actor account.Actor, other account.UserID, kind account.EventKind, private bool) account.Event {
		return account.Event{
			Kind: kind, At: noon, Actor: person(actor.ID), Other: person(other), Private: private, Origin: actor.Origin,
		}
	}
	relation, err := h.RequestFriend(ctx, a, "b")
	step("request", account.RelationSent, relation, err, by(a, "b", account.FriendRequested, false))
	relation, err = h.RequestFriend(ctx, a, "b")
	step("again", account.RelationSent, relation, err)
	relation, err = h.RemoveFriend(ctx, a, "b")
	step("taken back", account.RelationNone, relation, err, by(a, "b", account.FriendCancelled, false))
	relation, err = h.RequestFriend(ctx, a, "b")
	step("request", account.RelationSent, relation, err, by(a, "b", account.FriendRequested, false))
	relation, err = h.DeclineFriend(ctx, b, "a")
	step("decline", account.RelationNone, relation, err, by(b, "a", account.FriendDeclined, false))
	_, err = h.AcceptFriend(ctx, b, "a")
	h.refused(err, account.ErrRequestNotFound)
	relation, err = h.RequestFriend(ctx, a, "b")
	step("request", account.RelationSent, relation, err, by(a, "b", account.FriendRequested, false))
	relation, err = h.RequestFriend(ctx, b, "a")
	step("a request of both accepts", account.RelationFriends, relation, err, by(b, "a", account.FriendAccepted, false))
	ids, err := h.FriendIDs(ctx, "a")
	h.must(err)
	same(t, "friends", ids, []account.UserID{"b"})

	relation, err = h.Block(ctx, b, "a")
	step("block", account.RelationBlocked, relation, err, by(b, "a", account.FriendRemoved, false), by(b, "a", account.UserBlocked, true))
	pair, err := h.Pair(ctx, "a", "b")
	h.must(err)
	same(t, "as the blocked one sees it", pair.Relation(), account.RelationNone)
	same(t, "blocked", pair.Blocked(), true)
	_, err = h.RequestFriend(ctx, b, "a")
	h.refused(err, account.ErrUserBlocked)
	relation, err = h.RequestFriend(ctx, a, "b")
	step("request to who blocks", account.RelationSent, relation, err, by(a, "b", account.FriendRequested, true))
	_, err = h.AcceptFriend(ctx, b, "a")
	h.refused(err, account.ErrRequestNotFound)
	relation, err = h.Unblock(ctx, b, "a")
	step("unblock", account.RelationReceived, relation, err, by(b, "a", account.UserUnblocked, true))
	relation, err = h.AcceptFriend(ctx, b, "a")
	step("accept", account.RelationFriends, relation, err, by(b, "a", account.FriendAccepted, false))

	for _, id := range []account.UserID{"", "a"} {
		_, err := h.RequestFriend(ctx, a, id)
		code := refusal.MissingFields
		if id != "" {
			code = refusal.InvalidField
		}
		h.fault(err, code, "userId", 0)
	}
	for _, id := range []account.UserID{"nobody", account.UserID(strings.Repeat("x", 200)), "a\x00"} {
		_, err := h.Block(ctx, a, id)
		h.refused(err, account.ErrUserNotFound)
	}
}

func TestEventAudience(t *testing.T) {
	e := account.Event{Actor: account.Person{ID: "a"}, Other: account.Person{ID: "b"}}
	same(t, "both", e.Audience(), []account.UserID{"b", "a"})
	same(t, "for b", e.Counterpart("b").ID, "a")
	same(t, "for a", e.Counterpart("a").ID, "b")
	e.Private = true
	same(t, "private", e.Audience(), []account.UserID{"a"})
	same(t, "about one", (&account.Event{Actor: account.Person{ID: "a"}}).Counterpart("x").ID, "a")
}
