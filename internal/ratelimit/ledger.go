package ratelimit

import (
	"fmt"
	"net/netip"
)

// Ledger is what was taken of a rate, for others that allow the same. Its methods may be called concurrently.
type Ledger interface {
	// Spent returns what was taken here of each key and is not told yet, where that is a twentieth of the allowance or
	// more: less is told when it has become so much, or not at all when by then all of the allowance is there again.
	Spent() map[string]int
	// Charge takes what was taken elsewhere. So a key may come to owe as much as it is allowed, but no more.
	Charge(key string, n int) error
}

// toldShare is the part of an allowance below which it is not told what was taken.
const toldShare = 20

// Ledger begins to note what is taken. write and read make text of keys and keys of text.
func (r *Buckets[K]) Ledger(write func(K) string, read func(string) (K, error)) Ledger {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.spent == nil {
		r.spent = make(map[K]int)
	}
	return ledger[K]{r, write, read}
}

type ledger[K comparable] struct {
	of    *Buckets[K]
	write func(K) string
	read  func(string) (K, error)
}

// Spent implements [Ledger].
func (l ledger[K]) Spent() map[string]int {
	r := l.of
	least := max(1, r.rate.Events/toldShare)
	now := r.now()
	told := make(map[string]int)
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, n := range r.spent {
		bucket := r.buckets[key]
		switch {
		case n >= least:
			told[l.write(key)] = n
			delete(r.spent, key)
		case bucket == nil || bucket.TokensAt(now) >= float64(bucket.Burst()):
			delete(r.spent, key)
		}
	}
	return told
}

// Charge implements [Ledger].
func (l ledger[K]) Charge(text string, n int) error {
	key, err := l.read(text)
	if err != nil {
		return fmt.Errorf("ratelimit: key %q: %w", text, err)
	}
	r := l.of
	if r.rate.Events <= 0 {
		return nil
	}
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	bucket := r.bucket(key, now)
	most := int(bucket.TokensAt(now)) + bucket.Burst()
	for n = min(n, most); n > 0; n -= bucket.Burst() {
		bucket.ReserveN(now, min(n, bucket.Burst()))
	}
	return nil
}

// Text is Ledger of keys that are text.
func Text(r *Buckets[string]) Ledger {
	return r.Ledger(func(key string) string { return key }, func(text string) (string, error) { return text, nil })
}

// Ledgers are those of addresses and of sites.
func (a *Addresses) Ledgers() (each, sites Ledger) {
	return a.each.Ledger(netip.Addr.String, netip.ParseAddr), a.sites.Ledger(netip.Addr.String, netip.ParseAddr)
}
