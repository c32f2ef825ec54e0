package sqlite

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

const pairQuery = `
	SELECT EXISTS (SELECT 1 FROM friends WHERE user_a = min(?1, ?2) AND user_b = max(?1, ?2)),
		EXISTS (SELECT 1 FROM friend_requests WHERE sender_id = ?1 AND receiver_id = ?2),
		EXISTS (SELECT 1 FROM friend_requests WHERE sender_id = ?2 AND receiver_id = ?1),
		EXISTS (SELECT 1 FROM blocks WHERE blocker_id = ?1 AND blocked_id = ?2),
		EXISTS (SELECT 1 FROM blocks WHERE blocker_id = ?2 AND blocked_id = ?1)`

// Pair implements [account.Friends].
func (a *Accounts) Pair(ctx context.Context, one, other account.UserID) (account.Pair, error) {
	return rows.Pair(a.readers().row(ctx, pairQuery, one, other))
}

// ChangePair implements [account.Friends].
func (a *Accounts) ChangePair(ctx context.Context, cmd account.ChangePair) (after account.Pair, err error) {
	return rows.Result(ctx, a.do, func(t *accountTx) (account.Pair, error) { return t.changePair(&cmd) })
}

func (t *accountTx) changePair(cmd *account.ChangePair) (account.Pair, error) {
	actor, err := t.person(cmd.Actor)
	if err != nil {
		return account.Pair{}, err
	}
	other, err := t.person(cmd.Target)
	if err != nil {
		return account.Pair{}, err
	}
	before, err := rows.Pair(t.row(pairQuery, cmd.Actor, cmd.Target))
	if err != nil {
		return account.Pair{}, fmt.Errorf("look up pair: %w", err)
	}
	after, events, err := cmd.Change(before)
	if err != nil || after == before {
		return before, err
	}
	if err := pair.Store(t.exec, cmd, before, after); err != nil {
		return account.Pair{}, err
	}
	if err := pair.Check(t.row, cmd, before, after); err != nil {
		return account.Pair{}, err
	}
	for _, e := range events {
		t.tell(account.Event{Kind: e.Kind, At: cmd.At, Actor: actor, Other: other, Private: e.Private, Origin: cmd.Origin})
	}
	return after, nil
}

func (t *accountTx) person(id account.UserID) (account.Person, error) {
	u, found, err := t.user(id)
	switch {
	case err != nil:
		return account.Person{}, fmt.Errorf("look up user: %w", err)
	case !found:
		return account.Person{}, account.ErrUserNotFound
	}
	return account.Person{ID: u.ID, Name: u.Name}, nil
}

// pair is what stands between two users.
var pair = rows.PairStatements{
	InsertFriends: `INSERT INTO friends (user_a, user_b, created_at) VALUES (?, ?, ?)`,
	DeleteFriends: `DELETE FROM friends WHERE user_a = ? AND user_b = ?`,
	InsertRequest: `INSERT INTO friend_requests (sender_id, receiver_id, created_at) VALUES (?, ?, ?)`,
	DeleteRequest: `DELETE FROM friend_requests WHERE sender_id = ? AND receiver_id = ?`,
	InsertBlock:   `INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES (?, ?, ?)`,
	DeleteBlock:   `DELETE FROM blocks WHERE blocker_id = ? AND blocked_id = ?`,

	CountFriends: `
		SELECT (SELECT count(*) FROM friends WHERE user_a = ?1) + (SELECT count(*) FROM friends WHERE user_b = ?1)`,
	CountRequests: `SELECT count(*) FROM friend_requests WHERE sender_id = ?`,
	CountBlocks:   `SELECT count(*) FROM blocks WHERE blocker_id = ?`,
}

const friendIDsQuery = `
	SELECT user_b AS id FROM friends WHERE user_a = ?1 UNION ALL SELECT user_a FROM friends WHERE user_b = ?1
	ORDER BY id`

// FriendIDs implements [account.Friends].
func (a *Accounts) FriendIDs(ctx context.Context, userID account.UserID) ([]account.UserID, error) {
	return a.ids(ctx, friendIDsQuery, userID)
}

// BlockedIDs implements [account.Friends].
func (a *Accounts) BlockedIDs(ctx context.Context, userID account.UserID) ([]account.UserID, error) {
	return a.ids(ctx, `
		SELECT blocked_id AS id FROM blocks WHERE blocker_id = ?1 UNION SELECT blocker_id FROM blocks WHERE blocked_id = ?1
		ORDER BY id`, userID)
}

func (a *Accounts) ids(ctx context.Context, query string, userID account.UserID) ([]account.UserID, error) {
	return rows.Collect(a.readers().rows(ctx), []account.UserID{}, rows.One[account.UserID], query, userID)
}
