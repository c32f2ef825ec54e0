package ratelimit

import (
	"net/netip"
	"time"
)

// SiteShare is how many times the allowance of an address a whole IPv6 /48 has. One client gets a /64 at least, and a site
// often a /48 (RFC 6177): without a bound for it, a site has 65,536 times as much as anybody else. Mobile networks give a
// /64 to every phone, many of which share a /48, so it is not a small one.
const SiteShare = 16

// Network returns what counts as one address: the /64 of an IPv6 address, and others as they are.
func Network(ip netip.Addr) netip.Addr { return masked(ip, 64) }

// Site returns the /48 of an IPv6 address; not ok for others, which are in none.
func Site(ip netip.Addr) (site netip.Addr, ok bool) {
	if !wide(ip) {
		return netip.Addr{}, false
	}
	return masked(ip, 48), true
}

func wide(ip netip.Addr) bool { return ip.Is6() && !ip.Is4In6() && !ip.IsLoopback() }

func masked(ip netip.Addr, bits int) netip.Addr {
	if !wide(ip) {
		return ip
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return ip
	}
	return prefix.Addr()
}

// Addresses holds a token bucket for each address, by Network, and one of SiteShare times the size for each Site. It may be
// used concurrently.
type Addresses struct{ each, sites *Buckets[netip.Addr] }

// NewAddresses makes buckets, all of the same rate but for those of sites.
func NewAddresses(r Rate, now func() time.Time) *Addresses {
	return &Addresses{
		each:  New[netip.Addr](r, now),
		sites: New[netip.Addr](Rate{Events: r.Events * SiteShare, Per: r.Per}, now),
	}
}

// Rate is what one address is allowed.
func (a *Addresses) Rate() Rate { return a.each.rate }

// Take takes one from the allowance of an address, and then from that of its site. When there is none it returns how long
// to wait for it.
func (a *Addresses) Take(from netip.Addr) (wait time.Duration) {
	if wait = a.TakeOwn(from); wait > 0 {
		return wait
	}
	return a.TakeSite(from)
}

// TakeOwn is the first half of Take, for callers that hold against an address only what it does itself.
func (a *Addresses) TakeOwn(from netip.Addr) (wait time.Duration) { return a.each.Take(Network(from)) }

// TakeSite is the second half of Take.
func (a *Addresses) TakeSite(from netip.Addr) (wait time.Duration) {
	site, ok := Site(from)
	if !ok {
		return 0
	}
	return a.sites.Take(site)
}

// Left returns how many are left for an address, and how long it takes until all of that allowance is there again, its own
// or, if less is left of that, its site's.
func (a *Addresses) Left(from netip.Addr) (left int, full time.Duration) {
	left, full = a.each.Left(Network(from))
	if site, ok := Site(from); ok {
		if siteLeft, siteFull := a.sites.Left(site); siteLeft < left {
			return siteLeft, siteFull
		}
	}
	return left, full
}
