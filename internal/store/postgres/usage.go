package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/store/rows"
	"github.com/sockeye-im/sockeye/internal/usage"
)

// Usage is a [usage.Store] in the same database as the chats. What it changes are statements of their own on the connections
// that read: they need no order among commits. It lives as long as its Store. All methods may be called concurrently.
type Usage struct{ store *Store }

var _ usage.Store = (*Usage)(nil)

// Usage returns what the servers are used for.
func (s *Store) Usage() *Usage { return &Usage{s} }

// beginUsage has counting begin with the first conversation: no message is older. There is no index for that, nor is it
// asked again.
const beginUsage = `
	INSERT INTO usage_progress (one, through) SELECT 1, min(created_at) FROM conversations HAVING min(created_at) IS NOT NULL
	ON CONFLICT DO NOTHING`

// Through implements [usage.Store].
func (u *Usage) Through(ctx context.Context) (time.Time, error) {
	through, err := u.through(ctx)
	if err == nil && through == 0 {
		if err = u.store.readers.change(ctx, beginUsage); err == nil {
			through, err = u.through(ctx)
		}
	}
	return rows.InstantOrZero(through), err
}

func (u *Usage) through(ctx context.Context) (through int64, err error) {
	if _, err = rows.Found(u.store.readers.row(ctx, `SELECT through FROM usage_progress WHERE one = 1`).Scan(&through)); err != nil {
		return 0, fmt.Errorf("postgres: read until when is counted: %w", err)
	}
	return through, nil
}

// Said implements [usage.Store].
func (u *Usage) Said(ctx context.Context, from, to time.Time) (said usage.Said, err error) {
	err = rows.Said(u.store.readers.rows(ctx), &said, `
		SELECT sender_id, coalesce(room_id, ''), count(*) FROM messages WHERE created_at >= $1 AND created_at < $2 GROUP BY 1, 2`,
		from.UnixMilli(), to.UnixMilli())
	if err != nil {
		return usage.Said{}, fmt.Errorf("postgres: read what was said: %w", err)
	}
	return said, nil
}

// addUsage adds to the counts of units.
const addUsage = `
	ON CONFLICT (unit, start) DO UPDATE SET
		messages = usage_counts.messages + excluded.messages, users = usage_counts.users + excluded.users, rooms = usage_counts.rooms + excluded.rooms`

// noteUsage notes users $1 and rooms $2 as active on a day $3, in a week $4 and a month $5. Rows are locked in the order of
// their keys, so that those who note at once do not wait for each other in a circle.
const noteUsage = `
	WITH seen AS (
			INSERT INTO usage_active (what, id, day, previous)
			SELECT x.what, x.id, $3::bigint, -1
			FROM (SELECT 'user', unnest($1::text[]) UNION SELECT 'room', unnest($2::text[])) AS x (what, id)
			ORDER BY x.what, x.id
			ON CONFLICT (what, id) DO UPDATE SET previous = usage_active.day, day = excluded.day WHERE usage_active.day < excluded.day
			RETURNING what, previous),
		fresh AS (
			SELECT v.unit, v.start, count(*) FILTER (WHERE s.what = 'user') AS users, count(*) FILTER (WHERE s.what = 'room') AS rooms
			FROM seen s CROSS JOIN (VALUES ('day', $3::bigint), ('month', $5::bigint), ('week', $4::bigint)) AS v (unit, start)
			WHERE s.previous < v.start GROUP BY 1, 2)
	INSERT INTO usage_counts (unit, start, messages, users, rooms) SELECT unit, start, 0, users, rooms FROM fresh ORDER BY unit` + addUsage

// Note implements [usage.Store].
func (u *Usage) Note(ctx context.Context, p usage.Period, users, rooms []string) error {
	err := u.store.readers.change(ctx, noteUsage, users, rooms, usage.DayNumber(p.Day), usage.DayNumber(p.Week), usage.DayNumber(p.Month))
	if err != nil {
		return fmt.Errorf("postgres: note who is active: %w", err)
	}
	return nil
}

