// Package accounttest holds the tests that every driver of [account.Store] must
// pass. They speak to the store alone; the rules of account have tests of their
// own.
package accounttest

import (
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// Run runs the tests. newDriver returns a new, empty database for each.
func Run(t *testing.T, newDriver func(t *testing.T) suite.Driver) {
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
		{"Issuers", testIssuers},
		{"Disabled", testDisabled},
		{"LastAdmin", testLastAdmin},
		{"LastAdminAtOnce", testLastAdminAtOnce},
		{"SameIDAtOnce", testSameID},
		{"Unsettled", testUnsettled},
		{"SearchUsers", testSearchUsers},
		{"ListUsers", testListUsers},
		{"Seen", testSeen},
		{"Pairs", testPairs},
		{"PairOfUnknownUsers", testUnknownPair},
		{"RefusedPairsLeaveNoTrace", testRefusedPair},
		{"TooManyRequests", testTooManyRequests},
		{"Circle", testCircle},
		{"ContactsOfOneMoment", testSameMoment},
		{"IDs", testIDs},
		{"Revocations", testRevocations},
		{"RevokedUsers", testRevokedUsers},
		{"APIKeys", testAPIKeys},
		{"BlockedAddresses", testBlockedAddresses},
		{"SignIns", testSignIns},
		{"Audit", testAudit},
		{"AuditOfCommands", testAuditOfCommands},
		{"EventsInOrder", testEventOrder},
		{"EndedContextStoresNothing", testEndedContext},
		{"StrangeText", testStrangeText},
		{"OrderOfIDs", testOrderOfIDs},
		{"SurvivesReopening", testReopen},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{Test: suite.New[account.Event](t), driver: newDriver(t)}
			f.open()
			test.run(f)
		})
	}
}

// start is when all tests take place.
var start = time.Date(2024, 2, 29, 23, 59, 59, 123e6, time.UTC)

// fixture is one test with its database, and short ways to use it.
type fixture struct {
	suite.Test[account.Event]
	driver suite.Driver
	store  account.Store
}

// open opens the database, or opens it again.
func (f *fixture) open() {
	_, f.store = f.driver.Open(f, func([]chat.Event) {}, f.Events.Record)
}

// user makes users with the display names that nameOf gives them.
func (f *fixture) user(ids ...account.UserID) {
	f.Helper()
	for _, id := range ids {
		_, created, err := f.store.EnsureUser(f.Context(), account.EnsureUser{Issuer: account.OwnIssuer, ID: id, Name: nameOf(id), At: start})
		f.Must(err)
		if !created {
			f.Fatalf("user %s was there", id)
		}
	}
}

func nameOf(id account.UserID) string { return "Name of " + string(id) }

// local makes a local account.
func (f *fixture) local(id account.UserID, username, name string) account.User {
	f.Helper()
	u := account.User{ID: id, Name: name, Username: username, Issuer: account.OwnIssuer, CreatedAt: start}
	f.Must(f.store.CreateLocal(f.Context(), account.CreateLocal{User: u, PasswordHash: "hash of " + string(id)}))
	return u
}

// set makes the pair what it is given, without an event.
func (f *fixture) set(actor, target account.UserID, at time.Time, to account.Pair) {
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
