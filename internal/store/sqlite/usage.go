package sqlite

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/sockeye-im/sockeye/internal/store/rows"
	"github.com/sockeye-im/sockeye/internal/usage"
)

// Usage is a [usage.Store] in the same file as the chats. It lives as long as its Store. All methods may be called
// concurrently.
type Usage struct{ store *Store }

var _ usage.Store = (*Usage)(nil)

// Usage returns what the server is used for.
func (s *Store) Usage() *Usage { return &Usage{s} }

// Through implements [usage.Store].
func (u *Usage) Through(ctx context.Context) (time.Time, error) {
	through, err := u.through(ctx)
	if err != nil || through != 0 {
		return rows.InstantOrZero(through), err
	}
	var first int64
	found, err := rows.Found(u.store.readers.row(ctx, `SELECT created_at FROM messages WHERE ordinal > 0 ORDER BY ordinal LIMIT 1`).Scan(&first))
	if err != nil || !found {
		return time.Time{}, err
	}
	err = u.store.writer.Do(ctx, func(tx *tx) error {
		_, err := tx.exec(`INSERT INTO usage_progress (one, through) VALUES (1, ?) ON CONFLICT DO NOTHING`, first)
		return err
	})
	if err == nil {
		through, err = u.through(ctx)
	}
	return rows.InstantOrZero(through), err
}

func (u *Usage) through(ctx context.Context) (through int64, err error) {
	if _, err = rows.Found(u.store.readers.row(ctx, `SELECT through FROM usage_progress WHERE one = 1`).Scan(&through)); err != nil {
		return 0, fmt.Errorf("read until when is counted: %w", err)
	}
	return through, nil
}

// late is how much later than one that is stored before it a message can say that it was made.
const late = 5 * time.Minute

// Said implements [usage.Store]. Messages have no index by time: those that are counted are passed over by their ordinals,
// which are in the order of storing, and reading ends where all are later.
func (u *Usage) Said(ctx context.Context, from, to time.Time) (said usage.Said, err error) {
	err = u.store.readers.snapshot(ctx, func(each rows.Each) error {
		said = usage.Said{}
		marks, err := rows.Collect(each, nil, rows.One[int64], `SELECT mark FROM usage_progress WHERE one = 1`)
		if err != nil {
			return err
		}
		var mark int64
		if len(marks) > 0 {
			mark = marks[0]
		}
		end, err := firstAt(each, mark, to.Add(late))
		if err != nil {
			return err
		}
		next, err := firstAt(each, mark, to)
		if err != nil {
			return err
		}
		if said.Mark = next - 1; next == math.MaxInt64 {
			if said.Mark, err = lastOrdinal(each, mark); err != nil {
				return err
			}
		}
		return rows.Said(each, &said, `
			SELECT sender_id, coalesce(room_id, ''), count(*) FROM messages
			WHERE ordinal > ? AND ordinal < ? AND created_at >= ? AND created_at < ? GROUP BY 1, 2`,
			mark, end, from.UnixMilli(), to.UnixMilli())
	})
	if err != nil {
		return usage.Said{}, fmt.Errorf("read what was said: %w", err)
	}
	return said, nil
}

// firstAt is the ordinal of the first message behind one that was made at a time or later; the greatest number if there is none.
func firstAt(each rows.Each, mark int64, at time.Time) (int64, error) {
	found, err := rows.Collect(each, nil, rows.One[int64],
		`SELECT ordinal FROM messages WHERE ordinal > ? AND created_at >= ? ORDER BY ordinal LIMIT 1`, mark, at.UnixMilli())
	if err != nil || len(found) == 0 {
		return math.MaxInt64, err
	}
	return found[0], nil
}

// lastOrdinal is that of the last message, if it is behind one.
func lastOrdinal(each rows.Each, mark int64) (int64, error) {
	found, err := rows.Collect(each, nil, rows.One[int64], `SELECT ordinal FROM messages WHERE ordinal > ? ORDER BY ordinal DESC LIMIT 1`, mark)
	if err != nil || len(found) == 0 {
		return mark, err
	}
	return found[0], nil
}

// Note implements [usage.Store].
func (u *Usage) Note(ctx context.Context, p usage.Period, users, rooms []string) error {
	return u.store.writer.Do(ctx, func(tx *tx) error {
		usersNew, err := tx.noteActive("user", &p, users)
		if err != nil {
			return err
		}
		roomsNew, err := tx.noteActive("room", &p, rooms)
		if err != nil {
			return err
		}
		for _, unit := range usage.Units {
			if err := tx.addUsage(unit, &p, 0, usersNew[unit], roomsNew[unit]); err != nil {
				return err
			}
		}
		return nil
	})
}

