package rates_test

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/cluster/clustertest"
	"github.com/sockeye-im/sockeye/internal/cluster/rates"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Three nodes allow a user about as much as one would.
func TestRatesOfThreeNodes(t *testing.T) {
	for name, lossy := range map[string]bool{"all is heard": false, "the first second is lost": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net, nodes := clustertest.New(), 3
				buckets := make([]*ratelimit.Buckets[string], nodes)
				for i := range nodes {
					node := net.Node(fmt.Sprint("node", i))
					buckets[i] = ratelimit.New[string](ratelimit.Rate{Events: 60, Per: time.Minute}, time.Now)
					x, err := rates.New(rates.Deps{
						Peers: node.Peers(), Ledgers: map[string]ratelimit.Ledger{"sends": ratelimit.Text(buckets[i])}, Log: slog.New(slog.DiscardHandler),
					})
					if err != nil {
						t.Fatal(err)
					}
					node.Start()
					defer func() { node.Kill(); x.Stop() }()
				}
				for i := range nodes {
					for j := range nodes {
						if lossy && i != j {
							net.Cut(fmt.Sprint("node", i), fmt.Sprint("node", j))
						}
					}
				}
				time.Sleep(500 * time.Millisecond)
				taken := 0
				for second := range 10 * 60 {
					if second == 2 {
						for i := range nodes {
							for j := range nodes {
								net.Heal(fmt.Sprint("node", i), fmt.Sprint("node", j))
							}
						}
					}
					for _, b := range buckets {
						for b.Take("a") == 0 {
							taken++
						}
					}
					time.Sleep(time.Second)
				}
				// The first allowance on each node, and a second's on each while they have not heard of each other.
				if most := 3*60 + 10*60 + 3*4; taken > most {
					t.Errorf("took %d in ten minutes, want at most %d", taken, most)
				}
				if taken < 10*60-60 {
					t.Errorf("took %d only", taken)
				}
			})
		})
	}
}

// More keys than a frame holds are told, and what cannot be read is left out.
func TestManyKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 1234
		net := clustertest.New()
		var buckets [2]*ratelimit.Buckets[string]
		for i := range buckets {
			node := net.Node(fmt.Sprint("node", i))
			buckets[i] = ratelimit.New[string](ratelimit.Rate{Events: 1, Per: time.Hour}, time.Now)
			x, err := rates.New(rates.Deps{Peers: node.Peers(), Ledgers: map[string]ratelimit.Ledger{"sends": ratelimit.Text(buckets[i])}, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			node.Start()
			node.Send("rates", []byte("{"))
			node.Send("rates", []byte(`{"r":"another","k":{"a":1}}`))
			defer func() { node.Kill(); x.Stop() }()
		}
		time.Sleep(500 * time.Millisecond)
		for key := range many {
			buckets[0].Take(fmt.Sprint(key))
		}
		time.Sleep(2 * time.Second)
		for key := range many {
			if buckets[1].Take(fmt.Sprint(key)) == 0 {
				t.Fatalf("key %d was not told", key)
			}
		}
	})
}

func TestNeedsItsPeers(t *testing.T) {
	if _, err := rates.New(rates.Deps{}); err == nil {
		t.Error("exchanges with nobody")
	}
}
