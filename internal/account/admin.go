package account

import (
	"context"
	"fmt"
)

// Administers tells whether somebody may administer the server by now: by what the verified token says, or by what is
// stored, which may have changed since. A token that is revoked or has expired permits nothing.
func (s *Service) Administers(ctx context.Context, identity Identity) (bool, error) {
	expired := !identity.ExpiresAt.IsZero() && !s.now().Before(identity.ExpiresAt)
	if expired || s.admits(&identity) != nil {
		return false, nil
	}
	if identity.Admin {
		return true, nil
	}
	user, _, err := s.store.User(ctx, identity.UserID)
	if err != nil {
		return false, fmt.Errorf("look up user: %w", err)
	}
	return user.Admin && !user.Disabled(), nil
}

// GrantAdmin makes a user an administrator of the server, RevokeAdmin takes that back. The user is given by the id, or
// by the login name of a local account, and must be known: [ErrUserNotFound]. changed is false where it was so before.
func (s *Service) GrantAdmin(ctx context.Context, idOrLogin string) (user User, changed bool, err error) {
	return s.setAdmin(ctx, idOrLogin, true)
}

// RevokeAdmin is the opposite of GrantAdmin. A user who is an administrator by a claim of the token stays one.
func (s *Service) RevokeAdmin(ctx context.Context, idOrLogin string) (user User, changed bool, err error) {
	return s.setAdmin(ctx, idOrLogin, false)
}

func (s *Service) setAdmin(ctx context.Context, idOrLogin string, admin bool) (user User, changed bool, err error) {
	user, err = s.Find(ctx, idOrLogin)
	if err != nil || user.Admin == admin {
		return user, false, err
	}
	user, err = s.changeUser(s.auditAdmin(ctx, user.ID, admin), ChangeUser{ID: user.ID, Admin: &admin, At: s.timestamp()})
	return user, err == nil, err
}

func (s *Service) auditAdmin(ctx context.Context, user UserID, admin bool) context.Context {
	if admin {
		return s.Audit(ctx, AuditAdminGranted, string(user), "")
	}
	return s.Audit(ctx, AuditAdminRevoked, string(user), "")
}

// Admins returns the users who are marked as administrators, by their ids. Those who are by a claim are not among them.
func (s *Service) Admins(ctx context.Context) ([]User, error) {
	users, err := s.store.Admins(ctx)
	if err != nil {
		return nil, fmt.Errorf("list administrators: %w", err)
	}
	return users, nil
}
