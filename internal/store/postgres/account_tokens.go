package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// Revoke implements [account.Revocations].
func (a *Accounts) Revoke(ctx context.Context, r account.Revocation) error {
	return a.do(ctx, func(t *accountTx) error { return t.revoke(&r) })
}

func (t *accountTx) revoke(r *account.Revocation) error {
	if err := t.forget(r.At); err != nil {
		return err
	}
	var err error
	if r.TokenID != "" {
		_, err = t.exec(`
			INSERT INTO revoked_tokens (issuer, token_id, until) VALUES ($1, $2, $3) ON CONFLICT (issuer, digest) DO NOTHING`,
			r.Issuer, []byte(r.TokenID), optionalMillis(r.Until))
	} else {
		_, err = t.exec(`
			INSERT INTO revoked_users (user_id, issued_by) VALUES ($1, $2)
			ON CONFLICT (user_id) DO UPDATE SET issued_by = greatest(revoked_users.issued_by, excluded.issued_by)`,
			r.UserID, r.IssuedBy.UnixMilli())
	}
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	t.tell(account.Event{Kind: account.TokensRevoked, At: r.At, Revocation: r})
	return nil
}

// forgetQuery removes the $2 tokens that could be forgotten first, but for what another process removes at the moment: the
// two would wait for each other.
const forgetQuery = `
	DELETE FROM revoked_tokens WHERE ctid = ANY (ARRAY (
		SELECT ctid FROM revoked_tokens WHERE until < $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED))`

// mostForgotten is how many tokens a command forgets: it is to revoke one, and others wait for it.
const mostForgotten = 1000

// forget removes what a token's own end of time makes needless.
func (t *accountTx) forget(now time.Time) error {
	if _, err := t.exec(forgetQuery, now.UnixMilli(), mostForgotten); err != nil {
		return fmt.Errorf("forget revocations: %w", err)
	}
	return nil
}

const (
	revokedUsersQuery  = `SELECT user_id, issued_by FROM revoked_users`
	revokedTokensQuery = `SELECT issuer, token_id, coalesce(until, 0) FROM revoked_tokens WHERE until IS NULL OR until >= $1`
	revokedSinceQuery  = `SELECT user_id, issued_by FROM revoked_users WHERE issued_by >= $1 ORDER BY issued_by, user_id`
)

// Revoked implements [account.Revocations].
func (a *Accounts) Revoked(ctx context.Context, now time.Time, yield func(account.Revocation)) error {
	if err := a.do(ctx, func(t *accountTx) error { return t.forget(now) }); err != nil {
		return err
	}
	err := a.readers().each(ctx, func(row rows.Row) error {
		r, err := rows.RevokedUser(row)
		yield(r)
		return err
	}, revokedUsersQuery)
	if err != nil {
		return fmt.Errorf("read revoked users: %w", err)
	}
	err = a.readers().each(ctx, func(row rows.Row) error {
		var r account.Revocation
		var tokenID []byte
		var until int64
		err := row.Scan(&r.Issuer, &tokenID, &until)
		r.TokenID, r.Until = string(tokenID), rows.InstantOrZero(until)
		yield(r)
		return err
	}, revokedTokensQuery, now.UnixMilli())
	if err != nil {
		return fmt.Errorf("read revoked tokens: %w", err)
	}
	return nil
}

// RevokedUsers implements [account.Revocations].
func (a *Accounts) RevokedUsers(ctx context.Context, since time.Time) ([]account.Revocation, error) {
	return rows.Collect(a.readers().rows(ctx), []account.Revocation{}, rows.RevokedUser, revokedSinceQuery, since.UnixMilli())
}

// RevokedBy implements [account.Revocations].
func (a *Accounts) RevokedBy(ctx context.Context, userID account.UserID) (time.Time, error) {
	var by int64
	_, err := rows.Found(a.readers().row(ctx, `SELECT issued_by FROM revoked_users WHERE user_id = $1`, userID).Scan(&by))
	return rows.InstantOrZero(by), err
}
