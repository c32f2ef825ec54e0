package account_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func TestDisable(t *testing.T) {
	h, ctx := open(t, cheap()), t.Context()
	session := h.register("ada")
	id := session.User.ID
	identity := h.verify(session.Token)
	h.take()

	user, changed, err := h.Disable(ctx, id, "root")
	h.must(err)
	same(t, "changed", changed, true)
	same(t, "since", user.DisabledAt, noon)
	same(t, "known to be", h.Disabled(id), true)
	same(t, "who is connected", h.Revoked(&identity), true)
	events := h.take()
	if len(events) != 2 || events[0].Kind != account.UserDisabled || events[1].Kind != account.TokensRevoked {
		t.Errorf("told %+v", events)
	}
	_, err = h.Verify(ctx, session.Token.Text)
	h.refused(err, account.ErrUnauthenticated)
	h.refused(err, account.ErrAccountDisabled)
	if err.Error() != "authentication failed" {
		t.Errorf("it says %q", err)
	}
	_, err = h.SignIn(ctx, identity)
	h.refused(err, account.ErrAccountDisabled)
	_, err = h.Refresh(ctx, identity)
	h.refused(err, account.ErrUnauthenticated)
	_, err = h.Login(ctx, account.Login{Username: "ada", Password: "password of ada"})
	h.refused(err, account.ErrAccountDisabled)
	_, err = h.Login(ctx, account.Login{Username: "ada", Password: "another password"})
	h.refused(err, account.ErrInvalidCredentials) // who does not know the password learns nothing

	_, changed, err = h.Disable(ctx, id, "root")
	h.must(err)
	same(t, "again", changed, false)
	same(t, "told again", h.take(), nil)

	h = reopen(t, cheap(), h.dir, h.clock)
	_, err = h.Verify(ctx, session.Token.Text)
	h.refused(err, account.ErrAccountDisabled)

	h.clock.sleep(time.Second)
	user, changed, err = h.Enable(ctx, id)
	h.must(err)
	same(t, "enabled", changed && !user.Disabled(), true)
	same(t, "the tokens of before", h.good(session.Token), false)
	_, err = h.Verify(ctx, session.Token.Text)
	if errors.Is(err, account.ErrAccountDisabled) {
		t.Error("a revoked token is refused as disabled")
	}
	again, err := h.Login(ctx, account.Login{Username: "ada", Password: "password of ada"})
	h.must(err)
	same(t, "a new token", h.good(again.Token), true)
	_, changed, err = h.Enable(ctx, id)
	h.must(err)
	same(t, "enabled again", changed, false)
}

// Whoever signs a user's tokens, they are no good while the user is disabled.
func TestDisableUserOfAnotherIssuer(t *testing.T) {
	h, ctx := open(t, cheap()), t.Context()
	h.external("ada")
	_, _, err := h.Disable(ctx, "ada", "")
	h.must(err)
	h.clock.sleep(time.Hour)
	for _, issuer := range []string{partner, sharing} {
		_, err = h.signIn(issuer, "ada")
		h.refused(err, account.ErrAccountDisabled)
	}
	// A process that has not heard of it yet looks into the store.
	deaf := openAs(t, cheap(), h.dir, h.clock, false)
	deaf.Heard([]account.Event{{Kind: account.UserEnabled, Actor: account.Person{ID: "ada"}}})
	_, err = deaf.signIn(partner, "ada")
	h.refused(err, account.ErrAccountDisabled)
	_, _, err = h.Enable(ctx, "ada")
	h.must(err)
	_, err = h.signIn(partner, "ada")
	h.must(err)
}

func TestDisableMistakes(t *testing.T) {
	h, ctx := open(t, cheap()), t.Context()
	root := h.register("root").User.ID
	_, _, err := h.GrantAdmin(ctx, string(root))
	h.must(err)
	disable := func(id, by account.UserID) error { _, _, err := h.Disable(ctx, id, by); return err }
	h.fault(disable("", root), refusal.MissingFields, "userId", 0)
	h.refused(disable("nobody", root), account.ErrUserNotFound)
	h.refused(disable(root, root), account.ErrOwnAccount)
	h.refused(disable(root, "by a claim"), account.ErrLastAdmin)
	_, _, err = h.Enable(ctx, "nobody")
	h.refused(err, account.ErrUserNotFound)
	may, err := h.Administers(ctx, account.Identity{UserID: root, IssuedAt: noon.Add(time.Hour)})
	h.must(err)
	same(t, "still administers", may, true)
	_, _, err = h.DisableUser(ctx, "root") // the operator can make another one
	h.must(err)
	may, err = h.Administers(ctx, account.Identity{UserID: root, IssuedAt: noon.Add(time.Hour)})
	h.must(err)
	same(t, "administers while disabled", may, false)
}

func TestDisabledBot(t *testing.T) {
	h, ctx := open(t, cheap()), t.Context()
	bot, err := h.CreateBot(ctx, "Echo")
	h.must(err)
	_, _, err = h.Disable(ctx, bot.ID, "")
	h.must(err)
	_, err = h.BotToken(ctx, bot.ID)
	h.refused(err, account.ErrAccountDisabled)
}

// A server beside which the operator disables somebody heeds it, and what was out of step learns it anew.
func TestDisableBeside(t *testing.T) {
	h, ctx := open(t, cheap()), t.Context()
	h.external("ada")
	identity := h.as(partner, "ada")
	h.take()
	beside := openAs(t, cheap(), h.dir, h.clock, false) // does not wait
	_, _, err := beside.DisableUser(ctx, "ada")
	h.must(err)
	for range 2 {
		_, err = h.Heed(ctx)
		h.must(err)
		same(t, "who was signed in", h.Revoked(&identity), true)
		same(t, "disabled", h.Disabled("ada"), true)
	}
	told := h.take()
	if len(told) == 0 || told[0].Kind != account.UserDisabled || told[0].Actor.ID != "ada" {
		t.Errorf("told %+v", told)
	}
	_, _, err = beside.EnableUser(ctx, "ada")
	h.must(err)
	_, err = h.Heed(ctx)
	h.must(err)
	same(t, "enabled", h.Disabled("ada"), false)

	_, _, err = beside.DisableUser(ctx, "ada")
	h.must(err)
	events, err := h.Reload(ctx, noon.Add(time.Hour))
	h.must(err)
	h.Heard(events)
	same(t, "read anew", h.Disabled("ada"), true)
	_, _, err = beside.EnableUser(ctx, "ada")
	h.must(err)
	events, err = h.Reload(ctx, noon.Add(time.Hour))
	h.must(err)
	h.Heard(events)
	same(t, "read anew, enabled", h.Disabled("ada"), false)
}
