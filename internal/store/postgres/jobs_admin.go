package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// Job implements [job.Store].
func (s *Jobs) Job(ctx context.Context, id string) (job.Job, error) {
	return rows.OneJob(s.readers().row(ctx, `SELECT `+jobColumns+` FROM jobs j WHERE j.id = $1`, id))
}

// Pages of dead jobs: of a kind $1 or of all, $2 at most, behind a place $3, $4.
const (
	lastDead = `SELECT ` + jobColumns + ` FROM jobs j WHERE j.state = 'dead' AND j.ended_at IS NOT NULL AND ($1 = '' OR j.kind = $1)
		ORDER BY j.ended_at DESC, j.id DESC LIMIT $2`
	deadBefore = `SELECT ` + jobColumns + ` FROM jobs j WHERE j.state = 'dead' AND j.ended_at IS NOT NULL AND ($1 = '' OR j.kind = $1)
			AND (j.ended_at, j.id) < ($3::bigint, $4::text)
		ORDER BY j.ended_at DESC, j.id DESC LIMIT $2`
)

// Dead implements [job.Store].
func (s *Jobs) Dead(ctx context.Context, q job.DeadQuery) (jobs []job.Job, err error) {
	each := s.readers().rows(ctx)
	if q.Before.ID == "" {
		jobs, err = rows.Collect(each, nil, rows.Job, lastDead, q.Kind, q.Limit)
	} else {
		jobs, err = rows.Collect(each, nil, rows.Job, deadBefore, q.Kind, q.Limit, q.Before.At.UnixMilli(), q.Before.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: read dead jobs: %w", err)
	}
	return jobs, nil
}

// Pages of jobs of a kind $1 that wait, $2 at most, behind a turn $3, $4, $5. The index jobs_due has them in this order, but for ids.
const (
	firstWaiting = `SELECT ` + jobColumns + ` FROM jobs j WHERE j.state = 'waiting' AND j.kind = $1 ORDER BY j.priority, j.run_at, j.id LIMIT $2`
	waitingAfter = `SELECT ` + jobColumns + ` FROM jobs j WHERE j.state = 'waiting' AND j.kind = $1
			AND (j.priority, j.run_at, j.id) > ($3::bigint, $4::bigint, $5::text)
		ORDER BY j.priority, j.run_at, j.id LIMIT $2`
)

// Waiting implements [job.Store].
func (s *Jobs) Waiting(ctx context.Context, q job.WaitingQuery) (jobs []job.Job, err error) {
	each := s.readers().rows(ctx)
	if q.After.ID == "" {
		jobs, err = rows.Collect(each, nil, rows.Job, firstWaiting, q.Kind, q.Limit)
	} else {
		jobs, err = rows.Collect(each, nil, rows.Job, waitingAfter, q.Kind, q.Limit, int(q.After.Priority), q.After.RunAt.UnixMilli(), q.After.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: read jobs that wait: %w", err)
	}
	return jobs, nil
}

// lockedJob reads a job that nobody changes meanwhile.
func (t *tx) lockedJob(id string) (job.Job, error) {
	return rows.OneJob(t.row(`SELECT `+jobColumns+` FROM jobs j WHERE j.id = $1 FOR UPDATE`, id))
}

// Cancel implements [job.Store].
func (s *Jobs) Cancel(ctx context.Context, id string, at time.Time) (job.State, error) {
	return rows.Result(ctx, s.store.writer.Do, func(tx *tx) (job.State, error) {
		j, err := tx.lockedJob(id)
		if err != nil {
			return "", err
		}
		next, err := j.State.Cancel()
		if err != nil || next == j.State {
			tx.unchanged = err == nil
			return next, err
		}
		_, err = tx.exec(`UPDATE jobs SET state = $1::text, ended_at = CASE WHEN $1::text = 'cancelled' THEN $2::bigint END WHERE id = $3`,
			string(next), at.UnixMilli(), id)
		if err != nil {
			return next, err
		}
		return next, tx.forsake(&j, at)
	})
}

// Retry implements [job.Store].
func (s *Jobs) Retry(ctx context.Context, id string, at time.Time) error {
	return s.store.writer.Do(ctx, func(tx *tx) error {
		j, err := tx.lockedJob(id)
		if err == nil {
			err = j.State.MayRetry()
		}
		if err != nil {
			return err
		}
		tx.wake(j.Kind)
		if j.State == job.Waiting {
			_, err := tx.exec(`UPDATE jobs SET run_at = least(run_at, $1) WHERE id = $2`, at.UnixMilli(), id)
			return err
		}
		if j.Key != "" {
			var one int
			switch taken, err := rows.Found(tx.row(`SELECT 1 FROM jobs WHERE unique_key = $1 AND ended_at IS NULL`, j.Key).Scan(&one)); {
			case err != nil:
				return fmt.Errorf("look for the key of a job: %w", err)
			case taken:
				return job.ErrDuplicateKey
			}
		}
		_, err = tx.exec(`UPDATE jobs SET state = 'waiting', run_at = $1, attempts = 0, lost = 0, ended_at = NULL WHERE id = $2`, at.UnixMilli(), id)
		return err
	})
}

// Drop implements [job.Store].
func (s *Jobs) Drop(ctx context.Context, id string, at time.Time) error {
	return s.store.writer.Do(ctx, func(tx *tx) error {
		j, err := tx.lockedJob(id)
		if err == nil {
			err = j.State.MayDrop()
		}
		if err != nil {
			return err
		}
		if _, err := tx.exec(`DELETE FROM jobs WHERE id = $1`, id); err != nil {
			return err
		}
		return tx.forsake(&j, at)
	})
}

// Pause implements [job.Store].
func (s *Jobs) Pause(ctx context.Context, kind string, paused bool) error {
	return s.store.writer.Do(ctx, func(tx *tx) error {
		if !paused {
			_, err := tx.exec(`DELETE FROM paused_kinds WHERE kind = $1`, kind)
			tx.wake(kind)
			return err
		}
		_, err := tx.exec(`INSERT INTO paused_kinds (kind) VALUES ($1) ON CONFLICT DO NOTHING`, kind)
		return err
	})
}

// Paused implements [job.Store].
func (s *Jobs) Paused(ctx context.Context) ([]string, error) {
	return rows.Collect(s.readers().rows(ctx), nil, rows.One[string], `SELECT kind FROM paused_kinds ORDER BY kind`)
}

// Prune implements [job.Store].
func (s *Jobs) Prune(ctx context.Context, p job.Prune) (removed int, err error) {
	err = s.readers().row(ctx, `
		WITH old AS MATERIALIZED (
				SELECT id FROM jobs WHERE state = $1 AND ended_at < $2 AND ($3 = '' OR kind = $3) ORDER BY ended_at LIMIT $4 FOR UPDATE SKIP LOCKED),
			gone AS (DELETE FROM jobs j USING old WHERE j.id = old.id RETURNING 1)
		SELECT count(*) FROM gone`, string(p.State), p.Before.UnixMilli(), p.Kind, p.Limit).Scan(&removed)
	if err != nil {
		return 0, fmt.Errorf("postgres: remove old jobs: %w", err)
	}
	return removed, nil
}

const countJobs = `
	SELECT x.kind,
		(SELECT count(*) FROM (SELECT 1 FROM jobs j WHERE j.state = 'waiting' AND j.kind = x.kind LIMIT $2) w),
		(SELECT count(*) FROM (SELECT 1 FROM jobs j WHERE j.leased_until > 0 AND j.kind = x.kind LIMIT $2) r),
		coalesce(d.n, 0),
		coalesce((SELECT min(o.run_at) FROM (VALUES (-1), (0), (1)) p (priority) CROSS JOIN LATERAL (
			SELECT j.run_at FROM jobs j WHERE j.state = 'waiting' AND j.kind = x.kind AND j.priority = p.priority ORDER BY j.run_at LIMIT 1) o), 0),
		EXISTS (SELECT 1 FROM paused_kinds k WHERE k.kind = x.kind)
	FROM unnest($1::text[]) WITH ORDINALITY x (kind, n) LEFT JOIN (
		SELECT b.kind, count(*) AS n FROM (
			SELECT j.kind FROM jobs j WHERE j.state = 'dead' AND j.ended_at > 0 ORDER BY j.ended_at DESC LIMIT $2) b
		GROUP BY b.kind) d ON d.kind = x.kind
	ORDER BY x.n`

// Counts implements [job.Store].
func (s *Jobs) Counts(ctx context.Context, kinds []string, now time.Time) ([]job.Count, error) {
	counts, err := rows.CountJobs(s.readers().rows(ctx), countJobs, kinds, now)
	if err != nil {
		return nil, fmt.Errorf("postgres: count jobs: %w", err)
	}
	return counts, nil
}
