package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// CreateLocal implements [account.Locals].
func (a *Accounts) CreateLocal(ctx context.Context, cmd account.CreateLocal) error {
	if cmd.User.Username == "" || cmd.PasswordHash == "" {
		return errors.New("a local account needs a username and a password")
	}
	return a.do(ctx, func(t *accountTx) error { return t.createLocal(&cmd) })
}

// takenQuery asks whether there is an account with the login name $1, and whether there is one that looks like one of $2.
const takenQuery = `
	SELECT EXISTS (SELECT 1 FROM local_accounts WHERE username_key = $1),
		EXISTS (SELECT 1 FROM login_skeletons WHERE skeleton = ANY ($2::text[]))`

func (t *accountTx) createLocal(cmd *account.CreateLocal) error {
	key, skeletons := account.Fold(cmd.User.Username), account.Skeletons(cmd.User.Username)
	var taken, alike bool
	err := t.row(takenQuery, key, skeletons).Scan(&taken, &alike)
	switch {
	case err != nil:
		return fmt.Errorf("look up username: %w", err)
	case taken:
		return account.ErrLoginTaken
	case alike:
		return account.ErrLoginAlike
	}
	inserted, err := t.insertUser(&cmd.User)
	switch {
	case err != nil:
		return err
	case !inserted:
		return fmt.Errorf("there is a user %s already", cmd.User.ID)
	}
	return t.insertLocal(cmd, key, skeletons)
}

// insertLocal stores the account of a user. Another process may have taken the name since it was looked up.
func (t *accountTx) insertLocal(cmd *account.CreateLocal, key string, skeletons []string) error {
	inserts, err := t.exec(`
		INSERT INTO local_accounts (user_id, username_key, password_hash) VALUES ($1, $2, $3)
		ON CONFLICT (username_key) DO NOTHING`, cmd.User.ID, key, cmd.PasswordHash)
	switch {
	case err != nil:
		return fmt.Errorf("insert account: %w", err)
	case inserts == 0:
		return account.ErrLoginTaken
	}
	inserts, err = t.exec(`
		INSERT INTO login_skeletons (user_id, skeleton) SELECT $1, s FROM unnest($2::text[]) s ORDER BY s
		ON CONFLICT (skeleton) WHERE claimed DO NOTHING`, cmd.User.ID, skeletons)
	switch {
	case err != nil:
		return fmt.Errorf("insert skeletons: %w", err)
	case inserts < int64(len(skeletons)):
		return account.ErrLoginAlike
	}
	return nil
}

const (
	localQuery           = `SELECT ` + userColumns + `, l.password_hash FROM local_accounts l JOIN users u ON u.id = l.user_id WHERE `
	localByUsernameQuery = localQuery + `l.username_key = $1`
	localByUserQuery     = localQuery + `l.user_id = $1`
)

// LocalByUsername implements [account.Locals].
func (a *Accounts) LocalByUsername(ctx context.Context, username string) (account.Local, bool, error) {
	return rows.Local(a.readers().row(ctx, localByUsernameQuery, account.Fold(username)))
}

// Local implements [account.Locals].
func (a *Accounts) Local(ctx context.Context, userID account.UserID) (account.Local, bool, error) {
	return rows.Local(a.readers().row(ctx, localByUserQuery, userID))
}

// ReplacePassword implements [account.Locals].
func (a *Accounts) ReplacePassword(ctx context.Context, cmd account.ReplacePassword) (replaced bool, err error) {
	return rows.Result(ctx, a.do, func(t *accountTx) (bool, error) {
		replaced, err := t.exec(`UPDATE local_accounts SET password_hash = $1 WHERE user_id = $2 AND password_hash = $3`,
			cmd.New, cmd.UserID, cmd.Old)
		if err != nil {
			return false, fmt.Errorf("update password: %w", err)
		}
		if replaced != 1 || cmd.Revoke == nil {
			t.unchanged = replaced != 1
			return replaced == 1, nil
		}
		return true, t.revoke(cmd.Revoke)
	})
}
