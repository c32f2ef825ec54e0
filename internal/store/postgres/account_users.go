package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

const userColumns = `u.id, u.name, coalesce(u.username, ''), coalesce(u.issuer, ''), u.admin, u.created_at, coalesce(u.last_seen_at, 0), coalesce(u.disabled_at, 0)`

const userQuery = `SELECT ` + userColumns + ` FROM users u WHERE u.id = $1`

// User implements [account.Users].
func (a *Accounts) User(ctx context.Context, id account.UserID) (u account.User, found bool, err error) {
	return rows.OneUser(a.readers().row(ctx, userQuery, id))
}

// locked returns a user whom nobody else changes before the end of the transaction.
func (t *accountTx) locked(id account.UserID) (u account.User, found bool, err error) {
	return rows.OneUser(t.row(userQuery+` FOR NO KEY UPDATE`, id))
}

// EnsureUser implements [account.Users]. A user who is known under that name costs a read and no place in the queue.
func (a *Accounts) EnsureUser(ctx context.Context, cmd account.EnsureUser) (u account.User, created bool, err error) {
	u, known, err := a.User(ctx, cmd.ID)
	switch {
	case err != nil:
		return account.User{}, false, err
	case known && !u.BelongsTo(cmd.Issuer):
		return account.User{}, false, account.ErrOtherIssuer
	case known && (u.Name == cmd.Name || !cmd.Rename):
		return u, false, nil
	}
	err = a.do(ctx, func(t *accountTx) (err error) {
		u, created, err = t.ensureUser(&cmd)
		t.unchanged = !created // an entry is of a new user
		return err
	})
	if err != nil {
		return account.User{}, false, err
	}
	return u, created, nil
}

func (t *accountTx) ensureUser(cmd *account.EnsureUser) (account.User, bool, error) {
	u := account.User{ID: cmd.ID, Name: cmd.Name, Issuer: cmd.Issuer, CreatedAt: cmd.At}
	created, err := t.insertUser(&u)
	if err != nil || created {
		return u, created, err
	}
	u, known, err := t.locked(cmd.ID)
	switch {
	case err != nil:
		return account.User{}, false, fmt.Errorf("look up user: %w", err)
	case !known:
		return account.User{}, false, fmt.Errorf("user %s is there and is not", cmd.ID)
	case !u.BelongsTo(cmd.Issuer):
		return account.User{}, false, account.ErrOtherIssuer
	case !cmd.Rename || u.Name == cmd.Name:
		return u, false, nil
	}
	u.Name = cmd.Name
	return u, false, t.rename(&u, cmd.At, "")
}

// insertUser stores a user, unless there is one with the id.
func (t *accountTx) insertUser(u *account.User) (inserted bool, err error) {
	inserts, err := t.exec(`
		INSERT INTO users (id, name, username, issuer, admin, created_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO NOTHING`,
		u.ID, u.Name, optional(u.Username), optional(u.Issuer), u.Admin, u.CreatedAt.UnixMilli())
	if err != nil {
		return false, fmt.Errorf("insert user: %w", err)
	}
	if inserts == 0 {
		return false, nil
	}
	return true, t.insertTerms(u)
}

// insertTerms stores what a user is found by.
func (t *accountTx) insertTerms(u *account.User) error {
	if _, err := t.exec(`INSERT INTO user_terms (user_id, term) SELECT $1, unnest($2::text[])`,
		u.ID, account.Terms(u.Username, u.Name)); err != nil {
		return fmt.Errorf("insert terms: %w", err)
	}
	return nil
}

