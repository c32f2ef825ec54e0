package sqlite

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// Jobs is a [job.Store] in the same file and with the same writer as the chats, so that the ends of jobs share the commits of
// messages. It lives as long as its Store. All methods may be called concurrently.
type Jobs struct{ store *Store }

var _ job.Store = (*Jobs)(nil)

// Jobs returns the jobs of the database. Who opens that is the only one to do them: what somebody did before, waits again.
func (s *Store) Jobs() *Jobs { return &Jobs{s} }

// OnEnqueued implements [job.Store].
func (s *Jobs) OnEnqueued(woken func(kinds []string)) { s.store.writer.tx.woken.Store(&woken) }

// wake notes that there are jobs of a kind, to be told after the commit.
func (t *tx) wake(kind string) {
	if !slices.Contains(t.jobs, kind) {
		t.jobs = append(t.jobs, kind)
	}
}

// tellJobs tells of which kinds the transaction has jobs.
func (t *tx) tellJobs() {
	if woken := t.woken.Load(); woken != nil && len(t.jobs) > 0 {
		(*woken)(t.jobs)
	}
	t.jobs = nil
}

const insertJob = `
	INSERT INTO jobs (id, kind, priority, unique_key, payload, cron, state, run_at, created_at) VALUES (?, ?, ?, ?, ?, ?, 'waiting', ?, ?)
	ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND ended_at IS NULL DO `

func jobValues(j *job.Job) []any {
	return []any{j.ID, j.Kind, int64(j.Priority), optional(j.Key), rows.Payload(j), j.Cron, j.RunAt.UnixMilli(), j.CreatedAt.UnixMilli()}
}

// enqueue stores jobs with what has caused them. It is for every command that does.
func (t *tx) enqueue(jobs []job.Job) error {
	for i := range jobs {
		stored, err := t.enqueueOne(&jobs[i])
		if err != nil {
			return err
		}
		if !stored {
			return job.ErrDuplicateKey
		}
	}
	return nil
}

// enqueueOne tells whether the job was stored: another one may have its key.
func (t *tx) enqueueOne(j *job.Job) (stored bool, err error) {
	n, err := t.exec(insertJob+`NOTHING`, jobValues(j)...)
	if err != nil {
		return false, fmt.Errorf("enqueue: %w", err)
	}
	t.wake(j.Kind)
	return n > 0, nil
}

// withdraw removes a job that is not to be done any more, unless somebody does it.
func (t *tx) withdraw(id string) error {
	if _, err := t.exec(`DELETE FROM jobs WHERE id = ? AND state NOT IN ('running', 'cancelling')`, id); err != nil {
		return fmt.Errorf("withdraw a job: %w", err)
	}
	return nil
}

// Enqueue implements [job.Store].
func (s *Jobs) Enqueue(ctx context.Context, jobs []job.Job) error {
	return s.store.writer.Do(ctx, func(tx *tx) error { return tx.enqueue(jobs) })
}

// Recur implements [job.Store].
func (s *Jobs) Recur(ctx context.Context, j job.Job) error {
	return s.store.writer.Do(ctx, func(tx *tx) error {
		if _, err := tx.exec(insertJob+`UPDATE SET
			run_at = CASE WHEN jobs.state = 'waiting' AND jobs.cron <> excluded.cron THEN excluded.run_at ELSE jobs.run_at END,
			cron = excluded.cron, payload = excluded.payload`, jobValues(&j)...); err != nil {
			return fmt.Errorf("enqueue a recurring job: %w", err)
		}
		tx.wake(j.Kind)
		return nil
	})
}

const dueJobs = `
	SELECT x.value, (SELECT min(j.run_at) FROM jobs j WHERE j.state = 'waiting' AND j.kind = x.value AND j.priority = p.column1)
	FROM json_each(?) x CROSS JOIN (VALUES (-1), (0), (1)) p
	WHERE NOT EXISTS (SELECT 1 FROM paused_kinds k WHERE k.kind = x.value)
	ORDER BY x.key`

// Due implements [job.Store].
func (s *Jobs) Due(ctx context.Context, kinds []string, now time.Time) (job.Due, error) {
	due, err := rows.DueJobs(s.store.readers.rows(ctx), dueJobs, kinds, now)
	if err != nil {
		return job.Due{}, fmt.Errorf("look for jobs that are due: %w", err)
	}
	return due, nil
}

// jobColumns are those of [rows.Job].
const jobColumns = `id, kind, priority, unique_key, payload, cron, state, run_at, attempts, lost, error, created_at, ended_at, lease`

// dueOf are the jobs ?2 of a kind ?1 and a priority that are due, ?3 at most, with when their turn is.
func dueOf(priority string, patience string) string {
	return `SELECT * FROM (SELECT id, run_at + ` + patience + ` AS turn FROM jobs
		WHERE state = 'waiting' AND kind = ?1 AND priority = ` + priority + ` AND run_at <= ?2 ORDER BY run_at LIMIT ?3)`
}

var claimQuery = `
	UPDATE jobs SET state = 'running', lease = ?4, leased_until = ?5, again = 0
	WHERE NOT EXISTS (SELECT 1 FROM paused_kinds WHERE kind = ?1) AND id IN (SELECT id FROM (
		` + dueOf("-1", "?6") + ` UNION ALL ` + dueOf("0", "?7") + ` UNION ALL ` + dueOf("1", "?8") + `
		ORDER BY turn LIMIT ?3))
	RETURNING ` + jobColumns

