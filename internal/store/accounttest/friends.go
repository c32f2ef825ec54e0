package accounttest

import (
	"errors"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// mirror is the pair as the other one sees it.
func mirror(p account.Pair) account.Pair {
	return account.Pair{Friends: p.Friends, Sent: p.Received, Received: p.Sent, Blocks: p.BlockedBy, BlockedBy: p.Blocks}
}

// testPairs takes two users from each possible pair to each other one.
func testPairs(f *fixture) {
	var pairs []account.Pair
	for bits := range 16 {
		pairs = append(pairs, account.Pair{
			Friends: bits&1 != 0, Sent: bits&2 != 0, Received: bits&4 != 0, Blocks: bits&8 != 0,
		})
	}
	f.user("a", "b", "c")
	f.set("a", "c", start, account.Pair{Friends: true})
	for _, ids := range [][2]account.UserID{{"a", "b"}, {"b", "a"}} {
		actor, target := ids[0], ids[1]
		for _, from := range pairs {
			for _, to := range pairs {
				f.set(actor, target, start, from)
				got, err := f.store.ChangePair(f.Context(), account.ChangePair{
					Actor: actor, Target: target, At: start, Origin: "here",
					Change: func(p account.Pair) (account.Pair, []account.PairEvent, error) {
						equal(f, "before", p, from)
						return to, []account.PairEvent{{Kind: account.FriendAccepted}, {Kind: account.UserBlocked, Private: true}}, nil
					},
				})
				f.Must(err)
				equal(f, "answer", got, to)
				f.pairIs(actor, target, to)
				one := account.Event{
					Kind: account.FriendAccepted, At: start, Origin: "here",
					Actor: account.Person{ID: actor, Name: nameOf(actor)}, Other: account.Person{ID: target, Name: nameOf(target)},
				}
				other := one
				other.Kind, other.Private = account.UserBlocked, true
				if from == to {
					f.Quiet()
				} else {
					equal(f, "events", f.Events.Take(), []account.Event{one, other})
				}
			}
		}
		f.set(actor, target, start, account.Pair{})
	}
	f.pairIs("a", "c", account.Pair{Friends: true})
}

func (f *fixture) pairIs(a, b account.UserID, want account.Pair) {
	f.Helper()
	got, err := f.store.Pair(f.Context(), a, b)
	f.Must(err)
	equal(f, "stored", got, want)
	got, err = f.store.Pair(f.Context(), b, a)
	f.Must(err)
	equal(f, "seen from the other side", got, mirror(want))
}

func testUnknownPair(f *fixture) {
	f.user("a")
	for _, ids := range [][2]account.UserID{{"a", "nobody"}, {"nobody", "a"}} {
		_, err := f.store.ChangePair(f.Context(), account.ChangePair{
			Actor: ids[0], Target: ids[1], At: start,
			Change: func(p account.Pair) (account.Pair, []account.PairEvent, error) { p.Sent = true; return p, nil, nil },
		})
		f.Refused(err, account.ErrUserNotFound)
		f.pairIs(ids[0], ids[1], account.Pair{})
	}
}

func testRefusedPair(f *fixture) {
	f.user("a", "b")
	no := errors.New("no")
	_, err := f.store.ChangePair(f.Context(), account.ChangePair{
		Actor: "a", Target: "b", At: start,
		Change: func(p account.Pair) (account.Pair, []account.PairEvent, error) {
			p.Sent = true
			return p, []account.PairEvent{{Kind: account.FriendRequested}}, no
		},
	})
	f.Refused(err, no)
	f.Quiet()
	f.pairIs("a", "b", account.Pair{})
}

func testTooManyRequests(f *fixture) {
	f.user("a")
	request := func(i int) error {
		id := numbered(i)
		if _, _, err := f.store.EnsureUser(f.Context(), account.EnsureUser{Issuer: account.OwnIssuer, ID: id, Name: string(id), At: start}); err != nil {
			return err
		}
		_, err := f.store.ChangePair(f.Context(), account.ChangePair{
			Actor: "a", Target: id, At: start,
			Change: func(p account.Pair) (account.Pair, []account.PairEvent, error) {
				p.Sent = true
				return p, []account.PairEvent{{Kind: account.FriendRequested}}, nil
			},
		})
		return err
	}
	suite.AtOnce(account.MaxRequests, func(i int) {
		if err := request(i); err != nil {
			f.Error(err)
		}
	})
	equal(f, "events", len(f.Events.Take()), account.MaxRequests)
	err := request(account.MaxRequests)
	if refused := refusal.Of(err); refused == nil || refused.Code != refusal.LimitExceeded || refused.Limit != account.MaxRequests {
		f.Fatalf("one more: %v", err)
	}
	f.Quiet()
	f.pairIs("a", numbered(account.MaxRequests), account.Pair{})
}

func numbered(i int) account.UserID { return account.UserID(fmt.Sprintf("x%04d", i)) }

func testCircle(f *fixture) {
	f.user("me", "f1", "f2", "f3", "out", "in", "hidden", "bad")
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	f.set("me", "f1", at(1), account.Pair{Friends: true})
	f.set("f2", "me", at(3), account.Pair{Friends: true})
	f.set("me", "f3", at(2), account.Pair{Friends: true})
	f.set("me", "out", at(1), account.Pair{Sent: true})
	f.set("in", "me", at(1), account.Pair{Sent: true})
	f.set("me", "hidden", at(1), account.Pair{Blocks: true})
	f.set("hidden", "me", at(2), account.Pair{Sent: true, BlockedBy: true})
	f.set("bad", "me", at(1), account.Pair{Blocks: true})

	contact := func(id account.UserID, minutes int) account.Contact {
		return account.Contact{User: account.User{ID: id, Name: nameOf(id), Issuer: account.OwnIssuer, CreatedAt: start}, Since: at(minutes)}
	}
	ask := func(id account.UserID, q account.CircleQuery) account.Circle {
		f.Helper()
		c, err := f.store.Circle(f.Context(), id, q)
		f.Must(err)
		return c
	}
	circle := func(id account.UserID, limit int) account.Circle {
		f.Helper()
		return ask(id, account.CircleQuery{Limit: limit})
	}
	equal(f, "mine", circle("me", 10), account.Circle{
		Friends:  []account.Contact{contact("f2", 3), contact("f3", 2), contact("f1", 1)},
		Sent:     []account.Contact{contact("out", 1)},
		Received: []account.Contact{contact("in", 1)},
		Blocked:  []account.Contact{contact("hidden", 1)},
		Counts:   account.CircleCounts{Friends: 3, Sent: 1, Received: 1, Blocked: 1},
	})
	equal(f, "limited", circle("me", 2).Friends, []account.Contact{contact("f2", 3), contact("f3", 2)})
	none := []account.Contact{}
	equal(f, "of who is blocked", circle("hidden", 10), account.Circle{
		Friends: none, Sent: []account.Contact{contact("me", 2)}, Received: none, Blocked: none,
		Counts: account.CircleCounts{Sent: 1},
	})
	equal(f, "of nobody", circle("nobody", 10), account.Circle{Friends: none, Sent: none, Received: none, Blocked: none})

	list := func(name account.ContactList, after account.UserID, limit int) account.Circle {
		f.Helper()
		return ask("me", account.CircleQuery{List: name, After: after, Limit: limit})
	}
	counts := circle("me", 1).Counts
	equal(f, "the first page", list(account.ListFriends, "", 2), account.Circle{
		Friends: []account.Contact{contact("f2", 3), contact("f3", 2)}, Counts: counts,
	})
	equal(f, "the second page", list(account.ListFriends, "f3", 2).Friends, []account.Contact{contact("f1", 1)})
	equal(f, "after the last", list(account.ListFriends, "f1", 2).Friends, none)
	equal(f, "after who is no friend", list(account.ListFriends, "out", 1).Friends, []account.Contact{contact("f2", 3)})
	equal(f, "requests", list(account.ListReceived, "", 2), account.Circle{Received: []account.Contact{contact("in", 1)}, Counts: counts})
	equal(f, "after who is blocked", list(account.ListReceived, "hidden", 2).Received, []account.Contact{contact("in", 1)})
}

// testSameMoment: contacts of one time have an order too, in which pages neither repeat nor leave out.
func testSameMoment(f *fixture) {
	f.user("m")
	var want []account.UserID
	for _, id := range []account.UserID{"a", "b", "c", "x", "y", "z"} { // on both sides of m
		f.user(id)
		f.set("m", id, start, account.Pair{Friends: true})
		want = append([]account.UserID{id}, want...)
	}
	got, after := []account.UserID{}, account.UserID("")
	for range len(want) {
		page, err := f.store.Circle(f.Context(), "m", account.CircleQuery{List: account.ListFriends, After: after, Limit: 1})
		f.Must(err)
		after = page.Friends[0].User.ID
		got = append(got, after)
	}
	equal(f, "pages", got, want)
}

func testIDs(f *fixture) {
	f.user("m", "a", "z", "b1", "b2", "b3")
	f.set("m", "z", start, account.Pair{Friends: true})
	f.set("m", "a", start, account.Pair{Friends: true})
	f.set("m", "b2", start, account.Pair{Blocks: true})
	f.set("b1", "m", start, account.Pair{Blocks: true})
	f.set("b3", "m", start, account.Pair{Blocks: true})
	f.set("m", "b3", start, account.Pair{Blocks: true, BlockedBy: true})
	ids := func(list []account.UserID, err error) []account.UserID { f.Helper(); f.Must(err); return list }
	equal(f, "friends", ids(f.store.FriendIDs(f.Context(), "m")), []account.UserID{"a", "z"})
	equal(f, "friend of one", ids(f.store.FriendIDs(f.Context(), "z")), []account.UserID{"m"})
	equal(f, "blocked either way", ids(f.store.BlockedIDs(f.Context(), "m")), []account.UserID{"b1", "b2", "b3"})
	equal(f, "blocked", ids(f.store.BlockedIDs(f.Context(), "b1")), []account.UserID{"m"})
	equal(f, "nobody's", ids(f.store.FriendIDs(f.Context(), "nobody")), []account.UserID{})
}
