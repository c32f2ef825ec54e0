package postgres

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// pairQuery asks what stands between the users $1 and $2, of whom $3 has the smaller id and $4 the greater.
const pairQuery = `
	SELECT EXISTS (SELECT 1 FROM friends WHERE user_a = $3 AND user_b = $4),
		EXISTS (SELECT 1 FROM friend_requests WHERE sender_id = $1 AND receiver_id = $2),
		EXISTS (SELECT 1 FROM friend_requests WHERE sender_id = $2 AND receiver_id = $1),
		EXISTS (SELECT 1 FROM blocks WHERE blocker_id = $1 AND blocked_id = $2),
		EXISTS (SELECT 1 FROM blocks WHERE blocker_id = $2 AND blocked_id = $1)`

func pairArgs(one, other account.UserID) []any {
	return []any{one, other, min(one, other), max(one, other)}
}

// Pair implements [account.Friends].
func (a *Accounts) Pair(ctx context.Context, one, other account.UserID) (account.Pair, error) {
	p, err := rows.Pair(a.readers().row(ctx, pairQuery, pairArgs(one, other)...))
	_, err = rows.Found(err)
	return p, err
}

// ChangePair implements [account.Friends].
func (a *Accounts) ChangePair(ctx context.Context, cmd account.ChangePair) (after account.Pair, err error) {
	return rows.Result(ctx, a.do, func(t *accountTx) (account.Pair, error) { return t.changePair(&cmd) })
}

func (t *accountTx) changePair(cmd *account.ChangePair) (account.Pair, error) {
	actor, other, err := t.lockPair(cmd)
	if err != nil {
		return account.Pair{}, err
	}
	before, err := rows.Pair(t.row(pairQuery, pairArgs(cmd.Actor, cmd.Target)...))
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

// lockPairQuery locks in one order, in which two pairs with one user in common do not lock each other out.
const lockPairQuery = `SELECT id, name FROM users WHERE id = ANY ($1::text[]) ORDER BY id FOR NO KEY UPDATE`

// lockPair returns both users. Until the end of the transaction no other process changes what stands between them, or
// between one of them and others: what is counted stays as it is.
func (t *accountTx) lockPair(cmd *account.ChangePair) (actor, other account.Person, err error) {
	err = t.each(func(row rows.Row) error {
		var p account.Person
		err := row.Scan(&p.ID, &p.Name)
		if p.ID == cmd.Actor {
			actor = p
		} else {
			other = p
		}
		return err
	}, lockPairQuery, []string{string(cmd.Actor), string(cmd.Target)})
	if err == nil && (actor.ID == "" || other.ID == "") {
		err = account.ErrUserNotFound
	}
	if err != nil {
		return account.Person{}, account.Person{}, fmt.Errorf("look up users: %w", err)
	}
	return actor, other, nil
}

// pair is what stands between two users.
var pair = rows.PairStatements{
	InsertFriends: `INSERT INTO friends (user_a, user_b, created_at) VALUES ($1, $2, $3)`,
	DeleteFriends: `DELETE FROM friends WHERE user_a = $1 AND user_b = $2`,
	InsertRequest: `INSERT INTO friend_requests (sender_id, receiver_id, created_at) VALUES ($1, $2, $3)`,
	DeleteRequest: `DELETE FROM friend_requests WHERE sender_id = $1 AND receiver_id = $2`,
	InsertBlock:   `INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES ($1, $2, $3)`,
	DeleteBlock:   `DELETE FROM blocks WHERE blocker_id = $1 AND blocked_id = $2`,

	CountFriends: `
		SELECT (SELECT count(*) FROM friends WHERE user_a = $1) + (SELECT count(*) FROM friends WHERE user_b = $1)`,
	CountRequests: `SELECT count(*) FROM friend_requests WHERE sender_id = $1`,
	CountBlocks:   `SELECT count(*) FROM blocks WHERE blocker_id = $1`,
}

const (
	friendIDsQuery = `
		SELECT user_b AS id FROM friends WHERE user_a = $1 UNION ALL SELECT user_a FROM friends WHERE user_b = $1
		ORDER BY id`
	blockedIDsQuery = `
		SELECT blocked_id AS id FROM blocks WHERE blocker_id = $1 UNION SELECT blocker_id FROM blocks WHERE blocked_id = $1
		ORDER BY id`
)

// FriendIDs implements [account.Friends].
func (a *Accounts) FriendIDs(ctx context.Context, userID account.UserID) ([]account.UserID, error) {
	return a.ids(ctx, friendIDsQuery, userID)
}

// BlockedIDs implements [account.Friends].
func (a *Accounts) BlockedIDs(ctx context.Context, userID account.UserID) ([]account.UserID, error) {
	return a.ids(ctx, blockedIDsQuery, userID)
}

func (a *Accounts) ids(ctx context.Context, query string, userID account.UserID) ([]account.UserID, error) {
	return rows.Collect(a.readers().rows(ctx), []account.UserID{}, rows.One[account.UserID], query, userID)
}
