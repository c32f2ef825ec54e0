package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/sockeye-im/sockeye/internal/account"
)

// CreateAPIKey implements [account.APIKeys].
func (a *Accounts) CreateAPIKey(ctx context.Context, k account.APIKey, hash []byte) error {
	scopes := make([]string, len(k.Scopes))
	for i, scope := range k.Scopes {
		scopes[i] = string(scope)
	}
	return a.do(ctx, func(t *accountTx) error {
		_, err := t.exec(`INSERT INTO api_keys (id, hash, name, scopes, created_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			k.ID, hash, k.Name, strings.Join(scopes, " "), k.CreatedAt.UnixMilli(), optionalMillis(k.RevokedAt))
		return err
	})
}

const apiKeyColumns = `id, name, scopes, created_at, revoked_at`

func scanAPIKey(row scanner) (k account.APIKey, err error) {
	var scopes string
	var createdAt int64
	var revokedAt zeronull.Int8
	err = row.Scan(&k.ID, &k.Name, &scopes, &createdAt, &revokedAt)
	for scope := range strings.FieldsSeq(scopes) {
		k.Scopes = append(k.Scopes, account.Scope(scope))
	}
	k.CreatedAt, k.RevokedAt = instant(createdAt), optionalTime(revokedAt)
	return k, err
}

// APIKeyByHash implements [account.APIKeys].
func (a *Accounts) APIKeyByHash(ctx context.Context, hash []byte) (account.APIKey, bool, error) {
	k, err := scanAPIKey(a.readers().row(ctx, `SELECT `+apiKeyColumns+` FROM api_keys WHERE hash = $1`, hash))
	found, err := exists(err)
	if !found {
		return account.APIKey{}, false, err
	}
	return k, true, nil
}

// APIKeys implements [account.APIKeys].
func (a *Accounts) APIKeys(ctx context.Context) ([]account.APIKey, error) {
	keys := []account.APIKey{}
	err := a.readers().each(ctx, func(row scanner) error {
		k, err := scanAPIKey(row)
		keys = append(keys, k)
		return err
	}, `SELECT `+apiKeyColumns+` FROM api_keys ORDER BY created_at, id`)
	return keys, err
}

// RevokeAPIKey implements [account.APIKeys].
func (a *Accounts) RevokeAPIKey(ctx context.Context, id string, at time.Time) (found bool, err error) {
	if !storable(id) {
		return false, nil
	}
	err = a.do(ctx, func(t *accountTx) error {
		rows, err := t.exec(`UPDATE api_keys SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2`, at.UnixMilli(), id)
		found = rows == 1
		return err
	})
	return found && err == nil, err
}
