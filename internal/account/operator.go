package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// The operator's commands may run in a process beside the one that serves. A server reads the store whenever it is asked
// for a user, but has in memory what is revoked: what another process revokes it learns by Heed.

// Find returns the user with an id, or else with a login name. [ErrUserNotFound].
func (s *Service) Find(ctx context.Context, idOrLogin string) (User, error) {
	if idOrLogin == "" {
		return User{}, refusal.Missing("userId")
	}
	user, known, err := s.store.User(ctx, UserID(idOrLogin))
	if err != nil {
		return User{}, fmt.Errorf("look up user: %w", err)
	}
	if known {
		return user, nil
	}
	local, err := s.lookUp(ctx, idOrLogin)
	if err != nil {
		return User{}, err
	}
	if local.User.ID == "" {
		return User{}, ErrUserNotFound
	}
	return local.User, nil
}

// Users returns users by their ids, those after an id. A limit of 0 is [DefaultUserFound], it is at most [MaxUsersFound].
func (s *Service) Users(ctx context.Context, after UserID, limit int) ([]User, error) {
	if err := checkFound(&limit); err != nil {
		return nil, err
	}
	users, err := s.store.ListUsers(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return users, nil
}

// SetPassword is ResetPassword of the user with an id or a login name, who must have a local account. Beside a server it
// waits as SignOut does.
func (s *Service) SetPassword(ctx context.Context, idOrLogin, password string) (User, error) {
	user, err := s.Find(ctx, idOrLogin)
	if err != nil {
		return User{}, err
	}
	if !user.Local() {
		return User{}, refusal.Invalid("login", "is not that of an account with a password on this server")
	}
	if err := s.ResetPassword(ctx, user.ID, password); err != nil {
		return User{}, err
	}
	return user, s.untilHeeded(ctx, user.ID)
}

// SignOut is RevokeUser of the user with an id or a login name. Beside a server it returns when that one has heeded it,
// or, after 5 s, ErrNotHeeded. Tokens that are signed when it has returned are good.
func (s *Service) SignOut(ctx context.Context, idOrLogin string) (User, error) {
	user, err := s.Find(ctx, idOrLogin)
	if err != nil {
		return User{}, err
	}
	if err := s.RevokeUser(ctx, user.ID); err != nil {
		return User{}, err
	}
	if err := s.untilHeeded(ctx, user.ID); err != nil {
		return user, err
	}
	return user, s.AwaitNewTokens(ctx, user.ID)
}

// ErrNotHeeded is no refusal: the revocation is stored.
var ErrNotHeeded = errors.New("stored, but the running server has not heeded it: it does when it starts again")

const (
	heededWithin = 5 * time.Second
	lookForHeed  = 20 * time.Millisecond
)

// untilHeeded waits until the servers know of a revocation of this process: they hear of it, or the one that there is says so
// by a revocation of its own.
func (s *Service) untilHeeded(ctx context.Context, userID UserID) error {
	if !s.beside {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, heededWithin, ErrNotHeeded)
	defer cancel()
	if s.heeded != nil {
		return s.heeded(ctx)
	}
	look := time.NewTicker(lookForHeed)
	defer look.Stop()
	for stored := s.revoked.cutoff(userID); ; {
		by, err := s.store.RevokedBy(ctx, userID)
		if err == nil && by.After(stored) {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("look for the server's revocation: %w", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-look.C:
		}
	}
}

// heedBack is how old a revocation may be when it is seen first. It takes that long to store one at most.
const heedBack = time.Minute

// Heed looks which users another process has revoked or given to another issuer within the last minute, does the same
// here, and returns how many were revoked.
//
// To take over what the other process has stored would not do: while that was on its way, this one may have issued tokens
// that are younger than it says, and by these further ones.
//
// Where what others commit is heard (see [Deps]) it looks for nothing, but revokes what this process has issued although
// another one, of whose revocation it has heard, had revoked the user before.
func (s *Service) Heed(ctx context.Context) (heeded int, err error) {
	if s.nodes {
		return s.settleIssued(ctx)
	}
	if err := errors.Join(s.heedOwners(ctx), s.heedSwitched(ctx)); err != nil {
		return 0, err
	}
	latest, err := s.store.RevokedUsers(ctx, s.timestamp().Add(-heedBack))
	if err != nil {
		return 0, fmt.Errorf("read revocations: %w", err)
	}
	for _, r := range latest {
		isNews, err := s.heed(ctx, r)
		if err != nil {
			return heeded, err
		}
		if isNews {
			heeded++
		}
	}
	return heeded, nil
}

var errKnown = errors.New("known by now")

// heed tells whether the revocation was news.
func (s *Service) heed(ctx context.Context, r Revocation) (isNews bool, err error) {
	isKnown := func() bool { return !r.IssuedBy.After(s.revoked.cutoff(r.UserID)) }
	if isKnown() {
		return false, nil
	}
	err = s.revoke(ctx, r.UserID, func(own Revocation) error {
		if isKnown() { // one of this process was on its way
			return errKnown
		}
		return s.store.Revoke(ctx, own)
	}, nil, r.IssuedBy)
	if errors.Is(err, errKnown) {
		return false, nil
	}
	return err == nil, err
}
