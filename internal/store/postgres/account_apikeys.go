package postgres

import (
	"context"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// CreateAPIKey implements [account.APIKeys].
func (a *Accounts) CreateAPIKey(ctx context.Context, k account.APIKey, hash []byte) error {
	return a.do(ctx, func(t *accountTx) error {
		_, err := t.exec(`INSERT INTO api_keys (id, hash, name, scopes, created_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			k.ID, hash, k.Name, rows.Scopes(&k), k.CreatedAt.UnixMilli(), optionalMillis(k.RevokedAt))
		return err
	})
}

const apiKeyColumns = `id, name, scopes, created_at, coalesce(revoked_at, 0)`

// APIKeyByHash implements [account.APIKeys].
func (a *Accounts) APIKeyByHash(ctx context.Context, hash []byte) (account.APIKey, bool, error) {
	return rows.OneAPIKey(a.readers().row(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE hash = $1`, hash))
}

// APIKeys implements [account.APIKeys].
func (a *Accounts) APIKeys(ctx context.Context) ([]account.APIKey, error) {
	return rows.Collect(a.readers().rows(ctx), []account.APIKey{}, rows.APIKey,
		`SELECT `+apiKeyColumns+` FROM api_keys ORDER BY created_at, id`)
}

// RevokeAPIKey implements [account.APIKeys].
func (a *Accounts) RevokeAPIKey(ctx context.Context, id string, at time.Time) (found bool, err error) {
	if !storable(id) {
		return false, nil
	}
	return rows.Result(ctx, a.do, func(t *accountTx) (bool, error) {
		keys, err := t.exec(`UPDATE api_keys SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2`, at.UnixMilli(), id)
		return keys == 1, err
	})
}
