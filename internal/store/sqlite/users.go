package sqlite

import (
	"context"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// EnsureUser implements [chat.Users]. A user who is known under that name costs
// a read and no place in the queue.
func (s *Store) EnsureUser(ctx context.Context, u chat.User) (chat.User, error) {
	var name string
	var createdAt int64
	known, err := exists(s.readers.row(ctx, `SELECT name, created_at FROM users WHERE id = ?`, u.ID).Scan(&name, &createdAt))
	if err != nil {
		return chat.User{}, err
	}
	if known && name == u.Name {
		u.CreatedAt = instant(createdAt)
		return u, nil
	}
	err = s.writer.do(ctx, func(tx *tx) error {
		return tx.row(`
			INSERT INTO users (id, name, created_at) VALUES (?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name
			RETURNING created_at`,
			u.ID, u.Name, u.CreatedAt.UnixMilli()).Scan(&createdAt)
	})
	if err != nil {
		return chat.User{}, err
	}
	u.CreatedAt = instant(createdAt)
	return u, nil
}

const friendsQuery = `SELECT 1 FROM friends WHERE user_a = ? AND user_b = ?`

// AreFriends implements [chat.Users].
func (s *Store) AreFriends(ctx context.Context, a, b chat.UserID) (bool, error) {
	var one int
	return exists(s.readers.row(ctx, friendsQuery, min(a, b), max(a, b)).Scan(&one))
}

func (t *tx) areFriends(a, b chat.UserID) (bool, error) {
	var one int
	return exists(t.row(friendsQuery, min(a, b), max(a, b)).Scan(&one))
}

// instant is the time of a stored number of milliseconds.
func instant(millis int64) time.Time {
	return time.UnixMilli(millis).UTC()
}
