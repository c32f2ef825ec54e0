// Package rates has nodes tell each other what was taken of rates, each second, so that whoever uses
// several nodes is not allowed several times as much. What is taken of a rate on all nodes within a
// second may be as often too much as there are other nodes; it is owed then.
package rates

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

const (
	kind cluster.Kind = "rates"
	// Every is how often it is told what was taken.
	Every = time.Second
	// keysAtOnce is how many keys a frame has at most.
	keysAtOnce = 500
)

// Deps are what an Exchange works with; all are required.
type Deps struct {
	Peers   *cluster.Peers
	Ledgers map[string]ratelimit.Ledger // by names that are the same on all nodes
	Log     *slog.Logger
}

// Exchange tells others what was taken here, and charges here what they tell.
type Exchange struct {
	deps   Deps
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// spent is a frame: what was taken of a rate, by the key.
type spent struct {
	Rate string         `json:"r"`
	Of   map[string]int `json:"k"`
}

// New makes an exchange, before the bus is started; Stop ends it.
func New(d Deps) (*Exchange, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	x := &Exchange{deps: d, cancel: cancel}
	d.Peers.On(kind, x.heard)
	x.done.Go(func() { x.run(ctx) })
	return x, nil
}

// Stop ends the exchange.
func (x *Exchange) Stop() {
	x.cancel()
	x.done.Wait()
}

func (x *Exchange) run(ctx context.Context) {
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			x.tell()
		}
	}
}

// tell tells what is to be told. Where nobody is there it is forgotten.
func (x *Exchange) tell() {
	alone := len(x.deps.Peers.Alive()) == 0
	for name, ledger := range x.deps.Ledgers {
		all := ledger.Spent()
		for len(all) > 0 && !alone {
			f := spent{Rate: name, Of: make(map[string]int)}
			for key, n := range all {
				if len(f.Of) == keysAtOnce {
					break
				}
				f.Of[key] = n
				delete(all, key)
			}
			x.send(&f)
		}
	}
}

func (x *Exchange) send(f *spent) {
	body, err := json.Marshal(f)
	if err != nil {
		x.deps.Log.Error("a frame cannot be written", "kind", string(kind), "err", err)
		return
	}
	x.deps.Peers.Send(kind, body)
}

// heard charges what was taken elsewhere. A rate that another version of the server has is left out.
func (x *Exchange) heard(from string, body []byte) {
	var f spent
	if err := json.Unmarshal(body, &f); err != nil {
		x.deps.Log.Error("a frame of another node cannot be read", "kind", string(kind), "node", from, "err", err)
		return
	}
	ledger := x.deps.Ledgers[f.Rate]
	if ledger == nil {
		return
	}
	for key, n := range f.Of {
		if err := ledger.Charge(key, n); err != nil {
			x.deps.Log.Error("a rate of another node cannot be charged", "rate", f.Rate, "node", from, "err", err)
		}
	}
}
