package account_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// told is the audit log in short, the oldest first.
func (h *house) told(q account.AuditQuery) (lines []string) {
	h.t.Helper()
	err := h.EachAudit(h.t.Context(), q, func(entries []account.AuditEntry) error {
		for i := range entries {
			e := &entries[i]
			from := "-"
			if e.By.From.IsValid() {
				from = e.By.From.String()
			}
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s %s", e.By.Kind, e.By.ID, from, e.Action, e.Target, e.Detail)))
		}
		return nil
	})
	h.must(err)
	slices.Reverse(lines)
	return lines
}

// Everything that concerns who may do what is written down, with who did it.
func TestAuditLog(t *testing.T) {
	h := open(t, cheap())
	from := netip.MustParseAddr("203.0.113.7")
	stranger := account.As(t.Context(), account.Doer{Kind: account.ByStranger, From: from})
	operator := account.As(t.Context(), account.Doer{Kind: account.ByOperator})
	ada, err := h.Register(stranger, account.Register{Username: "ada", Password: "password of ada", From: from})
	h.must(err)
	id := string(ada.User.ID)
	login := func(password string) (account.Session, error) {
		return h.Login(stranger, account.Login{Username: "ada", Password: password, From: from})
	}
	session, err := login("password of ada")
	h.must(err)
	_, err = login("another password")
	h.refused(err, account.ErrInvalidCredentials)
	_, err = h.Login(stranger, account.Login{Username: "my-secret-typed-here", Password: "another password", From: from})
	h.refused(err, account.ErrInvalidCredentials)
	asAda := account.As(t.Context(), account.Doer{Kind: account.ByUser, ID: id, From: from})
	h.must(h.RevokeToken(asAda, h.verify(session.Token)))
	_, err = h.ChangePassword(asAda, ada.User.ID, account.ChangePassword{Password: "wrong password", NewPassword: "a newer password", From: from})
	h.refused(err, account.ErrInvalidCredentials)
	_, err = h.ChangePassword(asAda, ada.User.ID, account.ChangePassword{Password: "password of ada", NewPassword: "a newer password", From: from})
	h.must(err)
	_, _, err = h.GrantAdmin(operator, "ada")
	h.must(err)
	_, _, err = h.GrantAdmin(operator, "ada") // changes nothing
	h.must(err)
	_, _, err = h.Disable(operator, ada.User.ID, "")
	h.refused(err, account.ErrLastAdmin)
	_, _, err = h.DisableUser(operator, "ada")
	h.must(err)
	_, err = login("a newer password")
	h.refused(err, account.ErrAccountDisabled)
	_, _, err = h.EnableUser(operator, "ada")
	h.must(err)
	_, _, err = h.RevokeAdmin(operator, "ada")
	h.must(err)
	_, err = h.SetPassword(operator, "ada", "an even newer one")
	h.must(err)
	_, err = h.SignOut(operator, "ada")
	h.must(err)
	key, _, err := h.CreateAPIKey(operator, "backend", []account.Scope{account.ScopeAll})
	h.must(err)
	asKey := account.As(t.Context(), account.Doer{Kind: account.ByKey, ID: key.ID, From: from})
	_, _, err = h.PutUser(asKey, account.PutUser{ID: "bob"})
	h.must(err)
	bot, err := h.CreateBot(asKey, "Echo")
	h.must(err)
	_, err = h.BotToken(asKey, bot.ID)
	h.must(err)
	h.must(h.RevokeAPIKey(operator, key.ID))
	h.refused(h.RevokeAPIKey(operator, "none"), account.ErrAPIKeyNotFound)
	_, err = h.SetIssuer(operator, "bob", plain)
	h.must(err)
	_, err = h.BlockAddress(operator, account.BlockAddress{Address: from, For: time.Hour, Reason: "floods"})
	h.must(err)
	h.must(h.UnblockAddress(operator, from))
	h.must(h.RevokeUser(t.Context(), "bob")) // of the server itself

	who := "user " + id + " 203.0.113.7 "
	want := []string{
		"stranger  203.0.113.7 user_created " + id,
		who + "sign_in " + id,
		"stranger  203.0.113.7 sign_in_failed " + id,
		"stranger  203.0.113.7 sign_in_failed",
		who + "sign_out " + id,
		"stranger  203.0.113.7 sign_in_failed " + id,
		who + "password_changed " + id,
		"operator  - admin_granted " + id,
		"operator  - user_disabled " + id,
		"stranger  203.0.113.7 sign_in_failed " + id + " disabled",
		"operator  - user_enabled " + id,
		"operator  - admin_revoked " + id,
		"operator  - password_reset " + id,
		"operator  - tokens_revoked " + id,
		"operator  - api_key_created " + key.ID + " backend",
		"api_key " + key.ID + " 203.0.113.7 user_created bob",
		"api_key " + key.ID + " 203.0.113.7 user_created " + string(bot.ID),
		"api_key " + key.ID + " 203.0.113.7 bot_token_issued " + string(bot.ID),
		"operator  - api_key_revoked " + key.ID,
		"operator  - issuer_changed bob " + plain,
		"operator  - address_blocked 203.0.113.7 floods",
		"operator  - address_unblocked 203.0.113.7",
	}
	got := h.told(account.AuditQuery{})
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("%d: missing %q", i, want[i])
		case i >= len(want):
			t.Errorf("%d: too much: %q", i, got[i])
		case strings.TrimSpace(want[i]) != got[i]:
			t.Errorf("%d: got %q, want %q", i, got[i], want[i])
		}
	}
	same(t, "of bob", h.told(account.AuditQuery{User: "bob"}), []string{want[15], want[19]})
	same(t, "of an action", h.told(account.AuditQuery{Action: account.AuditAdminGranted}), []string{want[7]})
	same(t, "until it began", h.told(account.AuditQuery{Until: noon}), nil)
	same(t, "since it ended", h.told(account.AuditQuery{Since: noon.Add(time.Millisecond)}), nil)
	same(t, "of its time", len(h.told(account.AuditQuery{Since: noon, Until: noon.Add(time.Millisecond)})), len(want))
}

