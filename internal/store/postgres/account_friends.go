package postgres

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/account"
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

func scanPair(row scanner) (p account.Pair, err error) {
	err = row.Scan(&p.Friends, &p.Sent, &p.Received, &p.Blocks, &p.BlockedBy)
	return p, err
}

// Pair implements [account.Friends].
func (a *Accounts) Pair(ctx context.Context, one, other account.UserID) (account.Pair, error) {
	p, err := scanPair(a.readers().row(ctx, pairQuery, pairArgs(one, other)...))
	_, err = exists(err)
	return p, err
}

// ChangePair implements [account.Friends].
func (a *Accounts) ChangePair(ctx context.Context, cmd account.ChangePair) (after account.Pair, err error) {
	err = a.do(ctx, func(t *accountTx) (err error) {
		after, err = t.changePair(&cmd)
		return err
	})
	return after, err
}

func (t *accountTx) changePair(cmd *account.ChangePair) (account.Pair, error) {
	actor, other, err := t.lockPair(cmd)
	if err != nil {
		return account.Pair{}, err
	}
	before, err := scanPair(t.row(pairQuery, pairArgs(cmd.Actor, cmd.Target)...))
	if err != nil {
		return account.Pair{}, fmt.Errorf("look up pair: %w", err)
	}
	after, events, err := cmd.Change(before)
	if err != nil || after == before {
		return before, err
	}
	if err := t.storePair(cmd, before, after); err != nil {
		return account.Pair{}, err
	}
	if err := t.checkPair(cmd, before, after); err != nil {
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
	err = t.each(func(row scanner) error {
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

const (
	insertFriends = `INSERT INTO friends (user_a, user_b, created_at) VALUES ($1, $2, $3)`
	deleteFriends = `DELETE FROM friends WHERE user_a = $1 AND user_b = $2`
	insertRequest = `INSERT INTO friend_requests (sender_id, receiver_id, created_at) VALUES ($1, $2, $3)`
	deleteRequest = `DELETE FROM friend_requests WHERE sender_id = $1 AND receiver_id = $2`
	insertBlock   = `INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES ($1, $2, $3)`
	deleteBlock   = `DELETE FROM blocks WHERE blocker_id = $1 AND blocked_id = $2`
)

// storePair writes what is different. A user never blocks for another, so what the other one blocks is left alone.
func (t *accountTx) storePair(cmd *account.ChangePair, before, after account.Pair) error {
	actor, target := cmd.Actor, cmd.Target
	for _, part := range []struct {
		was, is        bool
		insert, remove string
		first, second  account.UserID
	}{
		{before.Friends, after.Friends, insertFriends, deleteFriends, min(actor, target), max(actor, target)},
		{before.Sent, after.Sent, insertRequest, deleteRequest, actor, target},
		{before.Received, after.Received, insertRequest, deleteRequest, target, actor},
		{before.Blocks, after.Blocks, insertBlock, deleteBlock, actor, target},
	} {
		var err error
		switch {
		case part.is && !part.was:
			_, err = t.exec(part.insert, part.first, part.second, cmd.At.UnixMilli())
		case part.was && !part.is:
			_, err = t.exec(part.remove, part.first, part.second)
		}
		if err != nil {
			return fmt.Errorf("store pair: %w", err)
		}
	}
	return nil
}

const (
	countFriendsQuery = `
		SELECT (SELECT count(*) FROM friends WHERE user_a = $1) + (SELECT count(*) FROM friends WHERE user_b = $1)`
	countRequestsQuery = `SELECT count(*) FROM friend_requests WHERE sender_id = $1`
	countBlocksQuery   = `SELECT count(*) FROM blocks WHERE blocker_id = $1`
)

// checkPair counts what has become more. A refusal undoes the command.
func (t *accountTx) checkPair(cmd *account.ChangePair, before, after account.Pair) error {
	var friends, sent, blocks int
	for _, part := range []struct {
		was, is bool
		query   string
		into    *int
		of      []account.UserID
	}{
		{before.Friends, after.Friends, countFriendsQuery, &friends, []account.UserID{cmd.Actor, cmd.Target}},
		{before.Sent, after.Sent, countRequestsQuery, &sent, []account.UserID{cmd.Actor}},
		{before.Blocks, after.Blocks, countBlocksQuery, &blocks, []account.UserID{cmd.Actor}},
	} {
		if part.was || !part.is {
			continue
		}
		for _, user := range part.of {
			var n int
			if err := t.row(part.query, user).Scan(&n); err != nil {
				return fmt.Errorf("count: %w", err)
			}
			*part.into = max(*part.into, n)
		}
	}
	return after.OverLimit(before, friends, sent, blocks)
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
	ids := []account.UserID{}
	err := a.readers().each(ctx, func(row scanner) error {
		var id account.UserID
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, query, userID)
	return ids, err
}
