package account

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// MaxIssuerBytes is how long the name of an issuer may be to whom users belong.
const MaxIssuerBytes = 1024

// ListedUnsettled is how many users an [*UnsettledError] names.
const ListedUnsettled = 50

// UnsettledError says that there are users of whom is not known to which of several issuers they belong. It is for the
// operator.
type UnsettledError struct {
	First  []User // at most ListedUnsettled, by their ids
	Total  int
	Owners []string
}

func (e *UnsettledError) Error() string {
	ids := make([]string, len(e.First))
	for i := range e.First {
		ids[i] = string(e.First[i].ID)
	}
	more := ""
	if e.Total > len(ids) {
		more = fmt.Sprintf(" and %d more", e.Total-len(ids))
	}
	return fmt.Sprintf("%d users are here from before issuers were kept apart, and it is not known to which of %s they belong: %s%s. "+
		"Say it of each with sockeye user issuer ID ISSUER, and of all others with users-of",
		e.Total, strings.Join(e.Owners, ", "), strings.Join(ids, ", "), more)
}

// Settle gives all users whose issuer is not known to an issuer, and tells how many those were. Without an issuer it
// returns an [*UnsettledError] if there are such users and they could belong to more than one. It is for the start of a
// server: until it has returned without an error, nobody may sign in.
func (s *Service) Settle(ctx context.Context, issuer string) (users int, err error) {
	if issuer != "" {
		if users, err = s.store.Settle(ctx, issuer); err != nil {
			return 0, fmt.Errorf("settle users: %w", err)
		}
		return users, nil
	}
	if len(s.cfg.Owners) <= 1 {
		return 0, nil
	}
	first, total, err := s.store.Unsettled(ctx, ListedUnsettled)
	if err != nil {
		return 0, fmt.Errorf("look for users without an issuer: %w", err)
	}
	if total > 0 {
		return 0, &UnsettledError{First: first, Total: total, Owners: s.cfg.Owners}
	}
	return 0, nil
}

// SetIssuer gives a user to an issuer, for the operator. Connections that were made as the user by tokens of another one
// are ended; a server that runs beside does that by Heed. [ErrUserNotFound].
func (s *Service) SetIssuer(ctx context.Context, userID UserID, issuer string) (User, error) {
	if userID == "" {
		return User{}, refusal.Missing("userId")
	}
	if err := checkIssuer(userID, issuer); err != nil {
		return User{}, err
	}
	return s.reassign(ctx, userID, issuer)
}

// reassign gives a user to an issuer. Who signs in meanwhile by a token of the one before is either ended by the event of
// it, or refused.
func (s *Service) reassign(ctx context.Context, userID UserID, issuer string) (User, error) {
	return s.changeUser(s.Audit(ctx, AuditIssuerChanged, string(userID), issuer), ChangeUser{ID: userID, Issuer: &issuer, At: s.timestamp()})
}

// heedOwners looks for users whom another process has given to another issuer.
func (s *Service) heedOwners(ctx context.Context) error {
	latest, err := s.store.Reassigned(ctx, s.timestamp().Add(-heedBack))
	if err != nil {
		return fmt.Errorf("read whose users are: %w", err)
	}
	for i := range latest {
		u := &latest[i]
		if s.revoked.reassign(u.ID, u.Owner()) && s.tell != nil {
			s.tell([]Event{{Kind: UserReassigned, At: s.timestamp(), Actor: Person{ID: u.ID}, Issuer: u.Owner()}})
		}
	}
	return nil
}

// checkOwner is checkIssuer that also wants an issuer whose tokens are accepted here.
func (s *Service) checkOwner(userID UserID, issuer string) error {
	owners := s.cfg.Owners
	if len(owners) == 0 {
		owners = []string{OwnIssuer}
	}
	if !slices.Contains(owners, issuer) {
		return refusal.Invalid("issuer", "must be one of "+strings.Join(owners, ", "))
	}
	return checkIssuer(userID, issuer)
}

func checkIssuer(userID UserID, issuer string) error {
	switch {
	case issuer == "":
		return refusal.Missing("issuer")
	case len(issuer) > MaxIssuerBytes:
		return refusal.TooMuch("issuer", MaxIssuerBytes, "bytes")
	case !printable(issuer):
		return refusal.Invalid("issuer", "must be printable UTF-8")
	case userID.Local() && issuer != OwnIssuer:
		return refusal.Invalid("issuer", fmt.Sprintf("must be %q for an account on this server", OwnIssuer))
	}
	return nil
}