// countMessages counts messages $1 of a day $2, a week $3 and a month $4, and moves on from $5 to $6, if that is where it
// stands: who is later than another one waits for it, and finds that it does not.
const countMessages = `
	WITH moved AS (UPDATE usage_progress SET through = $6 WHERE one = 1 AND through = $5 RETURNING 1),
		added AS (
			INSERT INTO usage_counts (unit, start, messages, users, rooms)
			SELECT v.unit, v.start, $1::bigint, 0, 0
			FROM moved CROSS JOIN (VALUES ('day', $2::bigint), ('month', $4::bigint), ('week', $3::bigint)) AS v (unit, start)
			WHERE $1::bigint > 0 ORDER BY v.unit` + addUsage + `)
	SELECT count(*) FROM moved`

// Add implements [usage.Store].
func (u *Usage) Add(ctx context.Context, a usage.Add) (bool, error) {
	var moved int
	err := u.store.readers.row(ctx, countMessages, a.Messages, usage.DayNumber(a.Day), usage.DayNumber(a.Week), usage.DayNumber(a.Month),
		a.Since.UnixMilli(), a.Through.UnixMilli()).Scan(&moved)
	if err != nil {
		return false, fmt.Errorf("postgres: count messages: %w", err)
	}
	return moved > 0, nil
}

// countPushes counts pushes $1 and failures $2 of a day $3, a week $4 and a month $5. Rows are locked in the order of their units, as by
// who notes.
const countPushes = `
	INSERT INTO usage_counts (unit, start, messages, users, rooms, pushes, push_failures)
	SELECT v.unit, v.start, 0, 0, 0, $1::bigint, $2::bigint
	FROM (VALUES ('day', $3::bigint), ('month', $5::bigint), ('week', $4::bigint)) AS v (unit, start) ORDER BY v.unit
	ON CONFLICT (unit, start) DO UPDATE SET
		pushes = usage_counts.pushes + excluded.pushes, push_failures = usage_counts.push_failures + excluded.push_failures`

// AddPushes implements [usage.Store].
func (u *Usage) AddPushes(ctx context.Context, p usage.Period, n usage.Pushes) error {
	err := u.store.readers.change(ctx, countPushes, n.Sent, n.Failed, usage.DayNumber(p.Day), usage.DayNumber(p.Week), usage.DayNumber(p.Month))
	if err != nil {
		return fmt.Errorf("postgres: count pushes: %w", err)
	}
	return nil
}

// Counts implements [usage.Store].
func (u *Usage) Counts(ctx context.Context, unit usage.Unit, from time.Time) ([]usage.Count, error) {
	counts, err := rows.Collect(u.store.readers.rows(ctx), nil, rows.UsageCount,
		`SELECT start, messages, users, rooms, pushes, push_failures FROM usage_counts WHERE unit = $1 AND start >= $2 ORDER BY start`,
		string(unit), usage.DayNumber(from))
	if err != nil {
		return nil, fmt.Errorf("postgres: read counts: %w", err)
	}
	return counts, nil
}

// Prune implements [usage.Store].
func (u *Usage) Prune(ctx context.Context, unit usage.Unit, before time.Time) error {
	return u.store.readers.change(ctx, `DELETE FROM usage_counts WHERE unit = $1 AND start < $2`, string(unit), usage.DayNumber(before))
}

// Forget implements [usage.Store].
func (u *Usage) Forget(ctx context.Context, before time.Time, most int) (forgotten int, err error) {
	err = u.store.readers.row(ctx, `
		WITH gone AS (
			DELETE FROM usage_active
			WHERE ctid = ANY (ARRAY(SELECT ctid FROM usage_active WHERE day < $1 ORDER BY day LIMIT $2 FOR UPDATE SKIP LOCKED))
			RETURNING 1)
		SELECT count(*) FROM gone`, usage.DayNumber(before), most).Scan(&forgotten)
	return forgotten, err
}
