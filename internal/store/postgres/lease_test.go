package postgres_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

func hold(t *testing.T, s *postgres.Store, by postgres.Holder) *postgres.Lease {
	t.Helper()
	lease, err := s.Hold(t.Context(), by)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// TestLease: who holds it keeps others out, and who has given it back does not.
func TestLease(t *testing.T) {
	address := pgtest.Database(t)
	one, two := openStore(t, address, discard), openStore(t, address, discard)
	if held, _, err := one.Held(t.Context()); held || err != nil {
		t.Fatalf("held by nobody: %t, %v", held, err)
	}
	lease := hold(t, one, postgres.Holder{Host: "alpha", Place: "a"})
	if held, host, err := two.Held(t.Context()); !held || host != "alpha" || err != nil {
		t.Errorf("held: %t by %s, %v", held, host, err)
	}
	if _, err := two.Hold(t.Context(), postgres.Holder{Host: "beta", Place: "b"}); !errors.Is(err, postgres.ErrInUse) || !strings.Contains(err.Error(), "alpha") {
		t.Errorf("a second server got %v", err)
	}
	lease.Release()
	if held, _, err := two.Held(t.Context()); held || err != nil {
		t.Errorf("held after it was given back: %t, %v", held, err)
	}
	hold(t, two, postgres.Holder{Host: "beta"}).Release()
}

// TestLeaseOfTheDead: one that is not renewed is waited for, unless it was of the same place; and who comes back to it
// learns that it is another's.
func TestLeaseOfTheDead(t *testing.T) {
	for name, place := range map[string]string{"elsewhere": "", "in the same place": "a"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := pgtest.Database(t)
			one, two := openStore(t, address, discard), openStore(t, address, discard)
			died := hold(t, one, postgres.Holder{Host: "alpha", Place: place})
			// As if it had not been renewed for long. It is renewed, and may be between the two.
			var lease *postgres.Lease
			for err := error(postgres.ErrInUse); errors.Is(err, postgres.ErrInUse); {
				pgtest.Exec(t, address, `UPDATE leases SET until = now() - interval '1 s'`)
				if lease, err = two.Hold(t.Context(), postgres.Holder{Host: "beta", Place: place}); err != nil && !errors.Is(err, postgres.ErrInUse) {
					t.Fatal(err)
				}
			}
			select {
			case <-died.Lost():
			case <-time.After(time.Minute):
				t.Error("the first does not learn that it has lost the lease")
			}
			died.Release()
			if held, host, err := one.Held(t.Context()); !held || host != "beta" || err != nil {
				t.Errorf("held: %t by %s, %v", held, host, err)
			}
			lease.Release()
		})
	}
}

// TestLeaseIsWaitedFor: who has died without a word is waited for until the lease runs out.
func TestLeaseIsWaitedFor(t *testing.T) {
	address := pgtest.Database(t)
	s := openStore(t, address, discard)
	pgtest.Exec(t, address, `
		INSERT INTO leases (name, holder, host, place, until) VALUES ('serve', 'x', 'gone', 'g', now() + interval '1500 ms')`)
	began := time.Now()
	hold(t, s, postgres.Holder{Host: "alpha", Place: "a"}).Release()
	if waited := time.Since(began); waited < time.Second {
		t.Errorf("it was taken after %s", waited)
	}
}