// noteActive notes who was active in a period, and returns how many of them are new in each unit.
func (t *tx) noteActive(what string, p *usage.Period, ids []string) (fresh map[usage.Unit]int, err error) {
	fresh = make(map[usage.Unit]int)
	if len(ids) == 0 {
		return fresh, nil
	}
	err = t.each(func(row rows.Row) error {
		var previous int64
		err := row.Scan(&previous)
		for _, unit := range usage.Units {
			if previous < usage.DayNumber(p.Start(unit)) {
				fresh[unit]++
			}
		}
		return err
	}, `
		INSERT INTO usage_active (what, id, day, previous) SELECT ?1, x.value, ?2, -1 FROM json_each(?3) x WHERE true
		ON CONFLICT (what, id) DO UPDATE SET previous = usage_active.day, day = excluded.day WHERE usage_active.day < excluded.day
		RETURNING previous`, what, usage.DayNumber(p.Day), ids)
	if err != nil {
		return nil, fmt.Errorf("note who is active: %w", err)
	}
	return fresh, nil
}

// addUsage adds to the counts of a unit.
func (t *tx) addUsage(unit usage.Unit, p *usage.Period, messages, users, rooms int) error {
	if messages+users+rooms == 0 {
		return nil
	}
	if _, err := t.exec(`
		INSERT INTO usage_counts (unit, start, messages, users, rooms) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (unit, start) DO UPDATE SET messages = messages + excluded.messages, users = users + excluded.users, rooms = rooms + excluded.rooms`,
		string(unit), usage.DayNumber(p.Start(unit)), messages, users, rooms); err != nil {
		return fmt.Errorf("count: %w", err)
	}
	return nil
}

// Add implements [usage.Store].
func (u *Usage) Add(ctx context.Context, a usage.Add) (bool, error) {
	return rows.Result(ctx, u.store.writer.Do, func(tx *tx) (bool, error) {
		moved, err := tx.exec(`UPDATE usage_progress SET through = ?, mark = ? WHERE one = 1 AND through = ?`,
			a.Through.UnixMilli(), a.Mark, a.Since.UnixMilli())
		if err != nil || moved == 0 {
			return false, err
		}
		for _, unit := range usage.Units {
			if err := tx.addUsage(unit, &a.Period, a.Messages, 0, 0); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// AddPushes implements [usage.Store].
func (u *Usage) AddPushes(ctx context.Context, p usage.Period, n usage.Pushes) error {
	return u.store.writer.Do(ctx, func(tx *tx) error {
		for _, unit := range usage.Units {
			if _, err := tx.exec(`
				INSERT INTO usage_counts (unit, start, messages, users, rooms, pushes, push_failures) VALUES (?, ?, 0, 0, 0, ?, ?)
				ON CONFLICT (unit, start) DO UPDATE SET pushes = pushes + excluded.pushes, push_failures = push_failures + excluded.push_failures`,
				string(unit), usage.DayNumber(p.Start(unit)), n.Sent, n.Failed); err != nil {
				return fmt.Errorf("count pushes: %w", err)
			}
		}
		return nil
	})
}

// Counts implements [usage.Store].
func (u *Usage) Counts(ctx context.Context, unit usage.Unit, from time.Time) ([]usage.Count, error) {
	counts, err := rows.Collect(u.store.readers.rows(ctx), nil, rows.UsageCount,
		`SELECT start, messages, users, rooms, pushes, push_failures FROM usage_counts WHERE unit = ? AND start >= ? ORDER BY start`,
		string(unit), usage.DayNumber(from))
	if err != nil {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	return counts, nil
}

// Prune implements [usage.Store].
func (u *Usage) Prune(ctx context.Context, unit usage.Unit, before time.Time) error {
	return u.store.writer.Do(ctx, func(tx *tx) error {
		_, err := tx.exec(`DELETE FROM usage_counts WHERE unit = ? AND start < ?`, string(unit), usage.DayNumber(before))
		return err
	})
}

// Forget implements [usage.Store].
func (u *Usage) Forget(ctx context.Context, before time.Time, most int) (int, error) {
	return rows.Result(ctx, u.store.writer.Do, func(tx *tx) (int, error) {
		n, err := tx.exec(`
			DELETE FROM usage_active WHERE (what, id) IN (SELECT a.what, a.id FROM usage_active a WHERE a.day < ? LIMIT ?)`,
			usage.DayNumber(before), most)
		return int(n), err
	})
}
