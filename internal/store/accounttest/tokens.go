package accounttest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// revoked returns all revocations, in a fixed order.
func (f *fixture) revoked(now time.Time) []account.Revocation {
	f.Helper()
	list := []account.Revocation{}
	f.Must(f.store.Revoked(f.Context(), now, func(r account.Revocation) { list = append(list, r) }))
	slices.SortFunc(list, func(a, b account.Revocation) int {
		return strings.Compare(string(a.UserID)+"/"+a.Issuer+"/"+a.TokenID, string(b.UserID)+"/"+b.Issuer+"/"+b.TokenID)
	})
	return list
}

func testRevocations(f *fixture) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	revocations := []account.Revocation{
		{At: start, UserID: "ada", IssuedBy: at(2)},
		{At: start, UserID: "ada", IssuedBy: at(3)},
		{At: start, UserID: "ada", IssuedBy: at(1)},
		{At: start, Issuer: "one", TokenID: "t", Until: at(10)},
		{At: start, Issuer: "one", TokenID: "t", Until: at(10)},
		{At: start, Issuer: "two", TokenID: "t", Until: at(20)},
		{At: start, Issuer: "two", TokenID: "forever"},
	}
	for _, r := range revocations {
		f.Must(f.store.Revoke(f.Context(), r))
	}
	var told []account.Revocation
	for _, e := range f.Events.Take() {
		equal(f, "event", e, account.Event{Kind: account.TokensRevoked, At: start, Revocation: e.Revocation})
		told = append(told, *e.Revocation)
	}
	equal(f, "told", told, revocations)
	ada := account.Revocation{UserID: "ada", IssuedBy: at(3)}
	one := account.Revocation{Issuer: "one", TokenID: "t", Until: at(10)}
	two := account.Revocation{Issuer: "two", TokenID: "t", Until: at(20)}
	forever := account.Revocation{Issuer: "two", TokenID: "forever"}
	equal(f, "all", f.revoked(at(10)), []account.Revocation{one, forever, two, ada})
	equal(f, "later", f.revoked(at(15)), []account.Revocation{forever, two, ada})
	f.Must(f.store.Revoke(f.Context(), account.Revocation{At: at(30), Issuer: "two", TokenID: "next", Until: at(60)}))
	next := account.Revocation{Issuer: "two", TokenID: "next", Until: at(60)}
	equal(f, "forgotten by the next", f.revoked(start), []account.Revocation{forever, next, ada})
}

func testRevokedUsers(f *fixture) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	since := func(minutes int) []account.Revocation {
		f.Helper()
		list, err := f.store.RevokedUsers(f.Context(), at(minutes))
		f.Must(err)
		return list
	}
	equal(f, "none", since(0), []account.Revocation{})
	ada := account.Revocation{UserID: "ada", IssuedBy: at(3)}
	bob := account.Revocation{UserID: "bob", IssuedBy: at(2)}
	for _, r := range []account.Revocation{
		{At: start, UserID: "ada", IssuedBy: at(1)}, {At: start, UserID: "bob", IssuedBy: at(2)}, {At: start, UserID: "ada", IssuedBy: at(3)},
		{At: start, Issuer: "one", TokenID: "t", Until: at(10)},
	} {
		f.Must(f.store.Revoke(f.Context(), r))
	}
	equal(f, "all", since(0), []account.Revocation{bob, ada})
	equal(f, "from their time on", since(2), []account.Revocation{bob, ada})
	equal(f, "later ones", since(3), []account.Revocation{ada})
	equal(f, "later still", since(4), []account.Revocation{})
	for user, want := range map[account.UserID]time.Time{"ada": at(3), "bob": at(2), "carl": {}} {
		by, err := f.store.RevokedBy(f.Context(), user)
		f.Must(err)
		equal(f, "revoked by, of "+string(user), by, want)
	}
}

