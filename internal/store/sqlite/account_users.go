package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

const userColumns = `u.id, u.name, coalesce(u.username, ''), coalesce(u.issuer, ''), u.admin, u.created_at, coalesce(u.last_seen_at, 0), coalesce(u.disabled_at, 0)`

const userQuery = `SELECT ` + userColumns + ` FROM users u WHERE u.id = ?`

// User implements [account.Users].
func (a *Accounts) User(ctx context.Context, id account.UserID) (u account.User, found bool, err error) {
	return rows.OneUser(a.readers().row(ctx, userQuery, id))
}

func (t *accountTx) user(id account.UserID) (u account.User, found bool, err error) {
	return rows.OneUser(t.row(userQuery, id))
}

// EnsureUser implements [account.Users]. A user who is known under that name costs
// a read and no place in the queue.
func (a *Accounts) EnsureUser(ctx context.Context, cmd account.EnsureUser) (u account.User, created bool, err error) {
	var indexed string
	known, err := rows.Found(rows.User(a.readers().row(ctx,
		`SELECT `+userColumns+`, u.indexed_name FROM users u WHERE u.id = ?`, cmd.ID), &u, &indexed))
	if err != nil {
		return account.User{}, false, err
	}
	if known && !u.BelongsTo(cmd.Issuer) {
		return account.User{}, false, account.ErrOtherIssuer
	}
	if known && indexed == u.Name && (u.Name == cmd.Name || !cmd.Rename) {
		return u, false, nil
	}
	err = a.do(ctx, func(t *accountTx) (err error) {
		u, created, err = t.ensureUser(&cmd)
		t.unchanged = !created // an entry is of a new user
		return err
	})
	return u, created, err
}

func (t *accountTx) ensureUser(cmd *account.EnsureUser) (account.User, bool, error) {
	u, known, err := t.user(cmd.ID)
	if err != nil {
		return account.User{}, false, err
	}
	if !known {
		u = account.User{ID: cmd.ID, Name: cmd.Name, Issuer: cmd.Issuer, CreatedAt: cmd.At}
		return u, true, t.insertUser(&u)
	}
	if !u.BelongsTo(cmd.Issuer) {
		return account.User{}, false, account.ErrOtherIssuer
	}
	if cmd.Rename && u.Name != cmd.Name {
		u.Name = cmd.Name
		if err := t.renamed(&u, cmd.At, ""); err != nil {
			return account.User{}, false, err
		}
	}
	return u, false, t.nameUser(&u)
}

func (t *accountTx) insertUser(u *account.User) error {
	if _, err := t.exec(`
		INSERT INTO users (id, name, username, issuer, admin, created_at) VALUES (?, ?, ?, ?, ?, ?)`,
		u.ID, u.Name, optional(u.Username), optional(u.Issuer), u.Admin, u.CreatedAt.UnixMilli()); err != nil {
		return fmt.Errorf("insert user: %w", err)
	}
	return t.nameUser(u)
}

// nameUser stores the name of a user, and what the user is found by.
func (t *accountTx) nameUser(u *account.User) error {
	if _, err := t.exec(`UPDATE users SET name = ?1, indexed_name = ?1 WHERE id = ?2`, u.Name, u.ID); err != nil {
		return fmt.Errorf("name user: %w", err)
	}
	if _, err := t.exec(`DELETE FROM user_terms WHERE user_id = ?`, u.ID); err != nil {
		return fmt.Errorf("forget terms: %w", err)
	}
	for _, term := range account.Terms(u.Username, u.Name) {
		if _, err := t.exec(`INSERT INTO user_terms (term, user_id) VALUES (?, ?)`, term, u.ID); err != nil {
			return fmt.Errorf("insert term: %w", err)
		}
	}
	return nil
}

// ChangeUser implements [account.Users].
func (a *Accounts) ChangeUser(ctx context.Context, cmd account.ChangeUser) (account.User, error) {
	u, found, err := a.User(ctx, cmd.ID)
	switch {
	case err != nil:
		return account.User{}, err
	case !found:
		return account.User{}, account.ErrUserNotFound
	case !cmd.Changes(&u):
		return u, nil
	}
	return rows.Result(ctx, a.do, func(t *accountTx) (account.User, error) { return t.changeUser(&cmd) })
}

