package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// Jobs is a [job.Store] in the same database as the chats. Jobs are enqueued by the writer, with what has caused them. Claims
// and ends are statements of their own on other connections: those who claim at once pass over each other's rows, and what
// becomes of a lease whose answer was lost its time tells. It lives as long as its Store. All methods may be called
// concurrently.
type Jobs struct{ store *Store }

var _ job.Store = (*Jobs)(nil)

// Jobs returns the jobs of the database.
func (s *Store) Jobs() *Jobs { return &Jobs{s} }

// OnEnqueued implements [job.Store].
func (s *Jobs) OnEnqueued(woken func(kinds []string)) { s.store.woken.Store(&woken) }

func (s *Jobs) readers() *readers { return s.store.readers }

// wake notes that there are jobs of a kind, to be told after the commit. It is called behind the command's first statement.
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
}

// jobLists are jobs as lists, one for each column.
type jobLists struct {
	ids, kinds, keys, crons      []string
	priorities, runAt, createdAt []int64
	payloads                     [][]byte
}

func (l *jobLists) add(j *job.Job) {
	l.ids, l.kinds, l.keys, l.crons = append(l.ids, j.ID), append(l.kinds, j.Kind), append(l.keys, j.Key), append(l.crons, j.Cron)
	l.priorities, l.payloads = append(l.priorities, int64(j.Priority)), append(l.payloads, rows.Payload(j))
	l.runAt, l.createdAt = append(l.runAt, j.RunAt.UnixMilli()), append(l.createdAt, j.CreatedAt.UnixMilli())
}

// values are in the order of jobList.
func (l *jobLists) values() []any {
	return []any{l.ids, l.kinds, l.priorities, l.keys, l.payloads, l.crons, l.runAt, l.createdAt}
}

const (
	jobList = `unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bytea[], $6::text[], $7::bigint[], $8::bigint[])
		AS x (id, kind, priority, unique_key, payload, cron, run_at, created_at)`
	insertJobs = `
		INSERT INTO jobs (id, kind, priority, unique_key, payload, cron, state, run_at, created_at)
		SELECT x.id, x.kind, x.priority, nullif(x.unique_key, ''), x.payload, x.cron, 'waiting', x.run_at, x.created_at FROM `
	onKey = ` ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL AND ended_at IS NULL DO `
)

// enqueue stores jobs with what has caused them. It is for every command that does.
func (t *tx) enqueue(jobs []job.Job) error {
	var l jobLists
	for i := range jobs {
		l.add(&jobs[i])
	}
	stored, err := t.exec(insertJobs+jobList+onKey+`NOTHING`, l.values()...)
	if err != nil {
		return fmt.Errorf("enqueue: %w", err)
	}
	if stored < int64(len(jobs)) {
		return job.ErrDuplicateKey
	}
	for i := range jobs {
		t.wake(jobs[i].Kind)
	}
	return nil
}

// withdraw removes a job that is not to be done any more, unless somebody does it.
func (t *tx) withdraw(id string) error {
	if _, err := t.exec(`DELETE FROM jobs WHERE id = $1 AND state NOT IN ('running', 'cancelling')`, id); err != nil {
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
		var l jobLists
		l.add(&j)
		if _, err := tx.exec(insertJobs+jobList+onKey+`UPDATE SET
			run_at = CASE WHEN jobs.state = 'waiting' AND jobs.cron <> excluded.cron THEN excluded.run_at ELSE jobs.run_at END,
			cron = excluded.cron, payload = excluded.payload`, l.values()...); err != nil {
			return fmt.Errorf("enqueue a recurring job: %w", err)
		}
		tx.wake(j.Kind)
		return nil
	})
}

const dueJobs = `
	SELECT x.kind, coalesce((
		SELECT j.run_at FROM jobs j WHERE j.state = 'waiting' AND j.kind = x.kind AND j.priority = p.priority ORDER BY j.run_at LIMIT 1), 0)
	FROM unnest($1::text[]) WITH ORDINALITY x (kind, n) CROSS JOIN (VALUES (-1), (0), (1)) p (priority)
	WHERE NOT EXISTS (SELECT 1 FROM paused_kinds k WHERE k.kind = x.kind)
	ORDER BY x.n`

// Due implements [job.Store].
func (s *Jobs) Due(ctx context.Context, kinds []string, now time.Time) (job.Due, error) {
	due, err := rows.DueJobs(s.readers().rows(ctx), dueJobs, kinds, now)
	if err != nil {
		return job.Due{}, fmt.Errorf("postgres: look for jobs that are due: %w", err)
	}
	return due, nil
}

