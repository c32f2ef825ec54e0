package rows

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/sockeye-im/sockeye/internal/account"
)

// User reads a user into u, and further columns into more.
func User(row Row, u *account.User, more ...any) error {
	var createdAt, seen, disabled int64
	err := row.Scan(append([]any{(*string)(&u.ID), &u.Name, &u.Username, &u.Issuer, &u.Admin, &createdAt, &seen, &disabled}, more...)...)
	u.CreatedAt, u.LastSeen, u.DisabledAt = Instant(createdAt), InstantOrZero(seen), InstantOrZero(disabled)
	return err
}

// OneUser reads a user, if there is one.
func OneUser(row Row) (u account.User, found bool, err error) {
	found, err = Found(User(row, &u))
	return u, found, err
}

// Users reads users.
func Users(each Each, query string, args ...any) ([]account.User, error) {
	return Collect(each, []account.User{}, func(row Row) (u account.User, err error) {
		err = User(row, &u)
		return u, err
	}, query, args...)
}

// FoundUsers reads the first users of whom a term begins with a text, by a query for the users of terms from one on up to
// another, as many terms at most. A user has few, so that a page of users is within as many pages of terms.
func FoundUsers(each Each, query, folded string, limit int) ([]account.User, error) {
	users := []account.User{}
	err := each(func(row Row) error {
		var u account.User
		if err := User(row, &u); err != nil {
			return err
		}
		if len(users) < limit && !slices.ContainsFunc(users, func(x account.User) bool { return x.ID == u.ID }) {
			users = append(users, u)
		}
		return nil
	}, query, folded, folded+"\U0010FFFF", limit*account.MaxTerms)
	return users, err
}

// Local reads the account of a user with its password's hash, if there is one.
func Local(row Row) (l account.Local, found bool, err error) {
	found, err = Found(User(row, &l.User, &l.PasswordHash))
	if !found {
		return account.Local{}, false, err
	}
	return l, true, nil
}

// RevokedUser reads until when the tokens of a user were revoked.
func RevokedUser(row Row) (r account.Revocation, err error) {
	var by int64
	err = row.Scan((*string)(&r.UserID), &by)
	r.IssuedBy = Instant(by)
	return r, err
}

// BlockedAddress reads an address with who has blocked it until when.
func BlockedAddress(row Row) (b account.BlockedAddress, err error) {
	var address string
	var until, at int64
	if err := row.Scan(&address, &until, &b.Reason, &b.By, &at); err != nil {
		return b, err
	}
	b.Until, b.At = Instant(until), Instant(at)
	b.Address, err = netip.ParseAddr(address)
	return b, err
}

// APIKey reads a key.
func APIKey(row Row) (k account.APIKey, err error) {
	var scopes string
	var createdAt, revokedAt int64
	err = row.Scan(&k.ID, &k.Name, &scopes, &createdAt, &revokedAt)
	for scope := range strings.FieldsSeq(scopes) {
		k.Scopes = append(k.Scopes, account.Scope(scope))
	}
	k.CreatedAt, k.RevokedAt = Instant(createdAt), InstantOrZero(revokedAt)
	return k, err
}

// OneAPIKey reads a key, if there is one.
func OneAPIKey(row Row) (account.APIKey, bool, error) {
	k, err := APIKey(row)
	found, err := Found(err)
	if !found {
		return account.APIKey{}, false, err
	}
	return k, true, nil
}

// Scopes is how the scopes of a key are stored.
func Scopes(k *account.APIKey) string {
	scopes := make([]string, len(k.Scopes))
	for i, scope := range k.Scopes {
		scopes[i] = string(scope)
	}
	return strings.Join(scopes, " ")
}

// AddressText is how an address is stored, empty without one.
func AddressText(address netip.Addr) string {
	if !address.IsValid() {
		return ""
	}
	return address.String()
}

// AuditEntry reads a line of the audit log.
func AuditEntry(row Row) (e account.AuditEntry, err error) {
	var at int64
	var address string
	err = row.Scan(&e.ID, &at, (*string)(&e.By.Kind), &e.By.ID, &address, (*string)(&e.Action), &e.Target, &e.Detail)
	if err != nil {
		return e, err
	}
	e.At = Instant(at)
	if address != "" {
		e.By.From, err = netip.ParseAddr(address)
	}
	return e, err
}
