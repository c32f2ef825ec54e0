package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

// Two addresses that try passwords do not keep the owner out, who comes from where the account was signed in to before;
// what they can try stays bounded, wherever they come from.
func TestTwoAddressesThatGuess(t *testing.T) {
	const limit = 10
	n := serve(t, func(s *setup) { s.api.Logins = ratelimit.Rate{Events: limit, Per: time.Hour} })
	try := func(from, password string) int {
		t.Helper()
		return n.ask("POST", "/api/v1/login", "", `{"login":"ada","password":"`+password+`"}`, "X-Test-IP", from).status
	}
	const home, abroad = "192.0.2.1", "192.0.2.2"
	if r := n.ask("POST", "/api/v1/accounts", "", `{"login":"ada","password":"correct horse battery"}`, "X-Test-IP", home); r.status != http.StatusCreated {
		t.Fatalf("register: %d %s", r.status, r.body)
	}
	tried := 0
	for range 3 * limit {
		for _, guesser := range []string{"198.51.100.1", "198.51.100.2"} {
			switch got := try(guesser, "wrong"); got {
			case http.StatusUnauthorized:
				tried++
			case http.StatusTooManyRequests:
			default:
				t.Fatalf("a guess: %d", got)
			}
		}
	}
	if tried > limit {
		t.Errorf("%d guesses were let through", tried)
	}
	for range limit - 2 {
		if got := try(home, "correct horse battery"); got != http.StatusOK {
			t.Fatalf("the owner: %d", got)
		}
	}
	// Who is at the owner's address is bounded too, and so is a new address, with the right password or not.
	try(home, "wrong")
	if got := try(home, "correct horse battery"); got != http.StatusTooManyRequests {
		t.Errorf("one more from the owner's address: %d", got)
	}
	if got := try(abroad, "correct horse battery"); got != http.StatusTooManyRequests {
		t.Errorf("a new address: %d", got)
	}
}
