package accounttest

import (
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

func testLocals(f *fixture) {
	u := f.local("u_ada", "Ada.L", "Ada Lovelace")
	f.Quiet()
	want := account.Local{User: u, PasswordHash: "hash of u_ada"}
	for _, username := range []string{"Ada.L", "ada.l", "ADA.L"} {
		got, found, err := f.store.LocalByUsername(f.Context(), username)
		f.Must(err)
		equal(f, username+" found", found, true)
		equal(f, username, got, want)
	}
	got, found, err := f.store.Local(f.Context(), "u_ada")
	f.Must(err)
	equal(f, "by id", got, want)
	equal(f, "found", found, true)
	user, found, err := f.store.User(f.Context(), "u_ada")
	f.Must(err)
	equal(f, "user", user, u)
	equal(f, "found", found, true)

	for _, username := range []string{"", "ada", "ada.l ", "ada.lx"} {
		got, found, err := f.store.LocalByUsername(f.Context(), username)
		f.Must(err)
		equal(f, "unknown", got, account.Local{})
		equal(f, "found", found, false)
	}
	f.user("external")
	_, found, err = f.store.Local(f.Context(), "external")
	f.Must(err)
	equal(f, "an external user is no local account", found, false)
}

func testUsernames(f *fixture) {
	f.local("u_1", "Zoe", "Zoe")
	err := f.store.CreateLocal(f.Context(), account.CreateLocal{
		User: account.User{ID: "u_2", Name: "Other", Username: "zOE", Issuer: account.OwnIssuer, CreatedAt: start}, PasswordHash: "x",
	})
	f.Refused(err, account.ErrLoginTaken)
	_, found, err := f.store.User(f.Context(), "u_2")
	f.Must(err)
	equal(f, "a user was left behind", found, false)
	users, err := f.store.SearchUsers(f.Context(), "other", 10)
	f.Must(err)
	equal(f, "terms were left behind", users, []account.User{})
}

func testSameUsername(f *fixture) {
	var created atomic.Int32
	suite.AtOnce(16, func(i int) {
		err := f.store.CreateLocal(f.Context(), account.CreateLocal{
			User:         account.User{ID: account.UserID("u_" + strconv.Itoa(i)), Name: "N", Username: "same", Issuer: account.OwnIssuer, CreatedAt: start},
			PasswordHash: strconv.Itoa(i),
		})
		switch {
		case err == nil:
			created.Add(1)
		case !errors.Is(err, account.ErrLoginTaken):
			f.Errorf("got %v", err)
		}
	})
	equal(f, "accounts with one username", created.Load(), 1)
	local, found, err := f.store.LocalByUsername(f.Context(), "same")
	f.Must(err)
	equal(f, "found", found, true)
	equal(f, "user and password belong together", local.User.ID, account.UserID("u_"+local.PasswordHash))
}

func testReplacePassword(f *fixture) {
	f.local("u_ada", "ada", "Ada")
	replace := func(id account.UserID, from, to string, revoke *account.Revocation) bool {
		f.Helper()
		replaced, err := f.store.ReplacePassword(f.Context(), account.ReplacePassword{UserID: id, Old: from, New: to, Revoke: revoke})
		f.Must(err)
		return replaced
	}
	revocation := account.Revocation{At: start, UserID: "u_ada", IssuedBy: start}
	equal(f, "with a wrong old hash", replace("u_ada", "wrong", "x", &revocation), false)
	equal(f, "of an unknown user", replace("u_none", "", "x", &revocation), false)
	equal(f, "revoked", f.revoked(start), []account.Revocation{})
	f.Quiet()
	equal(f, "replaced", replace("u_ada", "hash of u_ada", "second", &revocation), true)
	equal(f, "event", f.Events.Take(), []account.Event{{Kind: account.TokensRevoked, At: start, Revocation: &revocation}})
	equal(f, "revoked", f.revoked(start), []account.Revocation{{UserID: "u_ada", IssuedBy: start}})
	equal(f, "the first is gone", replace("u_ada", "hash of u_ada", "third", nil), false)
	local, _, err := f.store.Local(f.Context(), "u_ada")
	f.Must(err)
	equal(f, "stored", local.PasswordHash, "second")
}

func testEnsureUser(f *fixture) {
	ensure := func(name string, rename bool, at time.Time) (account.User, bool) {
		f.Helper()
		u, created, err := f.store.EnsureUser(f.Context(), account.EnsureUser{Issuer: account.OwnIssuer, ID: "ada", Name: name, Rename: rename, At: at})
		f.Must(err)
		return u, created
	}
	want := account.User{ID: "ada", Name: "Ada", Issuer: account.OwnIssuer, CreatedAt: start}
	for i, rename := range []bool{true, true, false} {
		u, created := ensure("Ada", rename, start.Add(time.Duration(i)*time.Hour))
		equal(f, "user", u, want)
		equal(f, "created", created, i == 0)
	}
	u, _ := ensure("Countess", false, start)
	equal(f, "not renamed", u, want)
	f.Quiet()

	later := start.Add(time.Hour)
	want.Name = "Countess"
	u, created := ensure("Countess", true, later)
	equal(f, "renamed", u, want)
	equal(f, "created", created, false)
	equal(f, "event", f.Events.Take(), []account.Event{
		{Kind: account.UserChanged, At: later, Actor: account.Person{ID: "ada", Name: "Countess"}},
	})
	stored, found, err := f.store.User(f.Context(), "ada")
	f.Must(err)
	equal(f, "stored", stored, want)
	equal(f, "found", found, true)
	_, found, err = f.store.User(f.Context(), "Ada")
	f.Must(err)
	equal(f, "ids have a case", found, false)
}

func testChangeUser(f *fixture) {
	f.user("ada")
	name, yes, no := "Countess", true, false
	change := func(cmd account.ChangeUser) account.User {
		f.Helper()
		cmd.ID, cmd.At, cmd.Origin = "ada", start, "here"
		u, err := f.store.ChangeUser(f.Context(), cmd)
		f.Must(err)
		return u
	}
	want := account.User{ID: "ada", Name: "Name of ada", Issuer: account.OwnIssuer, CreatedAt: start}
	equal(f, "nothing set", change(account.ChangeUser{}), want)
	want.Admin = true
	equal(f, "admin", change(account.ChangeUser{Admin: &yes}), want)
	f.Quiet()
	want.Name = name
	equal(f, "name", change(account.ChangeUser{Name: &name}), want)
	equal(f, "event", f.Events.Take(), []account.Event{
		{Kind: account.UserChanged, At: start, Actor: account.Person{ID: "ada", Name: name}, Origin: "here"},
	})
	equal(f, "again", change(account.ChangeUser{Name: &name, Admin: &yes}), want)
	f.Quiet()
	admins := func() []account.User {
		f.Helper()
		users, err := f.store.Admins(f.Context())
		f.Must(err)
		return users
	}
	equal(f, "admins", admins(), []account.User{want})
	want.Admin = false
	equal(f, "no admin", change(account.ChangeUser{Admin: &no}), want)
	equal(f, "no admins", admins(), []account.User{})
	_, err := f.store.ChangeUser(f.Context(), account.ChangeUser{ID: "nobody", Name: &name, At: start})
	f.Refused(err, account.ErrUserNotFound)
	f.Quiet()
}

func testListUsers(f *fixture) {
	f.user("bob", "carl")
	bob := account.User{ID: "bob", Name: "Name of bob", Issuer: account.OwnIssuer, CreatedAt: start}
	carl := account.User{ID: "carl", Name: "Name of carl", Issuer: account.OwnIssuer, CreatedAt: start}
	ada := f.local("u_ada", "ada", "Ada")
	list := func(after account.UserID, limit int) []account.User {
		f.Helper()
		users, err := f.store.ListUsers(f.Context(), after, limit)
		f.Must(err)
		return users
	}
	equal(f, "all", list("", 10), []account.User{bob, carl, ada})
	equal(f, "a page", list("", 2), []account.User{bob, carl})
	equal(f, "the next page", list("carl", 2), []account.User{ada})
	equal(f, "after the last", list("u_ada", 2), []account.User{})
}

func testSearchUsers(f *fixture) {
	f.local("u_1", "Ada.L", "Ada Lovelace")
	f.local("u_2", "love", "Love Lovelace")
	for id, name := range map[account.UserID]string{"e1": "ÉMILE Zola", "e2": "émilie", "e3": "会议 室", "e4": "100% _x", "e5": "林小雨", "e6": "さくら"} {
		_, _, err := f.store.EnsureUser(f.Context(), account.EnsureUser{Issuer: account.OwnIssuer, ID: id, Name: name, At: start})
		f.Must(err)
	}
	search := func(query string, limit int) []account.UserID {
		f.Helper()
		users, err := f.store.SearchUsers(f.Context(), account.Fold(query), limit)
		f.Must(err)
		ids := []account.UserID{}
		for _, u := range users {
			ids = append(ids, u.ID)
		}
		return ids
	}
	for query, want := range map[string][]account.UserID{
		"ada":          {"u_1"},
		"ADA.l":        {"u_1"},
		"ada love":     {"u_1"},
		"love":         {"u_2", "u_1"}, // "love" itself comes before "lovelace"
		"LOVELACE":     {"u_1", "u_2"},
		"lovelace ada": {},
		"ace":          {},
		"émil":         {"e1", "e2"},
		"Zola":         {"e1"},
		"会":            {"e3"},
		"室":            {"e3"},
		"小雨":           {"e5"},
		"雨":            {"e5"},
		"雨小":           {},
		"くら":           {"e6"},
		"100%":         {"e4"},
		"%":            {},
		"_":            {},
		"x":            {"e4"},
	} {
		equal(f, query, search(query, 10), want)
	}
	equal(f, "limit", search("love", 1), []account.UserID{"u_2"})

	name := "Augusta"
	_, err := f.store.ChangeUser(f.Context(), account.ChangeUser{ID: "u_1", Name: &name, At: start})
	f.Must(err)
	equal(f, "new name", search("aug", 10), []account.UserID{"u_1"})
	equal(f, "old name", search("lovelace", 10), []account.UserID{"u_2"})
	equal(f, "username stays", search("ada", 10), []account.UserID{"u_1"})
	users, err := f.store.SearchUsers(f.Context(), "aug", 1)
	f.Must(err)
	equal(f, "whole", users, []account.User{{ID: "u_1", Name: name, Username: "Ada.L", Issuer: account.OwnIssuer, CreatedAt: start}})
}

func testSeen(f *fixture) {
	f.user("a", "b")
	seen := func(at ...account.Seen) { f.Helper(); f.Must(f.store.Seen(f.Context(), at)) }
	lastSeen := func(id account.UserID) time.Time {
		f.Helper()
		u, _, err := f.store.User(f.Context(), id)
		f.Must(err)
		return u.LastSeen
	}
	equal(f, "at first", lastSeen("a"), time.Time{})
	later := start.Add(time.Minute)
	seen(account.Seen{UserID: "a", At: later}, account.Seen{UserID: "nobody", At: later}, account.Seen{UserID: "b", At: start})
	equal(f, "a", lastSeen("a"), later)
	equal(f, "b", lastSeen("b"), start)
	seen(account.Seen{UserID: "a", At: start}, account.Seen{UserID: "b", At: later})
	equal(f, "never back", lastSeen("a"), later)
	equal(f, "forward", lastSeen("b"), later)
	_, found, err := f.store.User(f.Context(), "nobody")
	f.Must(err)
	equal(f, "made up", found, false)
	f.Quiet()
}
