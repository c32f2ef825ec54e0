package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// Job implements [job.Store].
func (s *Jobs) Job(ctx context.Context, id string) (job.Job, error) {
	return rows.OneJob(s.store.readers.row(ctx, `SELECT `+jobColumns+` FROM jobs WHERE id = ?`, id))
}

// Pages of dead jobs: of a kind ?1 or of all, ?2 at most, behind a place ?3, ?4.
const (
	lastDead = `SELECT ` + jobColumns + ` FROM jobs WHERE state = 'dead' AND ended_at IS NOT NULL AND (?1 = '' OR kind = ?1)
		ORDER BY ended_at DESC, id DESC LIMIT ?2`
	deadBefore = `SELECT ` + jobColumns + ` FROM jobs WHERE state = 'dead' AND ended_at IS NOT NULL AND (?1 = '' OR kind = ?1)
			AND (ended_at, id) < (?3, ?4)
		ORDER BY ended_at DESC, id DESC LIMIT ?2`
)

// Dead implements [job.Store].
func (s *Jobs) Dead(ctx context.Context, q job.DeadQuery) (jobs []job.Job, err error) {
	each := s.store.readers.rows(ctx)
	if q.Before.ID == "" {
		jobs, err = rows.Collect(each, nil, rows.Job, lastDead, q.Kind, q.Limit)
	} else {
		jobs, err = rows.Collect(each, nil, rows.Job, deadBefore, q.Kind, q.Limit, q.Before.At.UnixMilli(), q.Before.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("read dead jobs: %w", err)
	}
	return jobs, nil
}

// Pages of jobs of a kind ?1 that wait, ?2 at most, behind a turn ?3, ?4, ?5. The index jobs_due has them in this order, but for ids.
const (
	firstWaiting = `SELECT ` + jobColumns + ` FROM jobs WHERE state = 'waiting' AND kind = ?1 ORDER BY priority, run_at, id LIMIT ?2`
	waitingAfter = `SELECT ` + jobColumns + ` FROM jobs WHERE state = 'waiting' AND kind = ?1 AND (priority, run_at, id) > (?3, ?4, ?5)
		ORDER BY priority, run_at, id LIMIT ?2`
)

// Waiting implements [job.Store].
func (s *Jobs) Waiting(ctx context.Context, q job.WaitingQuery) (jobs []job.Job, err error) {
	each := s.store.readers.rows(ctx)
	if q.After.ID == "" {
		jobs, err = rows.Collect(each, nil, rows.Job, firstWaiting, q.Kind, q.Limit)
	} else {
		jobs, err = rows.Collect(each, nil, rows.Job, waitingAfter, q.Kind, q.Limit, int(q.After.Priority), q.After.RunAt.UnixMilli(), q.After.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("read jobs that wait: %w", err)
	}
	return jobs, nil
}

func (t *tx) job(id string) (job.Job, error) {
	return rows.OneJob(t.row(`SELECT `+jobColumns+` FROM jobs WHERE id = ?`, id))
}

// Cancel implements [job.Store].
func (s *Jobs) Cancel(ctx context.Context, id string, at time.Time) (job.State, error) {
	return rows.Result(ctx, s.store.writer.Do, func(tx *tx) (job.State, error) {
		j, err := tx.job(id)
		if err != nil {
			return "", err
		}
		next, err := j.State.Cancel()
		if err != nil || next == j.State {
			tx.unchanged = err == nil
			return next, err
		}
		_, err = tx.exec(`UPDATE jobs SET state = ?1, ended_at = CASE WHEN ?1 = 'cancelled' THEN ?2 END WHERE id = ?3`, string(next), at.UnixMilli(), id)
		if err != nil {
			return next, err
		}
		return next, tx.forsake(&j, at)
	})
}

// Retry implements [job.Store].
func (s *Jobs) Retry(ctx context.Context, id string, at time.Time) error {
	return s.store.writer.Do(ctx, func(tx *tx) error {
		j, err := tx.job(id)
		if err == nil {
			err = j.State.MayRetry()
		}
		if err != nil {
			return err
		}
		tx.wake(j.Kind)
		if j.State == job.Waiting {
			_, err := tx.exec(`UPDATE jobs SET run_at = min(run_at, ?) WHERE id = ?`, at.UnixMilli(), id)
			return err
		}
		var one int
		switch taken, err := rows.Found(tx.row(`SELECT 1 FROM jobs WHERE unique_key = ? AND ended_at IS NULL`, optional(j.Key)).Scan(&one)); {
		case err != nil:
			return fmt.Errorf("look for the key of a job: %w", err)
		case taken:
			return job.ErrDuplicateKey
		}
		_, err = tx.exec(`UPDATE jobs SET state = 'waiting', run_at = ?, attempts = 0, lost = 0, ended_at = NULL WHERE id = ?`, at.UnixMilli(), id)
		return err
	})
}

// Drop implements [job.Store].
func (s *Jobs) Drop(ctx context.Context, id string, at time.Time) error {
	return s.store.writer.Do(ctx, func(tx *tx) error {
		j, err := tx.job(id)
		if err == nil {
			err = j.State.MayDrop()
		}
		if err != nil {
			return err
		}
		if _, err := tx.exec(`DELETE FROM jobs WHERE id = ?`, id); err != nil {
			return err
		}
		return tx.forsake(&j, at)
	})
}

// Pause implements [job.Store].
func (s *Jobs) Pause(ctx context.Context, kind string, paused bool) error {
	return s.store.writer.Do(ctx, func(tx *tx) error {
		if !paused {
			_, err := tx.exec(`DELETE FROM paused_kinds WHERE kind = ?`, kind)
			tx.wake(kind)
			return err
		}
		_, err := tx.exec(`INSERT INTO paused_kinds (kind) VALUES (?) ON CONFLICT DO NOTHING`, kind)
		return err
	})
}

// Paused implements [job.Store].
func (s *Jobs) Paused(ctx context.Context) ([]string, error) {
	return rows.Collect(s.store.readers.rows(ctx), nil, rows.One[string], `SELECT kind FROM paused_kinds ORDER BY kind`)
}

// Prune implements [job.Store].
func (s *Jobs) Prune(ctx context.Context, p job.Prune) (int, error) {
	return rows.Result(ctx, s.store.writer.Do, func(tx *tx) (int, error) {
		n, err := tx.exec(`
			DELETE FROM jobs WHERE id IN (
				SELECT id FROM jobs WHERE state = ?1 AND ended_at < ?2 AND (?3 = '' OR kind = ?3) ORDER BY ended_at LIMIT ?4)`,
			string(p.State), p.Before.UnixMilli(), p.Kind, p.Limit)
		if err != nil {
			return 0, fmt.Errorf("remove old jobs: %w", err)
		}
		return int(n), nil
	})
}

const countJobs = `
	SELECT x.value,
		(SELECT count(*) FROM (SELECT 1 FROM jobs j WHERE j.state = 'waiting' AND j.kind = x.value LIMIT ?2)),
		(SELECT count(*) FROM (SELECT 1 FROM jobs j WHERE j.leased_until > 0 AND j.kind = x.value LIMIT ?2)),
		coalesce(e.n, 0),
		coalesce((SELECT min(t.at) FROM (
			SELECT (SELECT min(j.run_at) FROM jobs j WHERE j.state = 'waiting' AND j.kind = x.value AND j.priority = p.column1) AS at
			FROM (VALUES (-1), (0), (1)) p) t), 0),
		EXISTS (SELECT 1 FROM paused_kinds k WHERE k.kind = x.value)
	FROM json_each(?1) x LEFT JOIN (
		SELECT b.kind, count(*) AS n FROM (SELECT kind FROM jobs WHERE state = 'dead' AND ended_at > 0 ORDER BY ended_at DESC LIMIT ?2) b
		GROUP BY b.kind) e ON e.kind = x.value
	ORDER BY x.key`

// Counts implements [job.Store].
func (s *Jobs) Counts(ctx context.Context, kinds []string, now time.Time) ([]job.Count, error) {
	counts, err := rows.CountJobs(s.store.readers.rows(ctx), countJobs, kinds, now)
	if err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	return counts, nil
}
