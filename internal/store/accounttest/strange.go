package accounttest

import (
	"net/netip"

	"github.com/sockeye-im/sockeye/internal/account"
)

// testStrangeText: clients ask for what they like. An id that nobody can have is one that nobody has.
func testStrangeText(f *fixture) {
	f.user("ada")
	f.local("u_bob", "bob", "Bob")
	for _, text := range []string{"a\x00da", "\x00", "ada\xff", "\xc3(", "\xed\xa0\x80"} {
		id := account.UserID(text)
		unknown := func(what string, found bool, err error) {
			f.Helper()
			f.Must(err)
			if found {
				f.Errorf("%s of %q was found", what, text)
			}
		}
		_, found, err := f.store.User(f.Context(), id)
		unknown("user", found, err)
		_, found, err = f.store.Local(f.Context(), id)
		unknown("account", found, err)
		_, found, err = f.store.LocalByUsername(f.Context(), text)
		unknown("login name", found, err)
		signedIn, err := f.store.SignedIn(f.Context(), text, netip.MustParseAddr("192.0.2.1"))
		unknown("sign-in", !signedIn.IsZero(), err)
		by, err := f.store.RevokedBy(f.Context(), id)
		unknown("revocation", !by.IsZero(), err)
		found, err = f.store.RevokeAPIKey(f.Context(), text, start)
		unknown("API key", found, err)
		users, err := f.store.SearchUsers(f.Context(), text, 10)
		unknown("term", len(users) > 0, err)
		ids, err := f.store.FriendIDs(f.Context(), id)
		unknown("friend", len(ids) > 0, err)
		ids, err = f.store.BlockedIDs(f.Context(), id)
		unknown("block", len(ids) > 0, err)
		circle, err := f.store.Circle(f.Context(), id, account.CircleQuery{Limit: 10})
		unknown("contact", len(circle.Friends) > 0, err)
		f.pairIs("ada", id, account.Pair{})
		_, err = f.store.ChangeUser(f.Context(), account.ChangeUser{ID: id, At: start})
		f.Refused(err, account.ErrUserNotFound)
		_, err = f.store.ChangePair(f.Context(), account.ChangePair{
			Actor: "ada", Target: id, At: start,
			Change: func(p account.Pair) (account.Pair, []account.PairEvent, error) { p.Sent = true; return p, nil, nil },
		})
		f.Refused(err, account.ErrUserNotFound)
		f.Must(f.store.Seen(f.Context(), []account.Seen{{UserID: id, At: start}, {UserID: "ada", At: start}}))
		u, _, err := f.store.User(f.Context(), "ada")
		f.Must(err)
		equal(f, "the others were seen", u.LastSeen, start)
	}
	f.Quiet()
}