// jobColumns are those of [rows.Job], of jobs j.
const jobColumns = `j.id, j.kind, j.priority, coalesce(j.unique_key, ''), j.payload, j.cron, j.state, j.run_at, j.attempts, j.lost,
	coalesce(j.error, ''), j.created_at, coalesce(j.ended_at, 0), coalesce(j.lease, '')`

// claimJobs takes jobs of a kind $1 that are due at $2, $3 at most. Those who claim at once find the same, so that each looks at
// some more than it takes: what another one has locked it passes over, and takes the next.
const claimJobs = `
	WITH found AS MATERIALIZED (
			SELECT c.id FROM (VALUES (-1), (0), (1)) p (priority)
			CROSS JOIN LATERAL (
				SELECT j.id FROM jobs j
				WHERE j.state = 'waiting' AND j.kind = $1 AND j.priority = p.priority AND j.run_at <= $2
				ORDER BY j.run_at LIMIT 4 * $3::bigint) c
			WHERE NOT EXISTS (SELECT 1 FROM paused_kinds k WHERE k.kind = $1)),
		taken AS MATERIALIZED (
			SELECT j.id FROM jobs j
			WHERE j.id = ANY (ARRAY(SELECT id FROM found)) AND j.state = 'waiting'
			ORDER BY j.run_at + CASE j.priority WHEN -1 THEN $6::bigint WHEN 0 THEN $7::bigint ELSE $8::bigint END
			LIMIT $3::bigint FOR UPDATE SKIP LOCKED)
	UPDATE jobs j SET state = 'running', lease = $4, leased_until = ` + nowMillis + ` + $5::bigint, again = false
	WHERE j.id = ANY (ARRAY(SELECT id FROM taken))
	RETURNING ` + jobColumns

// Claim implements [job.Store].
func (s *Jobs) Claim(ctx context.Context, c job.Claim) ([]job.Job, error) {
	jobs, err := rows.Collect(s.readers().rows(ctx), nil, rows.Job, claimJobs,
		c.Kind, c.Now.UnixMilli(), c.Most, c.Lease, c.Last.Milliseconds(),
		rows.Patience(job.High), rows.Patience(job.Normal), rows.Patience(job.Low))
	if err != nil {
		return nil, fmt.Errorf("postgres: claim jobs: %w", err)
	}
	rows.ByTurn(jobs)
	return jobs, nil
}

// Extend implements [job.Store].
func (s *Jobs) Extend(ctx context.Context, held []job.Held, last time.Duration) (job.Extended, error) {
	ids, leases := make([]string, len(held)), make([]string, len(held))
	for i, h := range held {
		ids[i], leases[i] = h.ID, h.Lease
	}
	states := make(map[string]job.State)
	err := s.readers().each(ctx, func(row rows.Row) error {
		var id, state string
		err := row.Scan(&id, &state)
		states[id] = job.State(state)
		return err
	}, `
		WITH held AS MATERIALIZED (
			SELECT j.id FROM unnest($1::text[], $2::text[]) x (id, lease) JOIN jobs j ON j.id = x.id AND j.lease = x.lease
			ORDER BY j.unique_key, j.id FOR UPDATE OF j)
		UPDATE jobs j SET leased_until = `+nowMillis+` + $3::bigint
		WHERE j.id = ANY (ARRAY(SELECT id FROM held)) RETURNING j.id, j.state`, ids, leases, last.Milliseconds())
	if err != nil {
		return job.Extended{}, fmt.Errorf("postgres: extend leases: %w", err)
	}
	return rows.Extended(held, states), nil
}

// finishJobs ends jobs whose leases are good: it removes those with $15, and changes the others. What is to follow the jobs
// $16 comes with them, with $18 if they were wanted again. It locks by keys, as what follows commits does.
const finishJobs = `
	WITH e AS MATERIALIZED (
			SELECT * FROM unnest($9::text[], $10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::boolean[])
				AS x (id, lease, state, run_at, attempts, error, removed)),
		held AS MATERIALIZED (
			SELECT j.id, j.again FROM e JOIN jobs j ON j.id = e.id AND j.lease = e.lease ORDER BY j.unique_key, j.id FOR UPDATE OF j),
		removed AS (DELETE FROM jobs j USING e WHERE j.id = e.id AND j.id = ANY (ARRAY(SELECT id FROM held)) AND e.removed RETURNING j.id),
		ended AS (
			UPDATE jobs j SET
				state = CASE WHEN j.state = 'cancelling' AND e.state <> 'done' THEN 'cancelled' ELSE e.state END,
				ended_at = CASE WHEN e.state <> 'waiting' OR j.state = 'cancelling' THEN $17::bigint END,
				run_at = CASE WHEN e.state = 'waiting' THEN e.run_at ELSE j.run_at END,
				attempts = e.attempts, error = nullif(e.error, ''), lease = NULL, leased_until = NULL
			FROM e WHERE j.id = e.id AND j.id = ANY (ARRAY(SELECT id FROM held)) AND NOT e.removed RETURNING j.id),
		finished AS (SELECT id FROM removed UNION ALL SELECT id FROM ended)
	` + insertJobs + `unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bytea[], $6::text[], $7::bigint[], $8::bigint[], $16::text[], $18::boolean[])
		AS x (id, kind, priority, unique_key, payload, cron, run_at, created_at, behind, wanted)
		WHERE x.behind IN (SELECT id FROM finished) AND (NOT x.wanted OR x.behind IN (SELECT id FROM held WHERE again))` + onKey + `NOTHING RETURNING kind`

