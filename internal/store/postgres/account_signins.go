package postgres

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// NoteSignIn implements [account.SignIns].
func (a *Accounts) NoteSignIn(ctx context.Context, s account.SignIn) error {
	return a.do(ctx, func(t *accountTx) error {
		switch _, known, err := t.locked(s.UserID); { // two processes that note one each see both
		case err != nil:
			return fmt.Errorf("look up user: %w", err)
		case !known:
			return account.ErrUserNotFound
		}
		if _, err := t.exec(`
			INSERT INTO sign_ins (user_id, address, at) VALUES ($1, $2, $3)
			ON CONFLICT (user_id, address) DO UPDATE SET at = greatest(sign_ins.at, excluded.at)`,
			s.UserID, s.From.String(), s.At.UnixMilli()); err != nil {
			return fmt.Errorf("note sign-in: %w", err)
		}
		if _, err := t.exec(`
			DELETE FROM sign_ins WHERE user_id = $1 AND address IN (
				SELECT address FROM sign_ins WHERE user_id = $1 ORDER BY at DESC, address OFFSET $2)`,
			s.UserID, account.MaxKnownAddresses); err != nil {
			return fmt.Errorf("forget sign-ins: %w", err)
		}
		return nil
	})
}

const signedInQuery = `
	SELECT s.at FROM local_accounts l JOIN sign_ins s ON s.user_id = l.user_id WHERE l.username_key = $1 AND s.address = $2`

// SignedIn implements [account.SignIns].
func (a *Accounts) SignedIn(ctx context.Context, username string, from netip.Addr) (time.Time, error) {
	var at int64
	found, err := rows.Found(a.readers().row(ctx, signedInQuery, account.Fold(username), from.String()).Scan(&at))
	if !found {
		return time.Time{}, err
	}
	return rows.Instant(at), nil
}
