package sqlite

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
		if _, err := t.exec(`
			INSERT INTO sign_ins (user_id, address, at) VALUES (?, ?, ?)
			ON CONFLICT (user_id, address) DO UPDATE SET at = max(at, excluded.at)`,
			s.UserID, s.From.String(), s.At.UnixMilli()); err != nil {
			return fmt.Errorf("note sign-in: %w", err)
		}
		if _, err := t.exec(`
			DELETE FROM sign_ins WHERE user_id = ?1 AND address IN (
				SELECT address FROM sign_ins WHERE user_id = ?1 ORDER BY at DESC, address LIMIT -1 OFFSET ?2)`,
			s.UserID, account.MaxKnownAddresses); err != nil {
			return fmt.Errorf("forget sign-ins: %w", err)
		}
		return nil
	})
}

// SignedIn implements [account.SignIns].
func (a *Accounts) SignedIn(ctx context.Context, username string, from netip.Addr) (time.Time, error) {
	var at int64
	found, err := rows.Found(a.readers().row(ctx, `
		SELECT s.at FROM local_accounts l JOIN sign_ins s ON s.user_id = l.user_id WHERE l.username_key = ? AND s.address = ?`,
		account.Fold(username), from.String()).Scan(&at))
	if !found {
		return time.Time{}, err
	}
	return rows.Instant(at), nil
}
