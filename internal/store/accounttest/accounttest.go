// Package accounttest holds the tests that every driver of [account.Store] must
// pass. They speak to the store alone; the rules of account have tests of their
// own.
package accounttest

import (
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// Driver gives a test one database.
type Driver interface {
	// Open opens the database, which is empty at first, and closes it when the
	// test ends. A second Open while the first is open stands for a process that
	// died without closing: what was acknowledged must be there.
	Open(t testing.TB, sink account.Sink) account.Store
}

// Run runs the tests. newDriver returns a new, empty database for each.
func Run(t *testing.T, newDriver func(t *testing.T) Driver) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"LocalAccounts", testLocals},
		{"UsernamesAreUnique", testUsernames},
		{"SameUsernameAtOnce", testSameUsername},
		{"ReplacePassword", testReplacePassword},
		{"EnsureUser", testEnsureUser},
		{"ChangeUser", testChangeUser},
		{"SearchUsers", testSearchUsers},
		{"ListUsers", testListUsers},
		{"Seen", testSeen},
		{"Pairs", testPairs},
		{"PairOfUnknownUsers", testUnknownPair},
		{"RefusedPairsLeaveNoTrace", testRefusedPair},
		{"TooManyRequests", testTooManyRequests},
		{"Circle", testCircle},
		{"IDs", testIDs},
		{"Revocations", testRevocations},
		{"RevokedUsers", testRevokedUsers},
		{"APIKeys", testAPIKeys},
		{"BlockedAddresses", testBlockedAddresses},
		{"EventsInOrder", testEventOrder},
		{"EndedContextStoresNothing", testEndedContext},
		{"SurvivesReopening", testReopen},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{Test: suite.New[account.Event](t), driver: newDriver(t)}
			f.store = f.driver.Open(t, f.Events.Record)
			test.run(f)
		})
	}
}

// start is when all tests take place.
var start = time.Date(2024, 2, 29, 23, 59, 59, 123e6, time.UTC)

// fixture is one test with its database, and short ways to use it.
type fixture struct {
	suite.Test[account.Event]
	driver Driver
	store  account.Store
}

// user makes a user of the name id and the display name "Name of ID".
func (f *fixture) user(ids ...string) {
	f.Helper()
	for _, id := range ids {
		_, created, err := f.store.EnsureUser(f.Context(), account.EnsureUser{ID: id, Name: "Name of " + id, At: start})
		f.Must(err)
		if !created {
			f.Fatalf("user %s was there", id)
		}
	}
}

// local makes a local account.
func (f *fixture) local(id, username, name string) account.User {
	f.Helper()
	u := account.User{ID: id, Name: name, Username: username, CreatedAt: start}
	f.Must(f.store.CreateLocal(f.Context(), account.CreateLocal{User: u, PasswordHash: "hash of " + id}))
	return u
}

// set makes the pair what it is given, without an event.
func (f *fixture) set(actor, target string, at time.Time, to account.Pair) {
	f.Helper()
	_, err := f.store.ChangePair(f.Context(), account.ChangePair{
		Actor: actor, Target: target, At: at,
		Change: func(account.Pair) (account.Pair, []account.PairEvent, error) { return to, nil, nil },
	})
	f.Must(err)
}

// equal compares deeply. It may be called by the test's goroutine only.
func equal[T any](f *fixture, what string, got, want T) {
	f.Helper()
	suite.Equal(f, what, got, want)
}