func (t *accountTx) changeUser(cmd *account.ChangeUser) (account.User, error) {
	u, found, err := t.user(cmd.ID)
	switch {
	case err != nil:
		return account.User{}, err
	case !found:
		return account.User{}, account.ErrUserNotFound
	case !cmd.Changes(&u):
		t.unchanged = true
		return u, nil
	}
	if cmd.TakesAdmin(&u) {
		var other int
		found, err := rows.Found(t.row(`SELECT 1 FROM users WHERE admin = 1 AND disabled_at IS NULL AND id <> ? LIMIT 1`, u.ID).Scan(&other))
		switch {
		case err != nil:
			return account.User{}, fmt.Errorf("look for administrators: %w", err)
		case !found:
			return account.User{}, account.ErrLastAdmin
		}
	}
	if cmd.Admin != nil {
		u.Admin = *cmd.Admin
	}
	if _, err := t.exec(`UPDATE users SET admin = ? WHERE id = ?`, u.Admin, u.ID); err != nil {
		return account.User{}, fmt.Errorf("update user: %w", err)
	}
	if cmd.Issuer != nil && *cmd.Issuer != u.Issuer {
		u.Issuer = *cmd.Issuer
		if _, err := t.exec(`UPDATE users SET issuer = ?, reassigned_at = ? WHERE id = ?`, u.Issuer, cmd.At.UnixMilli(), u.ID); err != nil {
			return account.User{}, fmt.Errorf("reassign user: %w", err)
		}
		t.tell(account.Event{Kind: account.UserReassigned, At: cmd.At, Actor: account.Person{ID: u.ID}, Issuer: u.Issuer})
	}
	if cmd.Disabled != nil && *cmd.Disabled != u.Disabled() {
		if err := t.switchUser(&u, cmd); err != nil {
			return account.User{}, err
		}
	}
	if cmd.Name == nil || *cmd.Name == u.Name {
		return u, nil
	}
	u.Name = *cmd.Name
	if err := t.renamed(&u, cmd.At, cmd.Origin); err != nil {
		return account.User{}, err
	}
	return u, t.nameUser(&u)
}

// switchUser disables a user, or enables the user again.
func (t *accountTx) switchUser(u *account.User, cmd *account.ChangeUser) error {
	kind := account.UserEnabled
	u.DisabledAt = time.Time{}
	if *cmd.Disabled {
		kind, u.DisabledAt = account.UserDisabled, cmd.At
		if _, err := t.exec(`DELETE FROM push_subscriptions WHERE user_id = ?`, u.ID); err != nil {
			return fmt.Errorf("forget devices: %w", err)
		}
	}
	if _, err := t.exec(`UPDATE users SET disabled_at = ?, switched_at = ? WHERE id = ?`, optionalMillis(u.DisabledAt), cmd.At.UnixMilli(), u.ID); err != nil {
		return fmt.Errorf("switch user: %w", err)
	}
	t.tell(account.Event{Kind: kind, At: cmd.At, Actor: account.Person{ID: u.ID}})
	if cmd.Revoke == nil || !*cmd.Disabled {
		return nil
	}
	return t.revoke(cmd.Revoke)
}

// renamed tells a user and all friends of the user's new name.
func (t *accountTx) renamed(u *account.User, at time.Time, origin string) error {
	friends, err := rows.Collect(t.each, nil, rows.One[account.UserID], friendIDsQuery, u.ID)
	if err != nil {
		return fmt.Errorf("look up friends: %w", err)
	}
	actor := account.Person{ID: u.ID, Name: u.Name}
	t.tell(account.Event{Kind: account.UserChanged, At: at, Actor: actor, Friends: friends, Origin: origin})
	return nil
}

const searchUsersQuery = `
	SELECT ` + userColumns + ` FROM (
		SELECT term, user_id FROM user_terms WHERE term >= ?1 AND term < ?2 ORDER BY term, user_id LIMIT ?3) t
	JOIN users u ON u.id = t.user_id ORDER BY t.term, t.user_id`

// SearchUsers implements [account.Users].
func (a *Accounts) SearchUsers(ctx context.Context, folded string, limit int) ([]account.User, error) {
	return rows.FoundUsers(a.readers().rows(ctx), searchUsersQuery, folded, limit)
}

// ListUsers implements [account.Users].
func (a *Accounts) ListUsers(ctx context.Context, after account.UserID, limit int) ([]account.User, error) {
	return a.users(ctx, `SELECT `+userColumns+` FROM users u WHERE u.id > ? ORDER BY u.id LIMIT ?`, after, limit)
}

// Admins implements [account.Users].
func (a *Accounts) Admins(ctx context.Context) ([]account.User, error) {
	return a.users(ctx, `SELECT `+userColumns+` FROM users u WHERE u.admin = 1 ORDER BY u.id`)
}

func (a *Accounts) users(ctx context.Context, query string, args ...any) ([]account.User, error) {
	return rows.Users(a.readers().rows(ctx), query, args...)
}

// Unsettled implements [account.Users].
func (a *Accounts) Unsettled(ctx context.Context, limit int) (first []account.User, total int, err error) {
	if err := a.readers().row(ctx, `SELECT count(*) FROM users WHERE issuer IS NULL`).Scan(&total); err != nil || total == 0 {
		return []account.User{}, 0, err
	}
	first, err = a.users(ctx, `SELECT `+userColumns+` FROM users u WHERE u.issuer IS NULL ORDER BY u.id LIMIT ?`, limit)
	return first, total, err
}

