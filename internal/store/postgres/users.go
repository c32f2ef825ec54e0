package postgres

import (
	"context"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

const blockedQuery = `
	SELECT EXISTS (SELECT 1 FROM blocks WHERE blocker_id = $1 AND blocked_id = $2)
		OR EXISTS (SELECT 1 FROM blocks WHERE blocker_id = $2 AND blocked_id = $1)`

// Blocked implements [chat.Blocks].
func (s *Store) Blocked(ctx context.Context, a, b chat.UserID) (blocked bool, err error) {
	_, err = exists(s.readers.row(ctx, blockedQuery, a, b).Scan(&blocked))
	return blocked, err
}

// instant is the time of a stored number of milliseconds.
func instant(millis int64) time.Time {
	return time.UnixMilli(millis).UTC()
}
