package accounttest

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
)

func testSignIns(f *fixture) {
	f.local("u_ada", "Ada", "Ada")
	f.local("u_bob", "bob", "Bob")
	home, away := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::")
	note := func(user account.UserID, from netip.Addr, at time.Time) {
		f.Helper()
		f.Must(f.store.NoteSignIn(f.Context(), account.SignIn{UserID: user, From: from, At: at}))
	}
	is := func(username string, from netip.Addr, want time.Time) {
		f.Helper()
		at, err := f.store.SignedIn(f.Context(), username, from)
		f.Must(err)
		equal(f, fmt.Sprint(username, " from ", from), at, want)
	}
	is("ada", home, time.Time{})
	note("u_ada", home, start)
	is("ADA", home, start)
	is("ada", away, time.Time{})
	is("bob", home, time.Time{})
	is("nobody", home, time.Time{})
	note("u_ada", home, start.Add(time.Hour))
	note("u_ada", home, start)
	is("ada", home, start.Add(time.Hour))

	note("u_ada", away, start.Add(-time.Hour))
	note("u_bob", away, start.Add(-time.Hour))
	for i := range account.MaxKnownAddresses - 1 {
		note("u_ada", netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), start.Add(time.Duration(i)*time.Minute))
	}
	is("ada", away, time.Time{}) // the oldest of too many
	is("ada", home, start.Add(time.Hour))
	is("bob", away, start.Add(-time.Hour))
}