// Whoever tries many passwords does not fill the log: what is beyond is counted.
func TestFailuresAreBounded(t *testing.T) {
	cfg := cheap()
	h := open(t, cfg)
	h.register("ada")
	fail := func(times int) {
		t.Helper()
		for range times {
			_, err := h.Login(t.Context(), account.Login{Username: "ada", Password: "another password"})
			h.refused(err, account.ErrInvalidCredentials)
		}
	}
	const most = 100
	fail(most + 7)
	same(t, "written", len(h.told(account.AuditQuery{Action: account.AuditSignInFailed})), most)
	h.clock.sleep(time.Minute)
	fail(1)
	lines := h.told(account.AuditQuery{Action: account.AuditSignInFailed})
	if last := lines[len(lines)-1]; len(lines) != most+1 || !strings.HasSuffix(last, "and 7 before it that are not listed") {
		t.Errorf("%d lines, the last is %q", len(lines), last)
	}
}

func TestAuditQueries(t *testing.T) {
	h := open(t, cheap())
	ctx := account.As(t.Context(), account.Doer{Kind: account.ByOperator})
	for i := range 7 {
		h.must(h.Note(ctx, "tried", fmt.Sprint(i), strings.Repeat("é", 200)+"\x00"))
	}
	var targets []string
	q := account.AuditQuery{Limit: 3}
	for pages := 1; ; pages++ {
		page, err := h.AuditLog(ctx, q)
		h.must(err)
		for _, e := range page.Entries {
			targets = append(targets, e.Target)
			if len(e.Detail) != 256 || strings.Contains(e.Detail, "\x00") {
				t.Errorf("the detail is %q", e.Detail)
			}
		}
		if q.Before = page.Next; page.Next == "" {
			same(t, "pages", pages, 3)
			break
		}
	}
	same(t, "newest first", targets, []string{"6", "5", "4", "3", "2", "1", "0"})
	h.must(h.Note(context.Background(), "tried", "by nobody", "")) // is not written

	wrong := func(q account.AuditQuery) error { _, err := h.AuditLog(ctx, q); return err }
	h.fault(wrong(account.AuditQuery{Limit: 501}), refusal.InvalidField, "limit", account.MaxAudit)
	h.fault(wrong(account.AuditQuery{Limit: -1}), refusal.InvalidField, "limit", account.MaxAudit)
	h.fault(wrong(account.AuditQuery{Before: "no id"}), refusal.InvalidField, "before", 0)
	h.fault(wrong(account.AuditQuery{Before: strings.Repeat("0", 65)}), refusal.InvalidField, "before", 0)
	h.fault(wrong(account.AuditQuery{User: strings.Repeat("x", 129)}), refusal.LimitExceeded, "userId", account.MaxUserIDBytes)
	h.fault(wrong(account.AuditQuery{User: "\x00"}), refusal.InvalidField, "userId", 0)
	h.fault(wrong(account.AuditQuery{Action: account.AuditAction(strings.Repeat("x", 65))}), refusal.LimitExceeded, "action", account.MaxAuditAction)
	h.fault(wrong(account.AuditQuery{Action: "\xff"}), refusal.InvalidField, "action", 0)
	h.fault(wrong(account.AuditQuery{Since: noon, Until: noon.Add(-time.Second)}), refusal.InvalidField, "until", 0)

	h.clock.sleep(account.KeepAudit)
	n, err := h.PruneAudit(ctx)
	h.must(err)
	same(t, "removed at their time", n, 0)
	h.clock.sleep(time.Millisecond)
	n, err = h.PruneAudit(ctx)
	h.must(err)
	same(t, "removed behind it", n, 7)
}