// Settle implements [account.Users].
func (a *Accounts) Settle(ctx context.Context, issuer string) (users int, err error) {
	return rows.Result(ctx, a.do, func(t *accountTx) (int, error) {
		settled, err := t.exec(`UPDATE users SET issuer = ? WHERE issuer IS NULL`, issuer)
		return int(settled), err
	})
}

// Reassigned implements [account.Users].
func (a *Accounts) Reassigned(ctx context.Context, since time.Time) ([]account.User, error) {
	return a.users(ctx, `SELECT `+userColumns+` FROM users u WHERE u.reassigned_at >= ? ORDER BY u.reassigned_at, u.id`, since.UnixMilli())
}

// Disabled implements [account.Users].
func (a *Accounts) Disabled(ctx context.Context) ([]account.User, error) {
	return a.users(ctx, `SELECT `+userColumns+` FROM users u WHERE u.disabled_at IS NOT NULL ORDER BY u.id`)
}

// Switched implements [account.Users].
func (a *Accounts) Switched(ctx context.Context, since time.Time) ([]account.User, error) {
	return a.users(ctx, `SELECT `+userColumns+` FROM users u WHERE u.switched_at >= ? ORDER BY u.switched_at, u.id`, since.UnixMilli())
}

// Seen implements [account.Users].
func (a *Accounts) Seen(ctx context.Context, seen []account.Seen) error {
	return a.do(ctx, func(t *accountTx) error {
		for _, one := range seen {
			at := one.At.UnixMilli()
			if _, err := t.exec(`
				UPDATE users SET last_seen_at = ?1 WHERE id = ?2 AND (last_seen_at IS NULL OR last_seen_at < ?1)`,
				at, one.UserID); err != nil {
				return fmt.Errorf("note last seen: %w", err)
			}
		}
		return nil
	})
}

// CreateLocal implements [account.Locals].
func (a *Accounts) CreateLocal(ctx context.Context, cmd account.CreateLocal) error {
	if cmd.User.Username == "" || cmd.PasswordHash == "" {
		return errors.New("a local account needs a username and a password")
	}
	return a.do(ctx, func(t *accountTx) error {
		var one int
		key := account.Fold(cmd.User.Username)
		taken, err := rows.Found(t.row(`SELECT 1 FROM local_accounts WHERE username_key = ?`, key).Scan(&one))
		switch {
		case err != nil:
			return fmt.Errorf("look up username: %w", err)
		case taken:
			return account.ErrLoginTaken
		}
		skeletons := account.Skeletons(cmd.User.Username)
		for _, skeleton := range skeletons {
			alike, err := rows.Found(t.row(`SELECT 1 FROM login_skeletons WHERE skeleton = ?`, skeleton).Scan(&one))
			switch {
			case err != nil:
				return fmt.Errorf("look for look-alikes: %w", err)
			case alike:
				return account.ErrLoginAlike
			}
		}
		if err := t.insertUser(&cmd.User); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO local_accounts (user_id, username_key, password_hash) VALUES (?, ?, ?)`,
			cmd.User.ID, key, cmd.PasswordHash); err != nil {
			return fmt.Errorf("insert account: %w", err)
		}
		for _, skeleton := range skeletons {
			if _, err := t.exec(`INSERT INTO login_skeletons (skeleton, user_id) VALUES (?, ?)`, skeleton, cmd.User.ID); err != nil {
				return fmt.Errorf("insert skeleton: %w", err)
			}
		}
		return nil
	})
}

const localQuery = `
	SELECT ` + userColumns + `, l.password_hash FROM local_accounts l JOIN users u ON u.id = l.user_id WHERE `

// LocalByUsername implements [account.Locals].
func (a *Accounts) LocalByUsername(ctx context.Context, username string) (account.Local, bool, error) {
	return rows.Local(a.readers().row(ctx, localQuery+`l.username_key = ?`, account.Fold(username)))
}

// Local implements [account.Locals].
func (a *Accounts) Local(ctx context.Context, userID account.UserID) (account.Local, bool, error) {
	return rows.Local(a.readers().row(ctx, localQuery+`l.user_id = ?`, userID))
}

// ReplacePassword implements [account.Locals].
func (a *Accounts) ReplacePassword(ctx context.Context, cmd account.ReplacePassword) (replaced bool, err error) {
	return rows.Result(ctx, a.do, func(t *accountTx) (bool, error) {
		replaced, err := t.exec(`UPDATE local_accounts SET password_hash = ? WHERE user_id = ? AND password_hash = ?`,
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
