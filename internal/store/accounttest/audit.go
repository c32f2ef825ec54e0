package accounttest

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// line is an entry of some minutes after the start.
func line(minute int, by, action, target string) account.AuditEntry {
	at := start.Add(time.Duration(minute) * time.Minute)
	return account.AuditEntry{
		ID: account.AuditTime(at) + "00000001aabbccddeeff", At: at, By: account.Doer{Kind: account.ByUser, ID: by, From: netip.MustParseAddr("192.0.2.1")},
		Action: account.AuditAction(action), Target: target, Detail: "détail 林",
	}
}

func (f *fixture) audit(s account.AuditSearch) []account.AuditEntry {
	f.Helper()
	if s.Below == "" {
		s.Below = "g"
	}
	if s.Limit == 0 {
		s.Limit = 100
	}
	entries, err := f.store.Audit(f.Context(), s)
	f.Must(err)
	return entries
}

func testAudit(f *fixture) {
	equal(f, "none", f.audit(account.AuditSearch{}), []account.AuditEntry{})
	byAda, ofAda, self, other := line(1, "ada", "a", "bob"), line(2, "root", "b", "ada"), line(3, "ada", "b", "ada"), line(4, "root", "a", "")
	other.By = account.Doer{Kind: account.ByOperator}
	for _, e := range []account.AuditEntry{self, byAda, other, ofAda} {
		f.Must(f.store.WriteAudit(f.Context(), e))
		f.Must(f.store.WriteAudit(f.Context(), e)) // as after an outcome that was not known
	}
	f.Quiet()
	all := []account.AuditEntry{other, self, ofAda, byAda}
	equal(f, "all", f.audit(account.AuditSearch{}), all)
	equal(f, "some", f.audit(account.AuditSearch{Limit: 2}), all[:2])
	equal(f, "the next", f.audit(account.AuditSearch{Below: self.ID}), all[2:])
	equal(f, "from a time on", f.audit(account.AuditSearch{From: account.AuditTime(ofAda.At)}), all[:3])
	equal(f, "until a time", f.audit(account.AuditSearch{Below: account.AuditTime(ofAda.At)}), all[3:])
	equal(f, "of an action", f.audit(account.AuditSearch{Action: "b"}), []account.AuditEntry{self, ofAda})
	equal(f, "of a user", f.audit(account.AuditSearch{User: "ada"}), all[1:])
	equal(f, "one of a user", f.audit(account.AuditSearch{User: "ada", Limit: 1}), all[1:2])
	equal(f, "of a user and an action", f.audit(account.AuditSearch{User: "ada", Action: "a"}), all[3:])
	equal(f, "of a user, further ones", f.audit(account.AuditSearch{User: "ada", Below: self.ID, From: ofAda.ID}), all[2:3])
	equal(f, "of nobody", f.audit(account.AuditSearch{User: "eve"}), []account.AuditEntry{})
	f.open()
	equal(f, "opened again", f.audit(account.AuditSearch{}), all)

	prune := func(before time.Time, limit, want int) {
		f.Helper()
		n, err := f.store.PruneAudit(f.Context(), before, limit)
		f.Must(err)
		equal(f, "removed", n, want)
	}
	prune(byAda.At, 10, 0)
	prune(other.At, 2, 2)
	equal(f, "the oldest are gone", f.audit(account.AuditSearch{}), all[:2])
	prune(other.At, 2, 1)
	prune(other.At, 2, 0)
	equal(f, "not what is younger", f.audit(account.AuditSearch{}), all[:1])
}

// testAuditOfCommands: an entry is stored with the first command that stores something, and with none that does not.
func testAuditOfCommands(f *fixture) {
	f.user("ada")
	e := line(1, "root", "user_disabled", "ada")
	ctx := account.WithAudit(f.Context(), e)
	yes, no := true, false
	_, err := f.store.ChangeUser(ctx, account.ChangeUser{ID: "nobody", Disabled: &yes, At: start})
	f.Refused(err, account.ErrUserNotFound)
	_, err = f.store.ChangeUser(ctx, account.ChangeUser{ID: "ada", Disabled: &no, At: start})
	f.Must(err)
	_, err = f.store.ChangeUser(suite.Ended(ctx), account.ChangeUser{ID: "ada", Disabled: &yes, At: start})
	if err == nil {
		f.Error("a command whose ctx has ended is carried out")
	}
	f.local("u_taken", "taken", "Taken")
	f.Refused(f.store.CreateLocal(ctx, account.CreateLocal{
		User: account.User{ID: "u_2", Name: "N", Username: "TAKEN", Issuer: account.OwnIssuer, CreatedAt: start}, PasswordHash: "x",
	}), account.ErrLoginTaken)
	replaced, err := f.store.ReplacePassword(ctx, account.ReplacePassword{UserID: "u_taken", Old: "another", New: "y"})
	f.Must(err)
	equal(f, "replaced", replaced, false)
	equal(f, "before", f.audit(account.AuditSearch{}), []account.AuditEntry{})
	_, err = f.store.ChangeUser(ctx, account.ChangeUser{ID: "ada", Disabled: &yes, At: start})
	f.Must(err)
	equal(f, "with the command", f.audit(account.AuditSearch{}), []account.AuditEntry{e})
	f.Must(f.store.Revoke(ctx, account.Revocation{At: start, UserID: "ada", IssuedBy: start}))
	equal(f, "once", f.audit(account.AuditSearch{}), []account.AuditEntry{e})
	// Those of many who act at once are all there, with what they did.
	suite.AtOnce(20, func(i int) {
		e := line(10+i, "root", "user_created", fmt.Sprint("new", i))
		_, _, err := f.store.EnsureUser(account.WithAudit(f.Context(), e), account.EnsureUser{
			ID: account.UserID(fmt.Sprint("new", i)), Name: "N", Issuer: account.OwnIssuer, At: start,
		})
		if err != nil {
			f.Error(err)
		}
	})
	equal(f, "of many", len(f.audit(account.AuditSearch{Action: "user_created"})), 20)
}
