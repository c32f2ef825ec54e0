package gateway

import (
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

const (
	// quietFor is how long the log says nothing more of an address whose token was
	// refused.
	quietFor = time.Minute
	// maxQuiet bounds the addresses that are remembered for it. Beyond them refusals
	// are not logged; the metrics count them all.
	maxQuiet = 1000
)

// refusals logs tokens that were refused: one line for an address a minute, since
// clients with a bad token come again and again. It may be used concurrently.
type refusals struct {
	log *slog.Logger
	now func() time.Time

	mu    sync.Mutex
	quiet map[netip.Addr]*quiet // by network, as rates count
}

// quiet is an address of which a line was logged.
type quiet struct {
	since time.Time
	more  int // refusals since then that were not logged
}

func newRefusals(log *slog.Logger, now func() time.Time) *refusals {
	return &refusals{log: log, now: now, quiet: make(map[netip.Addr]*quiet)}
}

// note logs that the token of a client was refused, unless it has lately.
func (r *refusals) note(from netip.Addr, err error) {
	more, ok := r.turn(ratelimit.Network(from))
	switch {
	case !ok:
	case more > 0:
		r.log.Info("sign-in refused", "from", from.String(), "err", err, "more", more)
	default:
		r.log.Info("sign-in refused", "from", from.String(), "err", err)
	}
}

// turn reports whether a line is due, and how many refusals were not logged before it.
func (r *refusals) turn(network netip.Addr) (more int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	q := r.quiet[network]
	if q != nil && now.Sub(q.since) < quietFor {
		q.more++
		return 0, false
	}
	if q == nil {
		if len(r.quiet) >= maxQuiet {
			maps.DeleteFunc(r.quiet, func(_ netip.Addr, q *quiet) bool { return now.Sub(q.since) >= quietFor })
		}
		if len(r.quiet) >= maxQuiet {
			return 0, false
		}
		q = new(quiet)
		r.quiet[network] = q
	}
	more, *q = q.more, quiet{since: now}
	return more, true
}