// Finish implements [job.Store].
func (s *Jobs) Finish(ctx context.Context, ends []job.End) error {
	if len(ends) == 0 {
		return nil
	}
	var ids, leases, states, errs, behind []string
	var runAt, attempts []int64
	var removed, wanted []bool
	var behindAll jobLists
	for i := range ends {
		e := &ends[i]
		ids, leases, states, errs = append(ids, e.ID), append(leases, e.Lease), append(states, string(e.State)), append(errs, e.Error)
		runAt, attempts = append(runAt, e.RunAt.UnixMilli()), append(attempts, int64(e.Attempts))
		removed = append(removed, e.Remove && e.State == job.Done)
		then, again := rows.Behind(e)
		for n := range then {
			behindAll.add(&then[n])
			behind, wanted = append(behind, e.ID), append(wanted, false)
		}
		if again != nil {
			behindAll.add(again)
			behind, wanted = append(behind, e.ID), append(wanted, true)
		}
	}
	args := append(behindAll.values(), ids, leases, states, runAt, attempts, errs, removed, behind, ends[0].At.UnixMilli(), wanted)
	kinds, err := rows.Collect(s.readers().rows(ctx), nil, rows.One[string], finishJobs, args...)
	if err != nil {
		return fmt.Errorf("postgres: finish jobs: %w", err)
	}
	if woken := s.store.woken.Load(); woken != nil && len(kinds) > 0 {
		(*woken)(kinds)
	}
	return nil
}

// freed is what becomes of jobs whose lease is over, for nobody is there any more: they were lost $1 times at most. They have had
// their turn, and come before all that wait.
var freed = `
	run_at = j.run_at - ` + ahead + `,
	ended_at = CASE WHEN j.state = 'cancelling' OR j.lost >= $1::bigint THEN $2::bigint END,
	error = CASE WHEN j.state = 'running' AND j.lost >= $1::bigint THEN $3 ELSE j.error END,
	state = CASE WHEN j.state = 'cancelling' THEN 'cancelled' WHEN j.lost >= $1::bigint THEN 'dead' ELSE 'waiting' END,
	lost = j.lost + 1, lease = NULL, leased_until = NULL`

// ahead is by how much a job is before its turn that was lost: by more than priorities make of it, in milliseconds.
var ahead = strconv.FormatInt(2*rows.Patience(job.Low), 10)

var freeJobs = `
	UPDATE jobs j SET ` + freed + `
	WHERE j.id = ANY (ARRAY(
		SELECT l.id FROM jobs l WHERE l.leased_until < (SELECT ` + nowMillis + `) ORDER BY l.leased_until LIMIT 1000 FOR UPDATE SKIP LOCKED))
	RETURNING j.id`

// Free implements [job.Store].
func (s *Jobs) Free(ctx context.Context, at time.Time) (int, error) {
	ids, err := rows.Collect(s.readers().rows(ctx), nil, rows.One[string], freeJobs, job.MaxLost, at.UnixMilli(), job.LostError)
	if err != nil {
		return 0, fmt.Errorf("postgres: free jobs: %w", err)
	}
	return len(ids), nil
}

// freeOf takes the jobs of servers that are no more, before their leases run out.
func (s *Store) freeOf(ctx context.Context, nodes []string) error {
	if len(nodes) == 0 {
		return nil
	}
	return s.readers.change(ctx, `UPDATE jobs j SET `+freed+`
		WHERE j.leased_until > 0 AND split_part(j.lease, ':', 1) = ANY ($4::text[])`, job.MaxLost, time.Now().UnixMilli(), job.LostError, nodes)
}
