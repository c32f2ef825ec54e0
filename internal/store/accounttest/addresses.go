package accounttest

import (
	"net/netip"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
)

func testBlockedAddresses(f *fixture) {
	first := account.BlockedAddress{
		Address: netip.MustParseAddr("203.0.113.7"), Until: start.Add(time.Hour), Reason: "floods", By: "ada", At: start,
	}
	second := account.BlockedAddress{Address: netip.MustParseAddr("2001:db8::"), Until: start.Add(time.Minute), By: "ada", At: start}
	listed := func(what string, now time.Time, want ...account.BlockedAddress) {
		f.Helper()
		got, err := f.store.BlockedAddresses(f.Context(), now)
		f.Must(err)
		equal(f, what, got, append([]account.BlockedAddress{}, want...))
	}
	listed("at first", start)
	f.Must(f.store.BlockAddress(f.Context(), first))
	f.Must(f.store.BlockAddress(f.Context(), second))
	listed("two", start, second, first)
	listed("one is over", second.Until, first)

	before := first
	first.Until, first.Reason, first.By, first.At = start.Add(2*time.Hour), "", "grace", start.Add(2*time.Minute)
	f.Must(f.store.BlockAddress(f.Context(), first))
	listed("again, and the other is forgotten", start, first)
	f.Must(f.store.UnblockAddress(f.Context(), second.Address))
	f.Must(f.store.UnblockAddress(f.Context(), first.Address))
	listed("in the end", start)
	f.Must(f.store.UnblockAddress(f.Context(), first.Address)) // is let in
	blocked := func(b account.BlockedAddress) account.Event {
		return account.Event{Kind: account.AddressBlocked, At: b.At, Address: &b}
	}
	equal(f, "events", f.Events.Take(), []account.Event{
		blocked(before), blocked(second), blocked(first),
		{Kind: account.AddressUnblocked, Address: &account.BlockedAddress{Address: first.Address}},
	})
}
