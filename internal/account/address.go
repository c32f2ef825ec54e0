package account

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Limits of blocked addresses.
const (
	MaxBlockedAddresses = 1000
	MaxBlockReason      = 200 // characters
	MinBlock            = time.Second
	MaxBlock            = 366 * 24 * time.Hour
)

// BlockedAddress is an address that administrators keep out until a time.
type BlockedAddress struct {
	Address netip.Addr // by which a client counts
	Until   time.Time
	Reason  string // for administrators
	By      UserID
	At      time.Time
}

// BlockAddress is the command to keep an address out for a time, from now on.
type BlockAddress struct {
	Address netip.Addr
	For     time.Duration
	Reason  string
	By      UserID
}

// BlockAddress keeps an address out. One that is blocked already is from then on blocked by this command. It ends no
// connections.
func (s *Service) BlockAddress(ctx context.Context, cmd BlockAddress) (BlockedAddress, error) {
	cmd.Reason = strings.TrimSpace(cmd.Reason)
	switch {
	case !cmd.Address.IsValid():
		return BlockedAddress{}, refusal.Invalid("address", "must be an IP address")
	case cmd.For < MinBlock || cmd.For > MaxBlock:
		e := refusal.Invalid("seconds", fmt.Sprintf("must be from %d to %d", int(MinBlock.Seconds()), int(MaxBlock.Seconds())))
		e.Limit = int(MaxBlock.Seconds())
		return BlockedAddress{}, e
	case !printable(cmd.Reason):
		return BlockedAddress{}, refusal.Invalid("reason", "must be printable UTF-8")
	case utf8.RuneCountInString(cmd.Reason) > MaxBlockReason:
		return BlockedAddress{}, refusal.TooMuch("reason", MaxBlockReason, "characters")
	}
	now := s.timestamp()
	b := BlockedAddress{Address: cmd.Address, Until: now.Add(cmd.For).Truncate(time.Millisecond), Reason: cmd.Reason, By: cmd.By, At: now}
	s.addresses.changing.Lock()
	defer s.addresses.changing.Unlock()
	if !s.addresses.room(b.Address, now) {
		return BlockedAddress{}, tooMany("blocked addresses", MaxBlockedAddresses)
	}
	if err := s.store.BlockAddress(s.Audit(ctx, AuditAddressBlocked, b.Address.String(), b.Reason), b); err != nil {
		return BlockedAddress{}, fmt.Errorf("block address: %w", err)
	}
	s.addresses.set(b)
	return b, nil
}

// UnblockAddress lets an address in again. [ErrAddressNotBlocked].
func (s *Service) UnblockAddress(ctx context.Context, address netip.Addr) error {
	if !address.IsValid() {
		return refusal.Invalid("address", "must be an IP address")
	}
	s.addresses.changing.Lock()
	defer s.addresses.changing.Unlock()
	if !s.AddressBlocked(address) {
		return ErrAddressNotBlocked
	}
	if err := s.store.UnblockAddress(s.Audit(ctx, AuditAddressUnblocked, address.String(), ""), address); err != nil {
		return fmt.Errorf("unblock address: %w", err)
	}
	s.addresses.remove(address)
	return nil
}

// AddressBlocked tells whether an address is kept out now. It is a look into memory.
func (s *Service) AddressBlocked(address netip.Addr) bool {
	s.addresses.mu.RLock()
	defer s.addresses.mu.RUnlock()
	b, blocked := s.addresses.blocked[address]
	return blocked && s.now().Before(b.Until)
}

// BlockedAddresses returns the addresses that are kept out now, the newest first.
func (s *Service) BlockedAddresses() []BlockedAddress {
	now := s.now()
	s.addresses.mu.RLock()
	list := make([]BlockedAddress, 0, len(s.addresses.blocked))
	for _, b := range s.addresses.blocked {
		if now.Before(b.Until) {
			list = append(list, b)
		}
	}
	s.addresses.mu.RUnlock()
	slices.SortFunc(list, func(a, b BlockedAddress) int {
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return a.Address.Compare(b.Address)
	})
	return list
}

// addresses are those that are blocked, as they are stored.
type addresses struct {
	changing sync.Mutex // held while store and memory change together

	mu      sync.RWMutex
	blocked map[netip.Addr]BlockedAddress
}

func (a *addresses) set(b BlockedAddress) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.blocked[b.Address] = b
}

func (a *addresses) remove(address netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.blocked, address)
}

// room tells whether an address can be added. It forgets those whose time is over.
func (a *addresses) room(address netip.Addr, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for other, b := range a.blocked {
		if !now.Before(b.Until) {
			delete(a.blocked, other)
		}
	}
	_, known := a.blocked[address]
	return known || len(a.blocked) < MaxBlockedAddresses
}
