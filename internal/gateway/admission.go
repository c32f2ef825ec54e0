package gateway

import (
	"maps"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

const (
	// blockTime is how long an address that would not stop is shut out.
	blockTime = time.Hour
	// blockAfter is how many refused attempts in a row are taken for not
	// stopping.
	blockAfter = 100
	// maxAddresses bounds the addresses that are remembered, sweepEvery how
	// often it is looked which of them can be forgotten.
	maxAddresses = 100_000
	sweepEvery   = time.Minute
	// strangers is how many connections beyond the capacity may be open without
	// having signed in, as a share of it and at least.
	strangersShare, strangersAtLeast = 10, 100
)

// admission decides by the address and origin of a request. It may be used
// concurrently.
type admission struct {
	cfg      Config
	now      func() time.Time
	barred   func(netip.Addr) bool // by administrators
	full     func(netip.Addr) bool // has as many signed-in connections as it may
	connects *ratelimit.Addresses

	mu        sync.Mutex
	pushing   map[netip.Addr]*pushing
	nextSweep time.Time
}

// pushing is what is held against an address that goes on although it is refused.
type pushing struct {
	refused int
	blocked time.Time // until then
}

func newAdmission(cfg Config, now func() time.Time) *admission {
	return &admission{
		cfg:      cfg,
		now:      now,
		connects: ratelimit.NewAddresses(cfg.Connects, now),
		pushing:  make(map[netip.Addr]*pushing),
	}
}

func (a *admission) admit(r *http.Request) *denial {
	if !a.allowsOrigin(r) {
		return deniedOrigin
	}
	from := a.clientIP(r.RemoteAddr, r.Header)
	if a.barred(from) {
		return deniedBarred
	}
	wait := a.connects.TakeOwn(from)
	a.mu.Lock()
	defer a.mu.Unlock()
	if left := a.blocked(from); left > 0 {
		return deniedBlocked.until(left)
	}
	if wait > 0 {
		a.push(from)
		return deniedRate.until(wait)
	}
	delete(a.pushing, from)
	if wait = a.connects.TakeSite(from); wait > 0 {
		return deniedRate.until(wait) // which is not held against the address: its neighbours did it
	}
	if a.full(from) {
		return deniedTooMany
	}
	return nil
}

// blocked returns how long an address is still shut out for not stopping.
func (a *admission) blocked(from netip.Addr) time.Duration {
	if known := a.pushing[from]; known != nil {
		return known.blocked.Sub(a.now())
	}
	return 0
}

// push holds a refusal against an address. Where too many addresses are known,
// those that are not blocked are forgotten; if that does not help, what is new is
// not kept.
func (a *admission) push(from netip.Addr) {
	known := a.pushing[from]
	if known == nil {
		if now := a.now(); len(a.pushing) >= maxAddresses && !now.Before(a.nextSweep) {
			a.nextSweep = now.Add(sweepEvery)
			maps.DeleteFunc(a.pushing, func(_ netip.Addr, p *pushing) bool { return !now.Before(p.blocked) })
		}
		if len(a.pushing) >= maxAddresses {
			return
		}
		known = new(pushing)
		a.pushing[from] = known
	}
	if known.refused++; known.refused >= blockAfter {
		known.blocked = a.now().Add(blockTime)
	}
}
