package ratelimit_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

// pair are two nodes that allow the same, with a clock.
type pair struct {
	now     time.Time
	buckets [2]*ratelimit.Buckets[string]
	ledgers [2]ratelimit.Ledger
}

func newPair(events int) *pair {
	p := &pair{now: time.Now()}
	for i := range p.buckets {
		p.buckets[i] = ratelimit.New[string](ratelimit.Rate{Events: events, Per: time.Minute}, func() time.Time { return p.now })
		p.ledgers[i] = ratelimit.Text(p.buckets[i])
	}
	return p
}

func (p *pair) exchange(t *testing.T) {
	t.Helper()
	spent := [2]map[string]int{p.ledgers[0].Spent(), p.ledgers[1].Spent()}
	for i, of := range spent {
		for key, n := range of {
			if err := p.ledgers[1-i].Charge(key, n); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// takeAll takes from both until there is nothing, and returns how much it was.
func (p *pair) takeAll() (n int) {
	for i := range p.buckets {
		for p.buckets[i].Take("a") == 0 {
			n++
		}
	}
	return n
}

// Whoever uses two nodes has twice the allowance until they have told each other, and owes that then.
func TestTwoNodesAllowAsMuchAsOne(t *testing.T) {
	p := newPair(60)
	taken := 0
	for range 60 * 10 { // ten minutes, both every second
		taken += p.takeAll()
		p.exchange(t)
		p.now = p.now.Add(time.Second)
	}
	if most := 60*2 + 60*10; taken > most+2*3 {
		t.Errorf("took %d in ten minutes, which are %d and the first allowance on each node", taken, most)
	}
	if taken < 60*10 {
		t.Errorf("took %d only", taken)
	}
}

func TestLittleIsNotTold(t *testing.T) {
	p := newPair(100)
	spent := func(want int) {
		t.Helper()
		if got := p.ledgers[0].Spent()["a"]; got != want {
			t.Errorf("told %d, want %d", got, want)
		}
	}
	take := func(n int) {
		for range n {
			p.buckets[0].Take("a")
		}
	}
	take(4)
	spent(0)
	take(1)
	spent(5)
	spent(0)
	take(4)
	p.now = p.now.Add(10 * time.Minute)
	spent(0) // and it is forgotten, as all is there again
	take(1)
	spent(0)
}

// Nobody owes more than the allowance, and what is owed is over in its time.
func TestWhatIsOwed(t *testing.T) {
	p := newPair(60)
	for range 10 {
		if err := p.ledgers[0].Charge("a", 1000); err != nil {
			t.Fatal(err)
		}
	}
	if wait := p.buckets[0].Take("a"); wait.Round(time.Second) != 61*time.Second {
		t.Errorf("waits %s", wait)
	}
	p.now = p.now.Add(62 * time.Second)
	if wait := p.buckets[0].Take("a"); wait != 0 {
		t.Errorf("waits %s after a minute", wait)
	}
	if wait := p.buckets[0].Take("b"); wait != 0 {
		t.Errorf("another waits %s", wait)
	}
}

func TestLedgersOfAddresses(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	rate := ratelimit.Rate{Events: 3, Per: time.Minute}
	one, other := ratelimit.NewAddresses(rate, clock), ratelimit.NewAddresses(rate, clock)
	each, sites := one.Ledgers()
	otherEach, otherSites := other.Ledgers()
	from := netip.MustParseAddr("2001:db8:1:2::3")
	for range 3 {
		one.Take(from)
	}
	for key, n := range each.Spent() {
		if err := otherEach.Charge(key, n); err != nil {
			t.Fatal(err)
		}
	}
	for key, n := range sites.Spent() {
		if err := otherSites.Charge(key, n); err != nil {
			t.Fatal(err)
		}
	}
	if other.Take(from) == 0 {
		t.Error("what was taken here does not count there")
	}
	if err := otherEach.Charge("no address", 1); err == nil {
		t.Error("charged nobody")
	}
}

// Where there is no limit there is nothing to tell.
func TestLedgerWithoutALimit(t *testing.T) {
	p := newPair(0)
	p.buckets[0].Take("a")
	p.exchange(t)
	if err := p.ledgers[1].Charge("a", 5); err != nil || p.buckets[1].Take("a") != 0 {
		t.Errorf("charged, %v", err)
	}
}
