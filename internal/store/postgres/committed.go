package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/feed/code"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

var _ feed.Log = (*Store)(nil)

// Positions implements [feed.Log].
func (s *Store) Positions(ctx context.Context) (map[int64]int64, error) {
	at := make(map[int64]int64)
	err := s.readers.each(ctx, func(row rows.Row) error {
		var w writerRow
		err := row.Scan(&w.id, &w.n, &w.ended)
		at[w.id] = w.end()
		return err
	}, `SELECT id, n, ended FROM writers`)
	if err != nil {
		return nil, fmt.Errorf("postgres: read where writers are: %w", err)
	}
	return at, nil
}

// writerRow is a row of the table writers.
type writerRow struct {
	id, n     int64
	ended     bool
	forgotten int64 // the number of the last commit that is kept no longer
}

// end is the position behind all that is committed.
func (w *writerRow) end() int64 {
	if w.ended {
		return feed.Ended
	}
	return w.n
}

// What is read of commits at a time, at most, but for one that is larger.
const (
	mostCommits   = 1000
	mostFactBytes = 8 << 20
)

// commitsQuery asks for the commits of all writers, behind the positions $2 of those in $1, and $3 of each at most. Rows of
// writers and of commits are of one state of the database: who has ended there has no transaction open.
const commitsQuery = `
	SELECT w.id, w.n, w.ended, w.forgotten, coalesce(c.n, 0), coalesce(c.at, 0), coalesce(c.facts, '')
	FROM writers w LEFT JOIN unnest($1::bigint[], $2::bigint[]) k (writer, n) ON k.writer = w.id
	LEFT JOIN LATERAL (
		SELECT x.n, x.at, x.facts FROM commits x
		WHERE x.writer = w.id AND x.n > greatest(k.n, w.forgotten) ORDER BY x.n LIMIT $3) c ON true
	ORDER BY w.id, c.n`

// After implements [feed.Log].
func (s *Store) After(ctx context.Context, known map[int64]int64) (feed.Reading, error) {
	writers := slices.Sorted(maps.Keys(known))
	positions := make([]int64, len(writers))
	for i, writer := range writers {
		positions[i] = known[writer]
	}
	r := commitsRead{known: known, Reading: feed.Reading{Reached: make(map[int64]int64)}}
	if err := s.readers.each(ctx, r.row, commitsQuery, writers, positions, mostCommits); err != nil {
		return feed.Reading{}, fmt.Errorf("postgres: read commits: %w", err)
	}
	r.finish()
	for _, writer := range writers {
		if _, is := r.Reached[writer]; !is && known[writer] != feed.Ended {
			r.lose(writer) // it ended so long ago that nothing is known of it
		}
	}
	return r.Reading, nil
}

// commitsRead is what was read of commits.
type commitsRead struct {
	feed.Reading
	known map[int64]int64
	bytes int

	writer writerRow // whose commits are read
	of     int       // how many were
	cut    bool      // there may be more
}

// row reads a writer, with one of its commits or none.
func (r *commitsRead) row(row rows.Row) error {
	var w writerRow
	var n, at int64
	var facts string
	if err := row.Scan(&w.id, &w.n, &w.ended, &w.forgotten, &n, &at, &facts); err != nil {
		return err
	}
	if w.id != r.writer.id {
		r.finish()
		r.begin(w)
	}
	switch {
	case n == 0 || r.cut:
		return nil
	case r.full():
		r.cut = true
		return nil
	}
	c, err := code.Decode([]byte(facts))
	if err != nil {
		r.lose(w.id)
	} else {
		c.Commit = feed.Commit{Writer: w.id, N: n}
		c.Facts.Commit, c.Facts.At = c.Commit, rows.Instant(at)
		r.Commits = append(r.Commits, c)
	}
	r.Reached[w.id] = n
	r.bytes += len(facts)
	r.of++
	r.cut = r.of == mostCommits
	return nil
}

// begin goes on to another writer.
func (r *commitsRead) begin(w writerRow) {
	known := r.known[w.id]
	r.writer, r.of, r.cut = w, 0, r.full()
	r.Reached[w.id] = known
	if !r.cut && (known < w.forgotten || known != feed.Ended && known > w.n) { // or the database has lost what it had
		r.lose(w.id)
	}
}

