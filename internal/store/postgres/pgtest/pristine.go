package pgtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Prepared gives a test a database in the server that tests share, as prepare leaves an empty one, and returns its address. It is the
// test's alone. prepare is called for some of them only: what a test has left is taken away, and the next test has the database then.
// It is one function for all tests of a binary. It may be called for several databases at once.
func Prepared(t testing.TB, prepare func(ctx context.Context, address string) error) string {
	t.Helper()
	return shared(t).prepared(t, prepare)
}

// prepared is a database and what is in it before a test.
type prepared struct {
	name     string
	pristine *Pristine
}

func (s *Server) prepared(t testing.TB, prepare func(ctx context.Context, address string) error) string {
	t.Helper()
	p := s.takePrepared()
	if p.name == "" {
		p.name = s.take()
		if p.name == "" {
			p.name = s.create(t)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err := prepare(ctx, s.URL(p.name))
		if err == nil {
			p.pristine, err = Photograph(ctx, s.URL(p.name))
		}
		if err != nil {
			t.Fatalf("pgtest: prepare a database: %v", err)
		}
	}
	t.Cleanup(func() { s.restore(t, p) })
	return s.URL(p.name)
}

// restore has a database be as it was before the test, or at least empty.
func (s *Server) restore(t testing.TB, p prepared) {
	t.Helper()
	if !s.Running() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := p.pristine.Restore(ctx, s.URL(p.name))
	switch {
	case errors.Is(err, ErrOtherSchema):
		s.clear(t, p.name)
	case err != nil:
		t.Fatalf("pgtest: clear a database: %v", err)
	default:
		s.mu.Lock()
		s.ready = append(s.ready, p)
		s.mu.Unlock()
	}
}

func (s *Server) takePrepared() (p prepared) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.ready) - 1; last >= 0 {
		p, s.ready = s.ready[last], s.ready[:last]
	}
	return p
}

// Pristine is all that is in a database: its schema, its rows and where its sequences stand.
type Pristine struct {
	schema    string            // a line for each table, index, sequence, function and trigger
	rows      map[string]string // by table, of those that have some: a JSON array, ordered
	sequences map[string]*int64 // by name, the number that was given last, or nil
}

// ErrOtherSchema says that tables, indexes, functions or the like came, went or have changed.
var ErrOtherSchema = errors.New("the schema is another one")

// Photograph reads a database, which should have few rows.
func Photograph(ctx context.Context, address string) (p *Pristine, err error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	return photograph(ctx, conn)
}

func photograph(ctx context.Context, conn *pgx.Conn) (*Pristine, error) {
	p := &Pristine{rows: make(map[string]string)}
	var err error
	if p.schema, err = schemaOf(ctx, conn); err != nil {
		return nil, err
	}
	if p.sequences, err = sequencesOf(ctx, conn); err != nil {
		return nil, err
	}
	filled, err := filledOf(ctx, conn)
	if err != nil {
		return nil, err
	}
	for _, table := range filled {
		if p.rows[table], err = rowsOf(ctx, conn, table); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Equal tells whether two have the same in them.
func (p *Pristine) Equal(other *Pristine) bool {
	same := func(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }
	return p.schema == other.schema && maps.Equal(p.rows, other.rows) && maps.EqualFunc(p.sequences, other.sequences, same)
}

// Restore has the database be as it was, unless it has another schema by now.
func (p *Pristine) Restore(ctx context.Context, address string) (err error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		schema, err := schemaOf(ctx, conn)
		if err != nil {
			return err
		}
		if schema != p.schema {
			return ErrOtherSchema
		}
		if err := p.truncate(ctx, conn); err != nil {
			return err
		}
		for table, rows := range p.rows {
			if err := refill(ctx, conn, table, rows); err != nil {
				return fmt.Errorf("%s: %w", table, err)
			}
		}
		return p.rewind(ctx, conn)
	})
}

// truncate empties the tables that have rows and had none.
func (p *Pristine) truncate(ctx context.Context, conn *pgx.Conn) error {
	filled, err := filledOf(ctx, conn)
	if err != nil {
		return err
	}
	var names []string
	for _, table := range filled {
		if _, had := p.rows[table]; !had {
			names = append(names, quoted(table))
		}
	}
	if len(names) == 0 {
		return nil
	}
	_, err = conn.Exec(ctx, "TRUNCATE "+strings.Join(names, ", ")+" CASCADE")
	return err
}

