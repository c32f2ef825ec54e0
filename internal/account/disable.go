package account

import (
	"context"
	"fmt"
	"time"
)

// Disable lets a user in no longer, by whatever issuer's tokens, until Enable: the user's connections end, tokens of before are
// revoked, and devices are sent no more notifications. What the user has said stays, and so does all that others know of the user.
// changed is false where it was so before. by is the administrator who wants it, and may be empty: nobody disables the own
// account ([ErrOwnAccount]), or the last administrator who is let in ([ErrLastAdmin]). [ErrUserNotFound].
func (s *Service) Disable(ctx context.Context, userID, by UserID) (user User, changed bool, err error) {
	if userID == by && by != "" {
		return User{}, false, ErrOwnAccount
	}
	return s.disable(ctx, userID, true)
}

// Enable is the opposite of Disable. Tokens of before stay revoked. Issuers that write times in whole seconds cannot tell those of
// this second apart, see [Service.AwaitNewTokens].
func (s *Service) Enable(ctx context.Context, userID UserID) (user User, changed bool, err error) {
	user, err = s.User(ctx, userID)
	if err != nil || !user.Disabled() {
		return user, false, err
	}
	off := false
	user, err = s.changeUser(s.Audit(ctx, AuditUserEnabled, string(userID), ""), ChangeUser{ID: userID, Disabled: &off, At: s.timestamp()})
	return user, err == nil, err
}

// disable holds up who is about to get a token of the user's. With keepAdmin the last administrator is refused.
func (s *Service) disable(ctx context.Context, userID UserID, keepAdmin bool) (user User, changed bool, err error) {
	user, err = s.User(ctx, userID)
	if err != nil || user.Disabled() {
		return user, false, err
	}
	off := true
	ctx = s.Audit(ctx, AuditUserDisabled, string(userID), "")
	err = s.revoke(ctx, userID, func(r Revocation) (err error) {
		user, err = s.changeUser(ctx, ChangeUser{ID: userID, Disabled: &off, Revoke: &r, KeepAdmin: keepAdmin, At: r.At})
		return err
	}, nil, time.Time{})
	return user, err == nil, err
}

// DisableUser is Disable for the operator, of the user with an id or a login name; also of the last administrator, since the operator
// can make another one. Beside a server it waits as SignOut does.
func (s *Service) DisableUser(ctx context.Context, idOrLogin string) (user User, changed bool, err error) {
	user, err = s.Find(ctx, idOrLogin)
	if err != nil {
		return User{}, false, err
	}
	user, changed, err = s.disable(ctx, user.ID, false)
	if err != nil || !changed {
		return user, changed, err
	}
	return user, true, s.untilHeeded(ctx, user.ID)
}

// EnableUser is Enable for the operator, of the user with an id or a login name. A server that runs beside lets the user in within a
// second.
func (s *Service) EnableUser(ctx context.Context, idOrLogin string) (user User, changed bool, err error) {
	user, err = s.Find(ctx, idOrLogin)
	if err != nil {
		return User{}, false, err
	}
	return s.Enable(ctx, user.ID)
}

// heedSwitched looks for users whom another process has disabled or enabled.
func (s *Service) heedSwitched(ctx context.Context) error {
	latest, err := s.store.Switched(ctx, s.timestamp().Add(-heedBack))
	if err != nil {
		return fmt.Errorf("read who is disabled: %w", err)
	}
	for i := range latest {
		u := &latest[i]
		kind := UserEnabled
		if u.Disabled() {
			kind = UserDisabled
		}
		if s.revoked.bar(u.ID, u.Disabled()) && s.tell != nil {
			s.tell([]Event{{Kind: kind, At: s.timestamp(), Actor: Person{ID: u.ID}}})
		}
	}
	return nil
}
