package account_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func TestBlockedAddresses(t *testing.T) {
	h, ctx := open(t, cheap()), t.Context()
	bad, good := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("203.0.113.8")
	b, err := h.BlockAddress(ctx, account.BlockAddress{Address: bad, For: time.Hour, Reason: " floods ", By: "ada"})
	h.must(err)
	same(t, "block", b, account.BlockedAddress{Address: bad, Until: b.At.Add(time.Hour), Reason: "floods", By: "ada", At: b.At})
	same(t, "blocked", h.AddressBlocked(bad), true)
	same(t, "another", h.AddressBlocked(good), false)
	h.must(h.UnblockAddress(ctx, bad))
	same(t, "unblocked", h.AddressBlocked(bad), false)
	h.refused(h.UnblockAddress(ctx, bad), account.ErrAddressNotBlocked)

	// It ends by itself, and is known after a restart.
	_, err = h.BlockAddress(ctx, account.BlockAddress{Address: bad, For: time.Hour, By: "ada"})
	h.must(err)
	_, err = h.BlockAddress(ctx, account.BlockAddress{Address: good, For: time.Minute, By: "ada"})
	h.must(err)
	same(t, "two", len(h.BlockedAddresses()), 2)
	h.clock.at = h.clock.at.Add(time.Minute)
	later := reopen(t, cheap(), h.dir, h.clock)
	same(t, "still blocked", later.AddressBlocked(bad), true)
	same(t, "over", later.AddressBlocked(good), false)
	h.refused(later.UnblockAddress(ctx, good), account.ErrAddressNotBlocked)
	list := later.BlockedAddresses()
	same(t, "listed", len(list), 1)
	same(t, "listed", list[0].Address, bad)
}

func TestBlockAddressRefuses(t *testing.T) {
	h, ctx := open(t, cheap()), t.Context()
	good := account.BlockAddress{Address: netip.MustParseAddr("203.0.113.7"), For: time.Hour, By: "ada"}
	for name, tc := range map[string]struct {
		change func(*account.BlockAddress)
		code   refusal.Code
		field  string
	}{
		"no address": {func(b *account.BlockAddress) { b.Address = netip.Addr{} }, refusal.InvalidField, "address"},
		"no time":    {func(b *account.BlockAddress) { b.For = 0 }, refusal.InvalidField, "seconds"},
		"too long":   {func(b *account.BlockAddress) { b.For = account.MaxBlock + time.Second }, refusal.InvalidField, "seconds"},
		"control":    {func(b *account.BlockAddress) { b.Reason = "a\x00b" }, refusal.InvalidField, "reason"},
		"long reason": {func(b *account.BlockAddress) { b.Reason = strings.Repeat("é", account.MaxBlockReason+1) },
			refusal.LimitExceeded, "reason"},
	} {
		cmd := good
		tc.change(&cmd)
		_, err := h.BlockAddress(ctx, cmd)
		h.refused(err, &refusal.Error{Code: tc.code})
		if refusal := new(refusal.Error); !errors.As(err, &refusal) || refusal.Field != tc.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	same(t, "blocked", len(h.BlockedAddresses()), 0)
	h.refused(h.UnblockAddress(ctx, netip.Addr{}), &refusal.Error{Code: refusal.InvalidField})
}

// The list has an end, and what is over makes room.
func TestBlockedAddressesAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("fills the list")
	}
	h, ctx := open(t, cheap()), t.Context()
	block := func(i int, lasts time.Duration) error {
		address := netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", i/250, i%250))
		_, err := h.BlockAddress(ctx, account.BlockAddress{Address: address, For: lasts, By: "ada"})
		return err
	}
	for i := range account.MaxBlockedAddresses {
		h.must(block(i, time.Duration(i%2+1)*time.Hour))
	}
	h.refused(block(account.MaxBlockedAddresses, time.Hour), &refusal.Error{Code: refusal.LimitExceeded})
	h.must(block(7, time.Hour)) // which is among them
	h.clock.at = h.clock.at.Add(90 * time.Minute)
	h.must(block(account.MaxBlockedAddresses, time.Hour))
}
