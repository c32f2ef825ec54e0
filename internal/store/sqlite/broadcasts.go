package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/broadcast"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

var _ broadcast.Store = (*Store)(nil)

// broadcastColumns are those of [rows.Broadcast].
const broadcastColumns = `id, kind, unique_key, priority, spec, created_at, send_at, state, step, place, reached, missed, failures, error,
	started_at, ended_at`

// CreateBroadcast implements [broadcast.Store].
func (s *Store) CreateBroadcast(ctx context.Context, b broadcast.Broadcast, fingerprint []byte, first job.Job) (broadcast.Broadcast, error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (broadcast.Broadcast, error) { return tx.createBroadcast(&b, fingerprint, first) })
}

func (t *tx) createBroadcast(b *broadcast.Broadcast, fingerprint []byte, first job.Job) (broadcast.Broadcast, error) {
	if b.Key != "" {
		stored, err := rows.BroadcastAs(t.row(`SELECT `+broadcastColumns+`, fingerprint FROM broadcasts WHERE unique_key = ?`, b.Key), fingerprint)
		if !errors.Is(err, broadcast.ErrNotFound) {
			return stored, err
		}
	}
	spec, err := rows.BroadcastSpec(b)
	if err != nil {
		return broadcast.Broadcast{}, err
	}
	place, failures, err := rows.BroadcastProgress(&b.Progress)
	if err != nil {
		return broadcast.Broadcast{}, err
	}
	if _, err := t.exec(`
		INSERT INTO broadcasts (`+broadcastColumns+`, fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		b.ID, string(b.Kind), optional(b.Key), int64(b.Priority), spec, b.CreatedAt.UnixMilli(), b.SendAt.UnixMilli(), string(b.State), b.Step, place,
		b.Reached, b.Missed, failures, b.Error, optionalMillis(b.StartedAt), optionalMillis(b.EndedAt), fingerprint); err != nil {
		return broadcast.Broadcast{}, fmt.Errorf("create a broadcast: %w", err)
	}
	return *b, t.enqueue([]job.Job{first})
}

// Broadcast implements [broadcast.Store].
func (s *Store) Broadcast(ctx context.Context, id string) (broadcast.Broadcast, error) {
	b, err := rows.OneBroadcast(s.readers.row(ctx, `SELECT `+broadcastColumns+` FROM broadcasts WHERE id = ?`, id))
	if err != nil {
		return b, fmt.Errorf("look up a broadcast: %w", err)
	}
	return b, nil
}

// AdvanceBroadcast implements [broadcast.Store].
func (s *Store) AdvanceBroadcast(ctx context.Context, id string, from int64, to broadcast.Progress, then []job.Job) (bool, error) {
	place, failures, err := rows.BroadcastProgress(&to)
	if err != nil {
		return false, err
	}
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (bool, error) {
		n, err := tx.exec(`
			UPDATE broadcasts SET state = ?, step = ?, place = ?, reached = ?, missed = ?, failures = ?, error = ?, started_at = ?, ended_at = ?
			WHERE id = ? AND step = ? AND ended_at IS NULL`,
			string(to.State), to.Step, place, to.Reached, to.Missed, failures, to.Error, optionalMillis(to.StartedAt), optionalMillis(to.EndedAt), id, from)
		if err != nil {
			return false, fmt.Errorf("advance a broadcast: %w", err)
		}
		if n == 0 || len(then) == 0 {
			return n > 0, nil
		}
		return true, tx.enqueue(then)
	})
}

// CancelBroadcast implements [broadcast.Store].
func (s *Store) CancelBroadcast(ctx context.Context, id string, at time.Time) (broadcast.Broadcast, error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (broadcast.Broadcast, error) {
		b, err := rows.OneBroadcast(tx.row(`
			UPDATE broadcasts SET state = 'cancelled', ended_at = ? WHERE id = ? AND ended_at IS NULL RETURNING `+broadcastColumns, at.UnixMilli(), id))
		switch {
		case err == nil:
			return b, tx.withdraw(b.ID)
		case !errors.Is(err, broadcast.ErrNotFound):
			return b, fmt.Errorf("cancel a broadcast: %w", err)
		}
		b, err = rows.OneBroadcast(tx.row(`SELECT `+broadcastColumns+` FROM broadcasts WHERE id = ?`, id))
		if err == nil && b.State != broadcast.Cancelled {
			err = broadcast.ErrEnded
		}
		return b, err
	})
}

// PruneBroadcasts implements [broadcast.Store].
func (s *Store) PruneBroadcasts(ctx context.Context, before time.Time, limit int) (int, error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (int, error) {
		n, err := tx.exec(`DELETE FROM broadcasts WHERE id IN (SELECT id FROM broadcasts WHERE ended_at < ? ORDER BY ended_at LIMIT ?)`,
			before.UnixMilli(), limit)
		if err != nil {
			return 0, fmt.Errorf("remove old broadcasts: %w", err)
		}
		return int(n), nil
	})
}
