package outbound

import (
	"fmt"
	"net/netip"
)

// Forbidden is an address that is not dialled.
type Forbidden struct {
	Address netip.Addr
	Why     string // what it is
}

func (f Forbidden) Error() string {
	return fmt.Sprintf("the address %s is not dialled: it is %s", f.Address, f.Why)
}

// reserved are the prefixes that nothing on the Internet has, or that lead somewhere else than they say: IANA's registries of
// special-purpose addresses, but for those that are globally reachable. A narrower one stands before what contains it.
var reserved = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared by the customers of a provider"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local, where clouds have their metadata"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved"},
	{netip.MustParsePrefix("192.0.2.0/24"), "for documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "of 6to4 relays"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},
	{netip.MustParsePrefix("198.18.0.0/15"), "for benchmarks"},
	{netip.MustParsePrefix("198.51.100.0/24"), "for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "for documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved or broadcast"},
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud's metadata"}, // Azure's, though it is a public one
	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "translated within a network"},
	{netip.MustParsePrefix("100::/64"), "discarded"},
	{netip.MustParsePrefix("2001::/23"), "reserved, or a Teredo tunnel"},
	{netip.MustParsePrefix("2001:db8::/32"), "for documentation"},
	{netip.MustParsePrefix("3fff::/20"), "for documentation"},
	{netip.MustParsePrefix("5f00::/16"), "a segment of routes"},
	{netip.MustParsePrefix("fc00::/7"), "private"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fec0::/10"), "private"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

// Ipv6 addresses that stand for an IPv4 address within them: what is behind them is that one.
var (
	translated = netip.MustParsePrefix("64:ff9b::/96") // NAT64, RFC 6052
	sixToFour  = netip.MustParsePrefix("2002::/16")    // RFC 3056
	compatible = netip.MustParsePrefix("::/96")        // RFC 4291, given up
	siit       = netip.MustParsePrefix("::ffff:0:0:0/96")
	global     = netip.MustParsePrefix("2000::/3") // all that is unicast and public
)

// Allowed are prefixes that may be dialled although they are reserved, and by plain HTTP.
type Allowed []netip.Prefix

// names tells whether a prefix has the address.
func (a Allowed) names(address netip.Addr) bool {
	for _, prefix := range a {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// Check returns a [Forbidden] for an address that must not be dialled. Of one that leads to an IPv4 address that one counts, too.
func (a Allowed) Check(address netip.Addr) error {
	address = address.WithZone("").Unmap()
	if !address.IsValid() {
		return Forbidden{address, "no address"}
	}
	if a.names(address) {
		return nil
	}
	for _, r := range reserved {
		if r.prefix.Contains(address) {
			return Forbidden{address, r.what}
		}
	}
	if inner, leads := within(address); leads {
		if err := a.Check(inner); err != nil {
			return Forbidden{address, "a way to " + inner.String()}
		}
		if !translated.Contains(address) {
			return Forbidden{address, "an address of a tunnel"}
		}
		return nil
	}
	if address.Is6() && !global.Contains(address) {
		return Forbidden{address, "reserved"}
	}
	return nil
}

// CheckPlain is Check for HTTP without TLS, which is for allowed prefixes alone: what is said can be read on the way.
func (a Allowed) CheckPlain(address netip.Addr) error {
	if err := a.Check(address); err != nil {
		return err
	}
	if address = address.WithZone("").Unmap(); !a.names(address) {
		return Forbidden{address, "not allowed without TLS"}
	}
	return nil
}

// within returns the IPv4 address that an IPv6 address leads to.
func within(address netip.Addr) (inner netip.Addr, leads bool) {
	if !address.Is6() {
		return netip.Addr{}, false
	}
	b := address.As16()
	switch {
	case translated.Contains(address), compatible.Contains(address), siit.Contains(address):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case sixToFour.Contains(address):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}
