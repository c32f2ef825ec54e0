package gateway_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/monitor"
)

// Whoever signs in while the user's tokens are revoked is refused, or let in and ended: nobody
// stays.
func TestRevokedWhileSigningIn(t *testing.T) {
	n := serve(t)
	for round := range 10 {
		user := fmt.Sprint("user ", round)
		token := text(map[string]string{"token": n.token(user)})
		devices := make([]*device, 6)
		for i := range devices {
			devices[i] = n.mustDial(4, nil, nil)
		}
		var all sync.WaitGroup
		for _, d := range devices {
			all.Go(func() { d.send("0" + token) })
		}
		all.Go(func() {
			if err := n.accounts.RevokeUser(t.Context(), account.UserID(user)); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
		for _, d := range devices {
			over := func() bool {
				return d.ended || slices.ContainsFunc(d.packets, func(p packet) bool { return p.kind == '4' })
			}
			if err := d.wait(over); err != nil {
				t.Fatalf("round %d: somebody stays: %v", round, err)
			}
			d.drop()
		}
	}
	eventually(t, "nobody is counted", func() bool { return n.gateway.Counts().Open == 0 && n.gateway.Counts().Users == 0 })
}

// A connection lives by the token that it has now: another one's end is nothing to it.
func TestRefreshedConnection(t *testing.T) {
	n := serve(t)
	sign := func(id string) string { return n.sign("ada", jwt.MapClaims{"jti": id}) }
	revoke := func(token string) {
		t.Helper()
		identity, err := n.accounts.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.accounts.RevokeToken(t.Context(), identity); err != nil {
			t.Fatal(err)
		}
	}
	first, second := sign("first"), sign("second")
	ada, beside := n.deviceWith(first), n.deviceWith(first)
	ada.must("auth:refresh", map[string]string{"token": second})
	ada.mustFail("auth:refresh", map[string]string{"token": n.token("bob")}, "authentication_failed", "Authentication failed")
	revoke(first)
	if why := beside.reason(); why != "Authentication failed" {
		t.Errorf("the other one was ended: %s", why)
	}
	ada.mustFail("auth:refresh", map[string]string{"token": first}, "authentication_failed", "Authentication failed")
	ada.settle()
	revoke(second)
	if why := ada.reason(); why != "Authentication failed" {
		t.Errorf("it was ended: %s", why)
	}
}

// The name of whoever is here follows the user's, and a user whose connections are being ended
// can have others in their place.
func TestRoster(t *testing.T) {
	n := serve(t, func(s *setup) { s.Door.MaxConnectionsPerUser = 2 })
	one, two := n.device("ada"), n.plain(n.token("ada"), "sockeye.v1")
	two.next("connection")
	name := "Augusta"
	if _, _, err := n.accounts.PutUser(t.Context(), account.PutUser{ID: "ada", Name: &name}); err != nil {
		t.Fatal(err)
	}
	page := n.gateway.Overview().Connections(monitor.ConnectionQuery{Limit: 10})
	for _, c := range page.Connections {
		if c.Name != name {
			t.Errorf("%s is called %s", c.ID, c.Name)
		}
	}
	if counts := n.gateway.Counts(); page.Total != 2 || counts.Open != 2 || counts.Users != 1 || counts.Peak != 2 {
		t.Errorf("%d on the page, counted %+v", page.Total, counts)
	}
	if got := n.gateway.Overview().EndUser("ada"); got != 2 {
		t.Errorf("ended %d", got)
	}
	if got := n.gateway.Overview().EndUser("ada"); got != 0 {
		t.Errorf("ended %d again", got)
	}
	n.device("ada")
	n.device("ada")
	one.closed()
	for range two.frames { //nolint:revive // until it is closed
	}
}
