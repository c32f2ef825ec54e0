package sqlite

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
			INSERT INTO revoked_tokens (issuer, token_id, until) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
			r.Issuer, r.TokenID, optionalMillis(r.Until))
	} else {
		_, err = t.exec(`
			INSERT INTO revoked_users (user_id, issued_by) VALUES (?, ?)
			ON CONFLICT (user_id) DO UPDATE SET issued_by = max(issued_by, excluded.issued_by)`,
			r.UserID, r.IssuedBy.UnixMilli())
	}
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	t.tell(account.Event{Kind: account.TokensRevoked, At: r.At, Revocation: r})
	return nil
}

// forget removes what a token's own end of time makes needless.
func (t *accountTx) forget(now time.Time) error {
	if _, err := t.exec(`DELETE FROM revoked_tokens WHERE until < ?`, now.UnixMilli()); err != nil {
		return fmt.Errorf("forget revocations: %w", err)
	}
	return nil
}

// Revoked implements [account.Revocations].
func (a *Accounts) Revoked(ctx context.Context, now time.Time, yield func(account.Revocation)) error {
	if err := a.do(ctx, func(t *accountTx) error { return t.forget(now) }); err != nil {
		return err
	}
	err := a.readers().each(ctx, func(row rows.Row) error {
		r, err := rows.RevokedUser(row)
		yield(r)
		return err
	}, `SELECT user_id, issued_by FROM revoked_users`)
	if err != nil {
		return fmt.Errorf("read revoked users: %w", err)
	}
	err = a.readers().each(ctx, func(row rows.Row) error {
		var r account.Revocation
		var until int64
		err := row.Scan(&r.Issuer, &r.TokenID, &until)
		r.Until = rows.InstantOrZero(until)
		yield(r)
		return err
	}, `SELECT issuer, token_id, coalesce(until, 0) FROM revoked_tokens`)
	if err != nil {
		return fmt.Errorf("read revoked tokens: %w", err)
	}
	return nil
}

// RevokedUsers implements [account.Revocations].
func (a *Accounts) RevokedUsers(ctx context.Context, since time.Time) ([]account.Revocation, error) {
	return rows.Collect(a.readers().rows(ctx), []account.Revocation{}, rows.RevokedUser,
		`SELECT user_id, issued_by FROM revoked_users WHERE issued_by >= ? ORDER BY issued_by, user_id`, since.UnixMilli())
}

// RevokedBy implements [account.Revocations].
func (a *Accounts) RevokedBy(ctx context.Context, userID account.UserID) (time.Time, error) {
	var by int64
	_, err := rows.Found(a.readers().row(ctx, `SELECT issued_by FROM revoked_users WHERE user_id = ?`, userID).Scan(&by))
	return rows.InstantOrZero(by), err
}

// CreateAPIKey implements [account.APIKeys].
func (a *Accounts) CreateAPIKey(ctx context.Context, k account.APIKey, hash []byte) error {
	return a.do(ctx, func(t *accountTx) error {
		_, err := t.exec(`INSERT INTO api_keys (id, hash, name, scopes, created_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?)`,
			k.ID, hash, k.Name, rows.Scopes(&k), k.CreatedAt.UnixMilli(), optionalMillis(k.RevokedAt))
		return err
	})
}

const apiKeyColumns = `id, name, scopes, created_at, coalesce(revoked_at, 0)`

// APIKeyByHash implements [account.APIKeys].
func (a *Accounts) APIKeyByHash(ctx context.Context, hash []byte) (account.APIKey, bool, error) {
	return rows.OneAPIKey(a.readers().row(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE hash = ?`, hash))
}

// APIKeys implements [account.APIKeys].
func (a *Accounts) APIKeys(ctx context.Context) ([]account.APIKey, error) {
	return rows.Collect(a.readers().rows(ctx), []account.APIKey{}, rows.APIKey,
		`SELECT `+apiKeyColumns+` FROM api_keys ORDER BY created_at, id`)
}

// RevokeAPIKey implements [account.APIKeys].
func (a *Accounts) RevokeAPIKey(ctx context.Context, id string, at time.Time) (found bool, err error) {
	return rows.Result(ctx, a.do, func(t *accountTx) (bool, error) {
		keys, err := t.exec(`UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?`, at.UnixMilli(), id)
		return keys == 1, err
	})
}
