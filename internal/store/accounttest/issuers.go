package accounttest

import (
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

func testIssuers(f *fixture) {
	ensure := func(issuer, name string) error {
		f.Helper()
		_, _, err := f.store.EnsureUser(f.Context(), account.EnsureUser{ID: "ada", Name: name, Rename: true, Issuer: issuer, At: start})
		return err
	}
	f.Must(ensure("shop", "Ada"))
	for _, other := range []string{"forum", account.OwnIssuer, "", "SHOP"} {
		f.Refused(ensure(other, "Ada"), account.ErrOtherIssuer)
		f.Refused(ensure(other, "Another"), account.ErrOtherIssuer)
	}
	f.Must(ensure("shop", "Ada"))
	u, _, err := f.store.User(f.Context(), "ada")
	f.Must(err)
	equal(f, "stored", u, account.User{ID: "ada", Name: "Ada", Issuer: "shop", CreatedAt: start})
	f.Quiet()

	forum := "forum"
	u, err = f.store.ChangeUser(f.Context(), account.ChangeUser{ID: "ada", Issuer: &forum, At: start})
	f.Must(err)
	equal(f, "changed", u, account.User{ID: "ada", Name: "Ada", Issuer: "forum", CreatedAt: start})
	f.Refused(ensure("shop", "Ada"), account.ErrOtherIssuer)
	f.Must(ensure("forum", "Ada"))
	reassigned := func(since time.Time) []account.User {
		f.Helper()
		users, err := f.store.Reassigned(f.Context(), since)
		f.Must(err)
		return users
	}
	equal(f, "reassigned", reassigned(start), []account.User{u})
	equal(f, "reassigned later", reassigned(start.Add(time.Millisecond)), []account.User{})
	equal(f, "event", f.Events.Take(), []account.Event{
		{Kind: account.UserReassigned, At: start, Actor: account.Person{ID: "ada"}, Issuer: "forum"},
	})
	_, err = f.store.ChangeUser(f.Context(), account.ChangeUser{ID: "ada", Issuer: &forum, At: start})
	f.Must(err)
	f.Quiet()
}

func testSameID(f *fixture) {
	var created, refused atomic.Int32
	suite.AtOnce(16, func(i int) {
		_, isNew, err := f.store.EnsureUser(f.Context(), account.EnsureUser{ID: "ada", Name: "Ada", Issuer: strconv.Itoa(i), At: start})
		switch {
		case isNew && err == nil:
			created.Add(1)
		case errors.Is(err, account.ErrOtherIssuer):
			refused.Add(1)
		default:
			f.Errorf("got %v, %v", isNew, err)
		}
	})
	equal(f, "created", created.Load(), 1)
	equal(f, "refused", refused.Load(), 15)
}

func testUnsettled(f *fixture) {
	for _, id := range []account.UserID{"u_c", "u_a", "u_b"} {
		f.Must(f.store.CreateLocal(f.Context(), account.CreateLocal{
			User: account.User{ID: id, Name: "N", Username: string(id), CreatedAt: start}, PasswordHash: "x",
		}))
	}
	f.user("known")
	unsettled := func(want int, ids ...account.UserID) {
		f.Helper()
		first, total, err := f.store.Unsettled(f.Context(), 2)
		f.Must(err)
		got := []account.UserID{}
		for i := range first {
			got = append(got, first[i].ID)
		}
		equal(f, "total", total, want)
		equal(f, "first", got, append([]account.UserID{}, ids...))
	}
	unsettled(3, "u_a", "u_b")
	ours := account.OwnIssuer
	_, err := f.store.ChangeUser(f.Context(), account.ChangeUser{ID: "u_a", Issuer: &ours, At: start})
	f.Must(err)
	unsettled(2, "u_b", "u_c")
	n, err := f.store.Settle(f.Context(), "shop")
	f.Must(err)
	equal(f, "settled", n, 2)
	unsettled(0)
	for id, want := range map[account.UserID]string{"u_a": ours, "u_b": "shop", "u_c": "shop", "known": ours} {
		u, _, err := f.store.User(f.Context(), id)
		f.Must(err)
		equal(f, string(id), u.Issuer, want)
	}
}