func testAPIKeys(f *fixture) {
	first := account.APIKey{
		ID: "k_2", Name: "Backend", Scopes: []account.Scope{account.ScopeRooms, account.ScopeUsers}, CreatedAt: start,
	}
	second := account.APIKey{ID: "k_1", Name: "Other", Scopes: []account.Scope{account.ScopeAll}, CreatedAt: start.Add(time.Second)}
	f.Must(f.store.CreateAPIKey(f.Context(), first, []byte("hash 1")))
	f.Must(f.store.CreateAPIKey(f.Context(), second, []byte("hash 2")))
	byHash := func(hash string) (account.APIKey, bool) {
		f.Helper()
		k, found, err := f.store.APIKeyByHash(f.Context(), []byte(hash))
		f.Must(err)
		return k, found
	}
	k, found := byHash("hash 1")
	equal(f, "found", found, true)
	equal(f, "key", k, first)
	k, found = byHash("hash")
	equal(f, "unknown", found, false)
	equal(f, "unknown key", k, account.APIKey{})

	for i := range 2 {
		found, err := f.store.RevokeAPIKey(f.Context(), "k_2", start.Add(time.Duration(i+1)*time.Hour))
		f.Must(err)
		equal(f, "revoked", found, true)
	}
	found, err := f.store.RevokeAPIKey(f.Context(), "k_3", start)
	f.Must(err)
	equal(f, "unknown", found, false)
	first.RevokedAt = start.Add(time.Hour)
	k, found = byHash("hash 1")
	equal(f, "still found", found, true)
	equal(f, "the first time stays", k, first)
	keys, err := f.store.APIKeys(f.Context())
	f.Must(err)
	equal(f, "all", keys, []account.APIKey{first, second})
}

// testEventOrder renames one user at many places at once: the last event must tell the
// name that is stored, and each must be told before its caller goes on.
func testEventOrder(f *fixture) {
	f.user("ada")
	const renames = 200
	told := make([]bool, renames)
	suite.AtOnce(renames, func(i int) {
		name := strconv.Itoa(i)
		if _, err := f.store.ChangeUser(f.Context(), account.ChangeUser{ID: "ada", Name: &name, At: start}); err != nil {
			f.Error(err)
			return
		}
		told[i] = f.Events.Has(func(e account.Event) bool { return e.Actor.Name == name })
	})
	for i, ok := range told {
		if !ok {
			f.Errorf("rename %d returned before it was told", i)
		}
	}
	events := f.Events.Take()
	equal(f, "events", len(events), renames)
	u, _, err := f.store.User(f.Context(), "ada")
	f.Must(err)
	equal(f, "last told", events[renames-1].Actor.Name, u.Name)
}

func testEndedContext(f *fixture) {
	f.user("a", "b")
	ctx := suite.Ended(f.Context())
	name := "x"
	_, err := f.store.ChangeUser(ctx, account.ChangeUser{ID: "a", Name: &name, At: start})
	f.Refused(err, ctx.Err())
	_, err = f.store.ChangePair(ctx, account.ChangePair{
		Actor: "a", Target: "b", At: start,
		Change: func(p account.Pair) (account.Pair, []account.PairEvent, error) { p.Sent = true; return p, nil, nil },
	})
	f.Refused(err, ctx.Err())
	f.Refused(f.store.Revoke(ctx, account.Revocation{At: start, UserID: "a", IssuedBy: start}), ctx.Err())
	f.Quiet()
	f.pairIs("a", "b", account.Pair{})
	equal(f, "revoked", f.revoked(start), []account.Revocation{})
}

func testReopen(f *fixture) {
	u := f.local("u_1", "ada", "Ada")
	f.user("b")
	f.set("u_1", "b", start, account.Pair{Friends: true})
	f.set("b", "u_1", start, account.Pair{Blocks: true})
	f.Must(f.store.Revoke(f.Context(), account.Revocation{At: start, UserID: "b", IssuedBy: start}))
	f.open()
	local, found, err := f.store.LocalByUsername(f.Context(), "ADA")
	f.Must(err)
	equal(f, "found", found, true)
	equal(f, "account", local, account.Local{User: u, PasswordHash: "hash of u_1"})
	f.pairIs("b", "u_1", account.Pair{Blocks: true})
	equal(f, "revoked", f.revoked(start), []account.Revocation{{UserID: "b", IssuedBy: start}})
}
