package sqlite

import (
	"context"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/account"
)

const pairQuery = `
	SELECT EXISTS (SELECT 1 FROM friends WHERE user_a = min(?1, ?2) AND user_b = max(?1, ?2)),
		EXISTS (SELECT 1 FROM friend_requests WHERE sender_id = ?1 AND receiver_id = ?2),
		EXISTS (SELECT 1 FROM friend_requests WHERE sender_id = ?2 AND receiver_id = ?1),
		EXISTS (SELECT 1 FROM blocks WHERE blocker_id = ?1 AND blocked_id = ?2),
		EXISTS (SELECT 1 FROM blocks WHERE blocker_id = ?2 AND blocked_id = ?1)`

func scanPair(row scanner) (p account.Pair, err error) {
	err = row.Scan(&p.Friends, &p.Sent, &p.Received, &p.Blocks, &p.BlockedBy)
	return p, err
}

// Pair implements [account.Friends].
func (a *Accounts) Pair(ctx context.Context, one, other account.UserID) (account.Pair, error) {
	return scanPair(a.readers().row(ctx, pairQuery, one, other))
}

// ChangePair implements [account.Friends].
func (a *Accounts) ChangePair(ctx context.Context, cmd account.ChangePair) (after account.Pair, err error) {
	return result(ctx, a.do, func(t *accountTx) (account.Pair, error) { return t.changePair(&cmd) })
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
	before, err := scanPair(t.row(pairQuery, cmd.Actor, cmd.Target))
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

// storePair writes what is different. A user never blocks for another, so what the
// other one blocks is left alone.
func (t *accountTx) storePair(cmd *account.ChangePair, before, after account.Pair) error {
	actor, target := cmd.Actor, cmd.Target
	for _, part := range []struct {
		was, is        bool
		insert, remove string
		first, second  account.UserID
	}{
		{
			before.Friends, after.Friends,
			`INSERT INTO friends (user_a, user_b, created_at) VALUES (?, ?, ?)`,
			`DELETE FROM friends WHERE user_a = ? AND user_b = ?`,
			min(actor, target), max(actor, target),
		},
		{before.Sent, after.Sent, insertRequest, deleteRequest, actor, target},
		{before.Received, after.Received, insertRequest, deleteRequest, target, actor},
		{
			before.Blocks, after.Blocks,
			`INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES (?, ?, ?)`,
			`DELETE FROM blocks WHERE blocker_id = ? AND blocked_id = ?`,
			actor, target,
		},
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
	insertRequest = `INSERT INTO friend_requests (sender_id, receiver_id, created_at) VALUES (?, ?, ?)`
	deleteRequest = `DELETE FROM friend_requests WHERE sender_id = ? AND receiver_id = ?`
)

// checkPair counts what has become more. A refusal undoes the command.
func (t *accountTx) checkPair(cmd *account.ChangePair, before, after account.Pair) error {
	var friends, sent, blocks int
	count := func(into *int, query string, args ...any) error {
		var n int
		if err := t.row(query, args...).Scan(&n); err != nil {
			return fmt.Errorf("count: %w", err)
		}
		*into = max(*into, n)
		return nil
	}
	if after.Friends && !before.Friends {
		for _, user := range []account.UserID{cmd.Actor, cmd.Target} {
			err := count(&friends, `
				SELECT (SELECT count(*) FROM friends WHERE user_a = ?1) + (SELECT count(*) FROM friends WHERE user_b = ?1)`, user)
			if err != nil {
				return err
			}
		}
	}
	if after.Sent && !before.Sent {
		if err := count(&sent, `SELECT count(*) FROM friend_requests WHERE sender_id = ?`, cmd.Actor); err != nil {
			return err
		}
	}
	if after.Blocks && !before.Blocks {
		if err := count(&blocks, `SELECT count(*) FROM blocks WHERE blocker_id = ?`, cmd.Actor); err != nil {
			return err
		}
	}
	return after.OverLimit(before, friends, sent, blocks)
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
	return collect(a.readers().rows(ctx), []account.UserID{}, scanOne[account.UserID], query, userID)
}
