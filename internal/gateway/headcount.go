package gateway

import (
	"net/netip"

	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

// headcount counts the connections of each address, and those of each IPv6 /48. Its
// size is bounded by what it counts. Its owner guards it.
type headcount struct{ each, sites map[netip.Addr]int } // no entry stands for 0

func newHeadcount() headcount {
	return headcount{each: make(map[netip.Addr]int), sites: make(map[netip.Addr]int)}
}

// add counts by more, or -1 for one less.
func (h headcount) add(from netip.Addr, by int) {
	count(h.each, ratelimit.Network(from), by)
	if site, ok := ratelimit.Site(from); ok {
		count(h.sites, site, by)
	}
}

func count(in map[netip.Addr]int, of netip.Addr, by int) {
	if in[of] += by; in[of] <= 0 {
		delete(in, of)
	}
}

// full reports whether an address or its site has as many as it may, here and in another count. most is for an address; 0 is
// no limit.
func (h headcount) full(other headcount, from netip.Addr, most int) bool {
	if most <= 0 {
		return false
	}
	network := ratelimit.Network(from)
	if h.each[network]+other.each[network] >= most {
		return true
	}
	site, ok := ratelimit.Site(from)
	return ok && h.sites[site]+other.sites[site] >= most*ratelimit.SiteShare
}
