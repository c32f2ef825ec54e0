package ratelimit_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/ratelimit"
)

func TestNetworksAndSites(t *testing.T) {
	for _, c := range []struct{ ip, network, site string }{
		{"192.0.2.1", "192.0.2.1", ""},
		{"::1", "::1", ""},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.1", ""},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1::"},
		{"2001:db8:1::", "2001:db8:1::", "2001:db8:1::"},
	} {
		ip := netip.MustParseAddr(c.ip)
		if got := ratelimit.Network(ip); got.String() != c.network {
			t.Errorf("%s is of network %s, want %s", ip, got, c.network)
		}
		if got, ok := ratelimit.Site(ip); ok != (c.site != "") || ok && got.String() != c.site {
			t.Errorf("%s is of site %s (%v), want %q", ip, got, ok, c.site)
		}
	}
}

// Whoever owns a /48 does not have the allowance of an address 65,536 times.
func TestASiteHasAnAllowance(t *testing.T) {
	now := time.Now()
	addresses := ratelimit.NewAddresses(ratelimit.Rate{Events: 3, Per: time.Minute}, func() time.Time { return now })
	taken := 0
	for network := range 1000 {
		if addresses.Take(netip.MustParseAddr(fmt.Sprintf("2001:db8:1:%x::1", network))) == 0 {
			taken++
		}
	}
	if taken != 3*ratelimit.SiteShare {
		t.Errorf("one site took %d", taken)
	}
	fresh := netip.MustParseAddr("2001:db8:1:ffff::1")
	if left, _ := addresses.Left(fresh); left != 0 {
		t.Errorf("%d are left for another network of the site", left)
	}
	if wait := addresses.TakeOwn(fresh); wait != 0 {
		t.Error("its own allowance is gone")
	}
	for _, neighbour := range []string{"2001:db8:2::1", "192.0.2.1"} {
		ip := netip.MustParseAddr(neighbour)
		for i := range 4 {
			if wait := addresses.Take(ip); (wait > 0) != (i == 3) {
				t.Errorf("%s, time %d: waits %s", ip, i, wait)
			}
		}
	}
}

// The one address of a network is bound by its own allowance.
func TestAnAddressHasNoMoreThanItsOwn(t *testing.T) {
	now := time.Now()
	addresses := ratelimit.NewAddresses(ratelimit.Rate{Events: 3, Per: time.Minute}, func() time.Time { return now })
	for i := range 4 {
		ip := netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))
		if wait := addresses.Take(ip); (wait > 0) != (i == 3) {
			t.Errorf("time %d: waits %s", i, wait)
		}
	}
}