// refill has a table have the rows that it had.
func refill(ctx context.Context, conn *pgx.Conn, table, rows string) error {
	now, err := rowsOf(ctx, conn, table)
	if err != nil || now == rows {
		return err
	}
	if _, err := conn.Exec(ctx, "DELETE FROM "+quoted(table)); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf("INSERT INTO %[1]s OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_recordset(NULL::%[1]s, $1::text::jsonb)", quoted(table)), rows)
	return err
}

// rewind has the sequences go on with the numbers with which they would have gone on.
func (p *Pristine) rewind(ctx context.Context, conn *pgx.Conn) error {
	now, err := sequencesOf(ctx, conn)
	if err != nil {
		return err
	}
	for name, was := range p.sequences {
		switch is := now[name]; {
		case was != nil:
			_, err = conn.Exec(ctx, `SELECT setval($1::text::regclass, $2)`, quoted(name), *was)
		case is != nil:
			_, err = conn.Exec(ctx, `SELECT setval($1::text::regclass, seqstart, false) FROM pg_sequence WHERE seqrelid = $1::text::regclass`, quoted(name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func quoted(name string) string { return pgx.Identifier{"public", name}.Sanitize() }

// schemaOf is a line for each thing that a test might add, change or take away.
func schemaOf(ctx context.Context, conn *pgx.Conn) (lines string, err error) {
	err = conn.QueryRow(ctx, `
		SELECT coalesce(string_agg(line, E'\n' ORDER BY line), '') FROM (
			SELECT concat_ws(' ', relkind::text, relname, relnatts, relowner, reloptions) FROM pg_class WHERE relnamespace = 'public'::regnamespace
			UNION ALL
			SELECT concat_ws(' ', 'column', attrelid::regclass, attname, atttypid::regtype, attnotnull, attisdropped)
			FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0
			UNION ALL
			SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, contype) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
			UNION ALL
			SELECT 'function ' || oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace
			UNION ALL
			SELECT concat_ws(' ', 'trigger', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
			UNION ALL
			SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
			UNION ALL
			SELECT 'setting ' || array_to_string(setconfig, ' ') FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
			WHERE datname = current_database()
		) AS things (line)`).Scan(&lines)
	return lines, err
}

// filledOf are the tables that have rows.
func filledOf(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	tables, err := names(ctx, conn, `SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`)
	if err != nil || len(tables) == 0 {
		return nil, err
	}
	asked := make([]string, len(tables))
	for i, table := range tables {
		asked[i] = fmt.Sprintf("SELECT %d WHERE EXISTS (SELECT FROM %s)", i, quoted(table))
	}
	rows, err := conn.Query(ctx, strings.Join(asked, " UNION ALL "))
	if err != nil {
		return nil, err
	}
	places, err := pgx.CollectRows(rows, pgx.RowTo[int])
	filled := make([]string, len(places))
	for i, place := range places {
		filled[i] = tables[place]
	}
	return filled, err
}

func names(ctx context.Context, conn *pgx.Conn, query string) ([]string, error) {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	slices.Sort(found)
	return found, err
}

func rowsOf(ctx context.Context, conn *pgx.Conn, table string) (rows string, err error) {
	err = conn.QueryRow(ctx, fmt.Sprintf(`SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t)), '[]')::text FROM %s AS t`, quoted(table))).Scan(&rows)
	return rows, err
}

func sequencesOf(ctx context.Context, conn *pgx.Conn) (map[string]*int64, error) {
	rows, err := conn.Query(ctx, `SELECT sequencename::text, last_value FROM pg_sequences WHERE schemaname = 'public'`)
	if err != nil {
		return nil, err
	}
	sequences := make(map[string]*int64)
	var name string
	var last *int64
	_, err = pgx.ForEachRow(rows, []any{&name, &last}, func() error {
		sequences[name] = last
		last = nil
		return nil
	})
	return sequences, err
}
