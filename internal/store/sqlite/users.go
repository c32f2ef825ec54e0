package sqlite

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

const friendsQuery = `SELECT 1 FROM friends WHERE user_a = ? AND user_b = ?`

const blockedQuery = `
	SELECT EXISTS (SELECT 1 FROM blocks WHERE blocker_id = ?1 AND blocked_id = ?2)
		OR EXISTS (SELECT 1 FROM blocks WHERE blocker_id = ?2 AND blocked_id = ?1)`

// Blocked implements [chat.Blocks].
func (s *Store) Blocked(ctx context.Context, a, b chat.UserID) (blocked bool, err error) {
	err = s.readers.row(ctx, blockedQuery, a, b).Scan(&blocked)
	return blocked, err
}

func (t *tx) areFriends(a, b chat.UserID) (bool, error) {
	var one int
	return rows.Found(t.row(friendsQuery, min(a, b), max(a, b)).Scan(&one))
}