// rename stores the name of a user and what the user is found by now, and tells it to the user and all friends.
func (t *accountTx) rename(u *account.User, at time.Time, origin string) error {
	if _, err := t.exec(`UPDATE users SET name = $1 WHERE id = $2`, u.Name, u.ID); err != nil {
		return fmt.Errorf("name user: %w", err)
	}
	if _, err := t.exec(`DELETE FROM user_terms WHERE user_id = $1`, u.ID); err != nil {
		return fmt.Errorf("forget terms: %w", err)
	}
	if err := t.insertTerms(u); err != nil {
		return err
	}
	friends, err := rows.Collect(t.each, nil, rows.One[account.UserID], friendIDsQuery, u.ID)
	if err != nil {
		return fmt.Errorf("look up friends: %w", err)
	}
	t.tell(account.Event{
		Kind: account.UserChanged, At: at, Actor: account.Person{ID: u.ID, Name: u.Name}, Friends: friends, Origin: origin,
	})
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

// lockAdminsQuery locks the administrators who are let in, in the order of their ids: of two who take each other's place away at
// once the second one finds what the first has done.
const lockAdminsQuery = `SELECT u.id FROM users u WHERE u.admin AND u.disabled_at IS NULL ORDER BY u.id FOR NO KEY UPDATE`

// refuseLastAdmin refuses what would leave no administrator who is let in.
func (t *accountTx) refuseLastAdmin(cmd *account.ChangeUser) error {
	u, found, err := rows.OneUser(t.row(userQuery, cmd.ID))
	if err != nil || !found || !cmd.TakesAdmin(&u) {
		return err
	}
	admins, err := rows.Collect(t.each, nil, rows.One[account.UserID], lockAdminsQuery)
	if err != nil {
		return fmt.Errorf("lock administrators: %w", err)
	}
	if slices.Equal(admins, []account.UserID{cmd.ID}) {
		return account.ErrLastAdmin
	}
	return nil
}

func (t *accountTx) changeUser(cmd *account.ChangeUser) (account.User, error) {
	if err := t.refuseLastAdmin(cmd); err != nil {
		return account.User{}, err
	}
	u, found, err := t.locked(cmd.ID)
	switch {
	case err != nil:
		return account.User{}, fmt.Errorf("look up user: %w", err)
	case !found:
		return account.User{}, account.ErrUserNotFound
	case !cmd.Changes(&u):
		t.unchanged = true
		return u, nil
	}
	if cmd.Admin != nil && *cmd.Admin != u.Admin {
		u.Admin = *cmd.Admin
		if _, err := t.exec(`UPDATE users SET admin = $1 WHERE id = $2`, u.Admin, u.ID); err != nil {
			return account.User{}, fmt.Errorf("update user: %w", err)
		}
	}
	if cmd.Issuer != nil && *cmd.Issuer != u.Issuer {
		u.Issuer = *cmd.Issuer
		if _, err := t.exec(`UPDATE users SET issuer = $1, reassigned_at = $2 WHERE id = $3`,
			u.Issuer, cmd.At.UnixMilli(), u.ID); err != nil {
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
	return u, t.rename(&u, cmd.At, cmd.Origin)
}

// switchUser disables a user, or enables the user again.
func (t *accountTx) switchUser(u *account.User, cmd *account.ChangeUser) error {
	kind := account.UserEnabled
	u.DisabledAt = time.Time{}
	if *cmd.Disabled {
		kind, u.DisabledAt = account.UserDisabled, cmd.At
		if _, err := t.exec(`DELETE FROM push_subscriptions WHERE user_id = $1`, u.ID); err != nil {
			return fmt.Errorf("forget devices: %w", err)
		}
	}
	if _, err := t.exec(`UPDATE users SET disabled_at = $1, switched_at = $2 WHERE id = $3`,
		optionalMillis(u.DisabledAt), cmd.At.UnixMilli(), u.ID); err != nil {
		return fmt.Errorf("switch user: %w", err)
	}
	t.tell(account.Event{Kind: kind, At: cmd.At, Actor: account.Person{ID: u.ID}})
	if cmd.Revoke == nil || !*cmd.Disabled {
		return nil
	}
	return t.revoke(cmd.Revoke)
}

// searchUsersQuery asks for users of whom a term is $1 or more and less than $2, by the first $3 of such terms.
const searchUsersQuery = `
	SELECT ` + userColumns + ` FROM (
		SELECT term, user_id FROM user_terms WHERE term >= $1 AND term < $2 ORDER BY term, user_id LIMIT $3) t
	JOIN users u ON u.id = t.user_id ORDER BY t.term, t.user_id`

// SearchUsers implements [account.Users].
func (a *Accounts) SearchUsers(ctx context.Context, folded string, limit int) ([]account.User, error) {
	return rows.FoundUsers(a.readers().rows(ctx), searchUsersQuery, folded, limit)
}

const (
	listUsersQuery  = `SELECT ` + userColumns + ` FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT $2`
	adminsQuery     = `SELECT ` + userColumns + ` FROM users u WHERE u.admin ORDER BY u.id`
	unsettledQuery  = `SELECT ` + userColumns + ` FROM users u WHERE u.issuer IS NULL ORDER BY u.id LIMIT $1`
	reassignedQuery = `SELECT ` + userColumns + ` FROM users u WHERE u.reassigned_at >= $1 ORDER BY u.reassigned_at, u.id`
	disabledQuery   = `SELECT ` + userColumns + ` FROM users u WHERE u.disabled_at IS NOT NULL ORDER BY u.id`
	switchedQuery   = `SELECT ` + userColumns + ` FROM users u WHERE u.switched_at >= $1 ORDER BY u.switched_at, u.id`
)

// ListUsers implements [account.Users].
func (a *Accounts) ListUsers(ctx context.Context, after account.UserID, limit int) ([]account.User, error) {
	return a.users(ctx, listUsersQuery, after, limit)
}

// Admins implements [account.Users].
func (a *Accounts) Admins(ctx context.Context) ([]account.User, error) {
	return a.users(ctx, adminsQuery)
}

// Unsettled implements [account.Users].
func (a *Accounts) Unsettled(ctx context.Context, limit int) (first []account.User, total int, err error) {
	if err := a.readers().row(ctx, `SELECT count(*) FROM users WHERE issuer IS NULL`).Scan(&total); err != nil || total == 0 {
		return []account.User{}, 0, err
	}
	first, err = a.users(ctx, unsettledQuery, limit)
	return first, total, err
}

// Settle implements [account.Users].
func (a *Accounts) Settle(ctx context.Context, issuer string) (users int, err error) {
	return rows.Result(ctx, a.do, func(t *accountTx) (int, error) {
		settled, err := t.exec(`UPDATE users SET issuer = $1 WHERE issuer IS NULL`, issuer)
		return int(settled), err
	})
}

// Reassigned implements [account.Users].
func (a *Accounts) Reassigned(ctx context.Context, since time.Time) ([]account.User, error) {
	return a.users(ctx, reassignedQuery, since.UnixMilli())
}

// Disabled implements [account.Users].
func (a *Accounts) Disabled(ctx context.Context) ([]account.User, error) {
	return a.users(ctx, disabledQuery)
}

// Switched implements [account.Users].
func (a *Accounts) Switched(ctx context.Context, since time.Time) ([]account.User, error) {
	return a.users(ctx, switchedQuery, since.UnixMilli())
}

func (a *Accounts) users(ctx context.Context, query string, args ...any) ([]account.User, error) {
	return rows.Users(a.readers().rows(ctx), query, args...)
}

// seenQuery locks the users $1 in the order of their ids, so that processes that note the same users at once wait for each
// other rather than lock each other out; $2 are the times.
const seenQuery = `
	WITH latest AS (SELECT id, max(at) AS at FROM unnest($1::text[], $2::bigint[]) AS seen (id, at) GROUP BY id),
		behind AS (
			SELECT u.id, l.at FROM users u JOIN latest l ON l.id = u.id
			WHERE u.last_seen_at IS NULL OR u.last_seen_at < l.at ORDER BY u.id FOR NO KEY UPDATE OF u)
	UPDATE users u SET last_seen_at = b.at FROM behind b WHERE u.id = b.id`

// Seen implements [account.Users].
func (a *Accounts) Seen(ctx context.Context, seen []account.Seen) error {
	ids, times := make([]string, len(seen)), make([]int64, len(seen))
	for i, one := range seen {
		ids[i], times[i] = string(one.UserID), one.At.UnixMilli()
	}
	return a.do(ctx, func(t *accountTx) error {
		if _, err := t.exec(seenQuery, emptied(ids), times); err != nil {
			return fmt.Errorf("note last seen: %w", err)
		}
		return nil
	})
}
