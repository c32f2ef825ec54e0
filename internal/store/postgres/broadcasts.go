package postgres

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
const broadcastColumns = `id, kind, coalesce(unique_key, ''), priority, spec, created_at, send_at, state, step, place, reached, missed, failures,
	error, coalesce(started_at, 0), coalesce(ended_at, 0)`

// CreateBroadcast implements [broadcast.Store].
func (s *Store) CreateBroadcast(ctx context.Context, b broadcast.Broadcast, fingerprint []byte, first job.Job) (broadcast.Broadcast, error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (broadcast.Broadcast, error) { return tx.createBroadcast(&b, fingerprint, first) })
}

// createBroadcast waits for whoever stores another one of the key: then that one is there.
func (t *tx) createBroadcast(b *broadcast.Broadcast, fingerprint []byte, first job.Job) (broadcast.Broadcast, error) {
	spec, err := rows.BroadcastSpec(b)
	if err != nil {
		return broadcast.Broadcast{}, err
	}
	place, failures, err := rows.BroadcastProgress(&b.Progress)
	if err != nil {
		return broadcast.Broadcast{}, err
	}
	stored, err := t.exec(`
		INSERT INTO broadcasts (id, kind, unique_key, priority, spec, created_at, send_at, state, step, place, reached, missed, failures, error,
			started_at, ended_at, fingerprint)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING`,
		b.ID, string(b.Kind), optional(b.Key), int64(b.Priority), spec, b.CreatedAt.UnixMilli(), b.SendAt.UnixMilli(), string(b.State), b.Step, place,
		b.Reached, b.Missed, failures, b.Error, optionalMillis(b.StartedAt), optionalMillis(b.EndedAt), fingerprint)
	switch {
	case err != nil:
		return broadcast.Broadcast{}, fmt.Errorf("create a broadcast: %w", err)
	case stored == 0:
		return rows.BroadcastAs(t.row(`SELECT `+broadcastColumns+`, fingerprint FROM broadcasts WHERE unique_key = $1`, b.Key), fingerprint)
	}
	return *b, t.enqueue([]job.Job{first})
}

// Broadcast implements [broadcast.Store].
func (s *Store) Broadcast(ctx context.Context, id string) (broadcast.Broadcast, error) {
	b, err := rows.OneBroadcast(s.readers.row(ctx, `SELECT `+broadcastColumns+` FROM broadcasts WHERE id = $1`, id))
	if err != nil {
		return b, fmt.Errorf("postgres: look up a broadcast: %w", err)
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
			UPDATE broadcasts SET state = $1, step = $2, place = $3, reached = $4, missed = $5, failures = $6, error = $7, started_at = $8, ended_at = $9
			WHERE id = $10 AND step = $11 AND ended_at IS NULL`,
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
			UPDATE broadcasts SET state = 'cancelled', ended_at = $1 WHERE id = $2 AND ended_at IS NULL RETURNING `+broadcastColumns, at.UnixMilli(), id))
		switch {
		case err == nil:
			return b, tx.withdraw(b.ID)
		case !errors.Is(err, broadcast.ErrNotFound):
			return b, fmt.Errorf("cancel a broadcast: %w", err)
		}
		b, err = rows.OneBroadcast(tx.row(`SELECT `+broadcastColumns+` FROM broadcasts WHERE id = $1`, id))
		if err == nil && b.State != broadcast.Cancelled {
			err = broadcast.ErrEnded
		}
		return b, err
	})
}

// PruneBroadcasts implements [broadcast.Store].
func (s *Store) PruneBroadcasts(ctx context.Context, before time.Time, limit int) (int, error) {
	return rows.Result(ctx, s.writer.Do, func(tx *tx) (int, error) {
		n, err := tx.exec(`DELETE FROM broadcasts WHERE id = ANY(ARRAY(SELECT id FROM broadcasts WHERE ended_at < $1 ORDER BY ended_at LIMIT $2))`,
			before.UnixMilli(), limit)
		if err != nil {
			return 0, fmt.Errorf("remove old broadcasts: %w", err)
		}
		return int(n), nil
	})
}
