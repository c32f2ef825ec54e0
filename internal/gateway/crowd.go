package gateway

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/roll"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

// addressKind is that of the frames which say how many connections addresses have.
const addressKind cluster.Kind = "addresses"

// crowd is how many signed-in connections addresses have on other nodes. It may be used concurrently. Without other
// nodes there are none.
type crowd struct {
	roll *roll.Roll[int] // of this node, for the others; nil without them

	mu    sync.RWMutex
	count headcount
	rows  map[crowdRow]int
}

// crowdRow is what a node says of an address.
type crowdRow struct {
	node string
	from netip.Addr
}

func newCrowd() *crowd { return &crowd{count: newHeadcount(), rows: make(map[crowdRow]int)} }

// meet begins to tell other nodes, and to hear from them.
func (c *crowd) meet(peers *cluster.Peers, log *slog.Logger, now func() time.Time) (err error) {
	c.roll, err = roll.New(roll.DefaultConfig(addressKind), roll.Deps[int]{Peers: peers, Listener: c, Log: log, Now: now})
	return err
}

func (c *crowd) stop() {
	if c.roll != nil {
		c.roll.Stop()
	}
}

// tell tells how many connections an address has here.
func (c *crowd) tell(from netip.Addr, here headcount) {
	if c.roll == nil {
		return
	}
	network := ratelimit.Network(from)
	if n := here.each[network]; n > 0 {
		c.roll.Set(network.String(), n)
	} else {
		c.roll.Delete(network.String(), 0)
	}
}

// full reports whether an address, or its site, has as many connections as it may, here and elsewhere.
func (c *crowd) full(here headcount, from netip.Addr, most int) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return here.full(c.count, from, most)
}

// Wrote implements [roll.Listener].
func (c *crowd) Wrote(node, key string, n int) { c.set(node, key, max(n, 0)) }

// Removed implements [roll.Listener].
func (c *crowd) Removed(node, key string, _ roll.End[int]) { c.set(node, key, 0) }

func (c *crowd) set(node, key string, n int) {
	from, err := netip.ParseAddr(key)
	if err != nil {
		return // a node of another version counts something else
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	row := crowdRow{node, from}
	c.count.add(from, n-c.rows[row])
	if c.rows[row] = n; n == 0 {
		delete(c.rows, row)
	}
}
