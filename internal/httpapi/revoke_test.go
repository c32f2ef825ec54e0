package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
)

// A token that is signed upon the answer to a revocation is good, also where its issuer writes times in whole seconds;
// one of before never is, however close.
func TestTokenRightAfterRevocation(t *testing.T) {
	n := serve(t)
	sign := func() string {
		t.Helper()
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "ada", "iat": time.Now().Unix()}).SignedString([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	status := func(token string) int { return n.ask("GET", "/api/v1/me", token, "").status }
	key := n.key(account.ScopeSessions)
	for range 2 {
		before := sign()
		if got := status(before); got != http.StatusOK {
			t.Fatalf("a new token: %d", got)
		}
		if r := n.ask("POST", "/api/v1/server/users/ada/revoke", key, ""); r.status != http.StatusNoContent {
			t.Fatalf("revoke: %d %s", r.status, r.body)
		}
		after := sign()
		if got := status(after); got != http.StatusOK {
			t.Errorf("a token of after: %d", got)
		}
		if got := status(before); got != http.StatusUnauthorized {
			t.Errorf("a token of before: %d", got)
		}
	}
}
