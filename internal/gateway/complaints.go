package gateway

import (
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/ratelimit"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

const (
	// quietFor is how long the log says nothing more of an address whose token was
	// refused, or of a fault.
	quietFor = time.Minute
	// maxQuiet bounds the addresses that are remembered for it. Beyond them refusals
	// are not logged; the metrics count them all.
	maxQuiet = 1000
)

// complaints logs what many connections may meet at once, or again and again: a line a
// minute each. It may be used concurrently.
type complaints struct {
	log      *slog.Logger
	refusals *hush[netip.Addr] // by network, as rates count
	faults   *hush[string]     // by what could not be done
}

func newComplaints(log *slog.Logger, now func() time.Time) *complaints {
	return &complaints{log: log, refusals: newHush[netip.Addr](now), faults: newHush[string](now)}
}

// refused logs that the token of a client was refused, unless that was said of its
// network lately.
func (c *complaints) refused(from netip.Addr, err error) {
	if more, ok := c.refusals.turn(ratelimit.Network(from)); ok {
		c.log.Info("sign-in refused", said(more, "from", from.String(), "err", err)...)
	}
}

// fault logs what the server could not do for a connection, unless it was said lately:
// when a database is away, everybody meets that. What passes by itself is a warning.
func (c *complaints) fault(what string, err error, about ...any) {
	more, ok := c.faults.turn(what)
	if !ok {
		return
	}
	line := said(more, append(about, "err", err)...)
	if why := refusal.Of(err); why != nil && why.Code == refusal.Unavailable {
		c.log.Warn(what, line...)
		return
	}
	c.log.Error(what, line...)
}

// said adds how many were not logged before, if any.
func said(more int, about ...any) []any {
	if more > 0 {
		about = append(about, "more", more)
	}
	return about
}

// hush tells whether a line about a key is due. It may be used concurrently.
type hush[K comparable] struct {
	now func() time.Time

	mu    sync.Mutex
	quiet map[K]*quiet
}

// quiet is a key of which a line was logged.
type quiet struct {
	since time.Time
	more  int // those since then that were not logged
}

func newHush[K comparable](now func() time.Time) *hush[K] {
	return &hush[K]{now: now, quiet: make(map[K]*quiet)}
}

// turn reports whether a line is due, and how many were not logged before it.
func (h *hush[K]) turn(of K) (more int, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	q := h.quiet[of]
	if q != nil && now.Sub(q.since) < quietFor {
		q.more++
		return 0, false
	}
	if q == nil {
		if len(h.quiet) >= maxQuiet {
			maps.DeleteFunc(h.quiet, func(_ K, q *quiet) bool { return now.Sub(q.since) >= quietFor })
		}
		if len(h.quiet) >= maxQuiet {
			return 0, false
		}
		q = new(quiet)
		h.quiet[of] = q
	}
	more, *q = q.more, quiet{since: now}
	return more, true
}
