package postgres

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// BlockAddress implements [account.Addresses].
func (a *Accounts) BlockAddress(ctx context.Context, b account.BlockedAddress) error {
	return a.do(ctx, func(t *accountTx) error {
		if _, err := t.exec(`
			DELETE FROM blocked_addresses WHERE address IN (
				SELECT address FROM blocked_addresses WHERE until <= $1 FOR UPDATE SKIP LOCKED)`, b.At.UnixMilli()); err != nil {
			return fmt.Errorf("forget addresses: %w", err)
		}
		_, err := t.exec(`
			INSERT INTO blocked_addresses (address, until, reason, blocked_by, created_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (address) DO UPDATE SET
				until = excluded.until, reason = excluded.reason, blocked_by = excluded.blocked_by, created_at = excluded.created_at`,
			b.Address.String(), b.Until.UnixMilli(), b.Reason, b.By, b.At.UnixMilli())
		if err != nil {
			return fmt.Errorf("block address: %w", err)
		}
		t.tell(account.Event{Kind: account.AddressBlocked, At: b.At, Address: &b})
		return nil
	})
}

// UnblockAddress implements [account.Addresses].
func (a *Accounts) UnblockAddress(ctx context.Context, address netip.Addr) error {
	return a.do(ctx, func(t *accountTx) error {
		blocks, err := t.exec(`DELETE FROM blocked_addresses WHERE address = $1`, address.String())
		if err != nil {
			return fmt.Errorf("unblock address: %w", err)
		}
		if blocks > 0 {
			t.tell(account.Event{Kind: account.AddressUnblocked, Address: &account.BlockedAddress{Address: address}})
		}
		return nil
	})
}

const blockedAddressesQuery = `
	SELECT address, until, reason, blocked_by, created_at FROM blocked_addresses WHERE until > $1 ORDER BY until, address`

// BlockedAddresses implements [account.Addresses].
func (a *Accounts) BlockedAddresses(ctx context.Context, now time.Time) ([]account.BlockedAddress, error) {
	return rows.Collect(a.readers().rows(ctx), []account.BlockedAddress{}, rows.BlockedAddress, blockedAddressesQuery, now.UnixMilli())
}
