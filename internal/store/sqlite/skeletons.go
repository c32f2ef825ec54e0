package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/account"
)

// fillSkeletons adds what is missing of login_skeletons, for accounts of before there were any. Accounts that look alike by
// then stay as they are. It belongs into a transaction.
func fillSkeletons(ctx context.Context, db asker) error {
	missing, err := loginsWithout(ctx, db)
	if err != nil {
		return err
	}
	for user, login := range missing {
		for _, skeleton := range account.Skeletons(login) {
			if _, err := db.ExecContext(ctx, `INSERT INTO login_skeletons (skeleton, user_id) VALUES (?, ?)`, skeleton, user); err != nil {
				return fmt.Errorf("insert skeleton: %w", err)
			}
		}
	}
	return nil
}

// loginsWithout returns the login names without a skeleton, by their users.
func loginsWithout(ctx context.Context, db asker) (logins map[string]string, err error) {
	rows, err := db.QueryContext(ctx, `
		SELECT u.id, u.username FROM local_accounts l JOIN users u ON u.id = l.user_id
		WHERE u.username IS NOT NULL AND NOT EXISTS (SELECT 1 FROM login_skeletons s WHERE s.user_id = l.user_id)`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	logins = make(map[string]string)
	for rows.Next() {
		var user, login string
		if err := rows.Scan(&user, &login); err != nil {
			return nil, err
		}
		logins[user] = login
	}
	return logins, rows.Err()
}
