package gateway

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

// clientIP is the address of the client. Behind trusted proxies it is the last
// one in X-Forwarded-For that is none of theirs: what stands before it is only
// the client's own word.
func (a *admission) clientIP(remote string, header http.Header) netip.Addr {
	from, ok := parseAddr(remote)
	if !ok || !a.trusted(from) {
		return ratelimit.Network(from)
	}
	hops := strings.Split(strings.Join(header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		ip, ok := parseAddr(strings.TrimSpace(hop))
		if !ok {
			break
		}
		from = ip
		if !a.trusted(ip) {
			break
		}
	}
	return ratelimit.Network(from)
}

func (a *admission) trusted(ip netip.Addr) bool {
	return slices.ContainsFunc(a.cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// parseAddr reads an address with or without a port.
func parseAddr(s string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		withPort, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		ip = withPort.Addr()
	}
	return ip.Unmap().WithZone(""), true
}