// finish notes that all of a writer was read, if it was.
func (r *commitsRead) finish() {
	switch {
	case r.writer.id == 0:
	case r.cut:
		r.More = true
	default:
		r.Reached[r.writer.id] = r.writer.end()
	}
}

func (r *commitsRead) lose(writer int64) {
	if !slices.Contains(r.Lost, writer) {
		r.Lost = append(r.Lost, writer)
	}
}

func (r *commitsRead) full() bool { return len(r.Commits) >= mostCommits || r.bytes > mostFactBytes }

// readQuery asks for the events of places: of conversations $1, from the seqs $2 to $3.
const readQuery = `
	SELECT ` + lineColumns + `, p.conversation
	FROM unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY p (conversation, first, last, n)
	JOIN LATERAL (SELECT * FROM events x WHERE x.conversation_id = p.conversation AND x.seq BETWEEN p.first AND p.last) e ON true
	LEFT JOIN users u ON u.id = e.user_id ORDER BY p.n, e.seq`

// Read implements [feed.Log].
func (s *Store) Read(ctx context.Context, places []feed.Place) ([]chat.Event, error) {
	ids, first, last := make([]string, len(places)), make([]int64, len(places)), make([]int64, len(places))
	for i, place := range places {
		ids[i], first[i], last[i] = place.ConversationID, place.First, place.Last
	}
	return s.told(ctx, readQuery, ids, first, last)
}

// told reads events from the log with whom to tell of them, as they are now.
func (s *Store) told(ctx context.Context, query string, args ...any) (events []chat.Event, err error) {
	err = s.readers.snapshot(ctx, func(each rows.Each) error {
		lines, err := rows.Collect(each, nil, func(row rows.Row) (line rows.Line, err error) {
			err = rows.ReadLine(row, &line, &line.Event.ConversationID)
			return line, err
		}, query, args...)
		if err != nil {
			return err
		}
		told, err := peopleOf(each, lines)
		if err != nil {
			return err
		}
		for i := range lines {
			lines[i].Room = told[lines[i].Event.ConversationID].RoomID
		}
		events, err = eventLog.Events(each, lines, chat.LimitMaxMembers)
		events = slices.DeleteFunc(events, func(e chat.Event) bool {
			return e.Room == nil && (e.Kind == chat.RoomUpdated || e.Kind == chat.RoomDeleted) // there is no room to tell of
		})
		for i := range events {
			events[i].Audience = audienceOf(&events[i], told[events[i].ConversationID])
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: read what was logged: %w", err)
	}
	return events, nil
}

const peopleQuery = `
	SELECT j.id, coalesce(r.id, ''), ARRAY(SELECT m.user_id FROM members m WHERE m.conversation_id = j.id AND m.joined_seq = 0 ORDER BY m.user_id)
	FROM unnest($1::text[]) j (id) LEFT JOIN rooms r ON r.conversation_id = j.id`

// peopleOf returns of the conversations of lines which room they are, or which two users' they are.
func peopleOf(each rows.Each, lines []rows.Line) (map[string]chat.Audience, error) {
	people := make(map[string]chat.Audience)
	for i := range lines {
		people[lines[i].Event.ConversationID] = chat.Audience{}
	}
	if len(people) == 0 {
		return nil, nil
	}
	err := each(func(row rows.Row) error {
		var id string
		var of chat.Audience
		err := row.Scan(&id, &of.RoomID, &of.Users)
		people[id] = of
		return err
	}, peopleQuery, slices.Sorted(maps.Keys(people)))
	return people, err
}

// audienceOf is who is told of an event of a conversation.
func audienceOf(e *chat.Event, people chat.Audience) chat.Audience {
	switch {
	case e.Message != nil && (e.Message.RoomID != "" || e.Message.RecipientID != ""):
		return e.Message.Audience()
	case e.Membership != nil:
		people.Users = []chat.UserID{e.Membership.UserID}
	case e.Added != nil:
		people.Users = e.Added.Users
	case people.RoomID != "":
		people.Users = nil
	}
	return people
}
