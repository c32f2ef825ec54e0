package accounttest

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

func testDisabled(f *fixture) {
	f.user("ada", "bob")
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	change := func(id account.UserID, off bool, minute int) account.User {
		f.Helper()
		u, err := f.store.ChangeUser(f.Context(), account.ChangeUser{
			ID: id, Disabled: &off, At: at(minute), Revoke: &account.Revocation{At: at(minute), UserID: id, IssuedBy: at(minute)},
		})
		f.Must(err)
		return u
	}
	disabled := func() []account.User {
		f.Helper()
		users, err := f.store.Disabled(f.Context())
		f.Must(err)
		return users
	}
	switched := func(minute int) (ids []account.UserID) {
		f.Helper()
		users, err := f.store.Switched(f.Context(), at(minute))
		f.Must(err)
		for i := range users {
			ids = append(ids, users[i].ID)
		}
		return ids
	}
	ada := account.User{ID: "ada", Name: nameOf("ada"), Issuer: account.OwnIssuer, CreatedAt: start, DisabledAt: at(1)}
	equal(f, "nobody", disabled(), []account.User{})
	equal(f, "changed", change("ada", true, 1), ada)
	revoked := &account.Revocation{At: at(1), UserID: "ada", IssuedBy: at(1)}
	equal(f, "told, with the tokens", f.Events.Take(), []account.Event{
		{Kind: account.UserDisabled, At: at(1), Actor: account.Person{ID: "ada"}},
		{Kind: account.TokensRevoked, At: at(1), Revocation: revoked},
	})
	equal(f, "again", change("ada", true, 2), ada)
	equal(f, "was let in", change("bob", false, 2), account.User{ID: "bob", Name: nameOf("bob"), Issuer: account.OwnIssuer, CreatedAt: start})
	f.Quiet()
	f.open()
	equal(f, "all", disabled(), []account.User{ada})
	stored, _, err := f.store.User(f.Context(), "ada")
	f.Must(err)
	equal(f, "stored", stored, ada)
	u, created, err := f.store.EnsureUser(f.Context(), account.EnsureUser{ID: "ada", Name: nameOf("ada"), Issuer: account.OwnIssuer, At: at(3)})
	f.Must(err)
	equal(f, "known as before", u, ada)
	equal(f, "created", created, false)
	equal(f, "switched", switched(1), []account.UserID{"ada"})
	equal(f, "switched later", switched(2), nil)

	change("bob", true, 3)
	f.Events.Take()
	ada.DisabledAt = time.Time{}
	equal(f, "let in again", change("ada", false, 4), ada)
	equal(f, "told", f.Events.Take(), []account.Event{{Kind: account.UserEnabled, At: at(4), Actor: account.Person{ID: "ada"}}})
	equal(f, "by the time", switched(0), []account.UserID{"bob", "ada"})
	by, err := f.store.RevokedBy(f.Context(), "ada")
	f.Must(err)
	equal(f, "tokens of before", by, at(1))
	off := true
	_, err = f.store.ChangeUser(f.Context(), account.ChangeUser{ID: "nobody", Disabled: &off, At: start})
	f.Refused(err, account.ErrUserNotFound)
}

// admin makes users administrators.
func (f *fixture) admin(ids ...account.UserID) {
	f.Helper()
	yes := true
	for _, id := range ids {
		_, err := f.store.ChangeUser(f.Context(), account.ChangeUser{ID: id, Admin: &yes, At: start})
		f.Must(err)
	}
}

func testLastAdmin(f *fixture) {
	f.user("ada", "bob", "cyd")
	f.admin("ada", "bob")
	yes, no := true, false
	change := func(cmd account.ChangeUser) error {
		f.Helper()
		cmd.At, cmd.KeepAdmin = start, true
		_, err := f.store.ChangeUser(f.Context(), cmd)
		return err
	}
	f.Must(change(account.ChangeUser{ID: "cyd", Disabled: &yes}))
	f.Must(change(account.ChangeUser{ID: "bob", Disabled: &yes}))
	f.Events.Take()
	name := "Another"
	for _, cmd := range []account.ChangeUser{{ID: "ada", Disabled: &yes}, {ID: "ada", Admin: &no}, {ID: "ada", Name: &name, Admin: &no}} {
		f.Refused(change(cmd), account.ErrLastAdmin)
	}
	f.Quiet()
	f.Must(change(account.ChangeUser{ID: "bob", Admin: &no})) // who is not let in is nobody's last hope
	f.Must(change(account.ChangeUser{ID: "ada", Name: &name}))
	f.Refused(change(account.ChangeUser{ID: "ada", Admin: &no}), account.ErrLastAdmin)
	f.admin("cyd")
	f.Refused(change(account.ChangeUser{ID: "ada", Admin: &no}), account.ErrLastAdmin)
	f.Must(change(account.ChangeUser{ID: "cyd", Disabled: &no}))
	f.Must(change(account.ChangeUser{ID: "ada", Admin: &no}))
	_, err := f.store.ChangeUser(f.Context(), account.ChangeUser{ID: "cyd", Admin: &no, At: start}) // the operator may
	f.Must(err)
}

// testLastAdminAtOnce: of administrators who take each other's place away at once one is left.
func testLastAdminAtOnce(f *fixture) {
	all := []account.UserID{"ada", "bob", "cyd", "dan"}
	f.user(all...)
	f.admin(all...)
	no, yes := false, true
	var done, refused atomic.Int32
	suite.AtOnce(len(all), func(i int) {
		cmd := account.ChangeUser{ID: all[i], KeepAdmin: true, At: start}
		if i%2 == 0 {
			cmd.Admin = &no
		} else {
			cmd.Disabled = &yes
		}
		switch _, err := f.store.ChangeUser(f.Context(), cmd); {
		case err == nil:
			done.Add(1)
		case errors.Is(err, account.ErrLastAdmin):
			refused.Add(1)
		default:
			f.Error(err)
		}
	})
	equal(f, "done", done.Load(), 3)
	equal(f, "refused", refused.Load(), 1)
}
