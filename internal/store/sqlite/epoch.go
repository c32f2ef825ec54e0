package sqlite

import "context"

// Epoch implements [chat.CatchUp]. A database has the same one for as long as it is open: it changes in a restore only,
// which needs the folder for itself.
func (s *Store) Epoch(context.Context) (string, error) { return s.epoch, nil }

func epochOf(ctx context.Context, db asker) (epoch string, err error) {
	err = db.QueryRowContext(ctx, `SELECT epoch FROM server`).Scan(&epoch)
	return epoch, err
}
