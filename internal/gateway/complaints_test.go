package gateway_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// While the database is away, everybody's sign-in fails, which is one line a minute; that it passes by itself makes it a warning.
func TestFaultsOfSignInsAreLoggedOnceAMinute(t *testing.T) {
	people := &brokenAccounts{why: &refusal.Error{Code: refusal.Unavailable, Message: "The database is away"}}
	n := serve(t, func(s *setup) {
		s.People = func(inner account.Store) account.Store { people.Store = inner; return people }
	})
	people.on.Store(true)
	token := n.token("ada")
	for range 5 {
		if status := n.refusedUpgrade(token); status != http.StatusServiceUnavailable {
			t.Fatalf("refused with %d", status)
		}
	}
	if log := n.log.String(); strings.Count(log, "sign-in failed") != 1 || !strings.Contains(log, `"level":"WARN"`) {
		t.Errorf("the log of 5 faults says\n%s", log)
	}
}

// A client that comes again and again with a bad token does not fill the log.
func TestRefusalsAreLoggedOnceAMinute(t *testing.T) {
	var later atomic.Int64
	n := serve(t, func(s *setup) {
		s.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	})
	try := func() {
		t.Helper()
		if status := n.refusedUpgrade("nonsense"); status != http.StatusUnauthorized {
			t.Fatalf("refused with %d", status)
		}
	}
	for range 5 {
		try()
	}
	if got := strings.Count(n.log.String(), "sign-in refused"); got != 1 {
		t.Errorf("%d lines of 5 refusals", got)
	}
	later.Store(int64(time.Minute))
	try()
	if log := n.log.String(); strings.Count(log, "sign-in refused") != 2 || !strings.Contains(log, `"more":4`) {
		t.Errorf("the log says\n%s", log)
	}
}
