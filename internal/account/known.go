package account

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// MaxKnownAddresses is how many addresses of an account are remembered, from which its password was given.
const MaxKnownAddresses = 16

// What is remembered of an address counts for knownFor, and is written anew when it is older than notedFor.
const (
	knownFor = 90 * 24 * time.Hour
	notedFor = 24 * time.Hour
)

// KnownFrom tells whether an account was signed in to from an address lately. Guesses from elsewhere must not keep out who
// comes from there. Of an unknown login name it is false.
func (s *Service) KnownFrom(ctx context.Context, username string, from netip.Addr) (bool, error) {
	if checkUsername(username) != nil || !from.IsValid() {
		return false, nil
	}
	at, err := s.store.SignedIn(ctx, username, from)
	if err != nil {
		return false, fmt.Errorf("look up sign-ins: %w", err)
	}
	return !at.IsZero() && s.now().Sub(at) < knownFor, nil
}

// askerFor is who asks from an address for an account.
func (s *Service) askerFor(ctx context.Context, username string, from netip.Addr) (asker, error) {
	known, err := s.KnownFrom(ctx, username, from)
	return asker{from: from, account: Fold(username), known: known}, err
}

// noteFrom remembers from where somebody has signed in. It costs a read unless there is something new.
func (s *Service) noteFrom(ctx context.Context, user *User, from netip.Addr) error {
	if !from.IsValid() {
		return nil
	}
	at, err := s.store.SignedIn(ctx, user.Username, from)
	if err == nil && s.now().Sub(at) >= notedFor {
		err = s.store.NoteSignIn(ctx, SignIn{UserID: user.ID, From: from, At: s.timestamp()})
	}
	if err != nil {
		return fmt.Errorf("note sign-in: %w", err)
	}
	return nil
}