// Claim implements [job.Store].
func (s *Jobs) Claim(ctx context.Context, c job.Claim) ([]job.Job, error) {
	jobs, err := rows.Result(ctx, s.store.writer.Do, func(tx *tx) ([]job.Job, error) {
		return rows.Collect(tx.each, nil, rows.Job, claimQuery, c.Kind, c.Now.UnixMilli(), c.Most, c.Lease, time.Now().Add(c.Last).UnixMilli(),
			rows.Patience(job.High), rows.Patience(job.Normal), rows.Patience(job.Low))
	})
	if err != nil {
		return nil, fmt.Errorf("claim jobs: %w", err)
	}
	rows.ByTurn(jobs)
	return jobs, nil
}

// Extend implements [job.Store].
func (s *Jobs) Extend(ctx context.Context, held []job.Held, last time.Duration) (job.Extended, error) {
	states, err := rows.Result(ctx, s.store.writer.Do, func(tx *tx) (map[string]job.State, error) {
		states, until := make(map[string]job.State), time.Now().Add(last).UnixMilli()
		for _, h := range held {
			var state string
			found, err := rows.Found(tx.row(`UPDATE jobs SET leased_until = ? WHERE id = ? AND lease = ? RETURNING state`, until, h.ID, h.Lease).Scan(&state))
			if err != nil {
				return nil, err
			}
			if found {
				states[h.ID] = job.State(state)
			}
		}
		return states, nil
	})
	if err != nil {
		return job.Extended{}, fmt.Errorf("extend leases: %w", err)
	}
	return rows.Extended(held, states), nil
}

// Finish implements [job.Store].
func (s *Jobs) Finish(ctx context.Context, ends []job.End) error {
	return s.store.writer.Do(ctx, func(tx *tx) error {
		for i := range ends {
			if err := tx.finish(&ends[i]); err != nil {
				return fmt.Errorf("finish a job: %w", err)
			}
		}
		return nil
	})
}

// finish ends a job, if the lease is good, and enqueues what is to follow.
func (t *tx) finish(e *job.End) error {
	var wanted bool
	var row rows.Row
	if e.Remove && e.State == job.Done {
		row = t.row(`DELETE FROM jobs WHERE id = ? AND lease = ? RETURNING again`, e.ID, e.Lease)
	} else {
		row = t.row(`
			UPDATE jobs SET
				state = CASE WHEN state = 'cancelling' AND ?1 <> 'done' THEN 'cancelled' ELSE ?1 END,
				ended_at = CASE WHEN ?1 <> 'waiting' OR state = 'cancelling' THEN ?2 END,
				run_at = CASE WHEN ?1 = 'waiting' THEN ?3 ELSE run_at END,
				attempts = ?4, error = ?5, lease = NULL, leased_until = NULL
			WHERE id = ?6 AND lease = ?7
			RETURNING again`,
			string(e.State), e.At.UnixMilli(), e.RunAt.UnixMilli(), e.Attempts, optional(e.Error), e.ID, e.Lease)
	}
	if ended, err := rows.Found(row.Scan(&wanted)); err != nil || !ended {
		return err
	}
	then, again := rows.Behind(e)
	for i := range then {
		if _, err := t.enqueueOne(&then[i]); err != nil {
			return err
		}
	}
	if wanted && again != nil {
		_, err := t.enqueueOne(again)
		return err
	}
	return nil
}

// freeJobs takes jobs from those whose leases have run out by a time ?1. They have had their turn, and come before all that wait.
const freeJobs = `
	UPDATE jobs SET
		run_at = run_at - ?5,
		ended_at = CASE WHEN state = 'cancelling' OR lost >= ?2 THEN ?3 END,
		error = CASE WHEN state = 'running' AND lost >= ?2 THEN ?4 ELSE error END,
		state = CASE WHEN state = 'cancelling' THEN 'cancelled' WHEN lost >= ?2 THEN 'dead' ELSE 'waiting' END,
		lost = lost + 1, lease = NULL, leased_until = NULL
	WHERE leased_until < ?1`

func freeValues(until int64, at time.Time) []any {
	return []any{until, job.MaxLost, at.UnixMilli(), job.LostError, 2 * rows.Patience(job.Low)}
}

// freeAll takes all jobs from those who had them: they are no more, as nobody else has the database.
func freeAll(ctx context.Context, db asker) error {
	if _, err := db.ExecContext(ctx, freeJobs, freeValues(math.MaxInt64, time.Now())...); err != nil {
		return fmt.Errorf("free jobs: %w", err)
	}
	return nil
}

// Free implements [job.Store]. Most of the time there is nothing to write.
func (s *Jobs) Free(ctx context.Context, at time.Time) (int, error) {
	var late int
	found, err := rows.Found(s.store.readers.row(ctx, `SELECT 1 FROM jobs WHERE leased_until < ? LIMIT 1`, time.Now().UnixMilli()).Scan(&late))
	if err == nil && !found {
		return 0, nil
	}
	var kinds []string
	if err == nil {
		kinds, err = rows.Result(ctx, s.store.writer.Do, func(tx *tx) ([]string, error) {
			return rows.Collect(tx.each, nil, rows.One[string], freeJobs+` RETURNING kind`, freeValues(time.Now().UnixMilli(), at)...)
		})
	}
	if err != nil {
		return 0, fmt.Errorf("free jobs: %w", err)
	}
	return len(kinds), nil
}
