package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// tx is the writer's transaction as a command sees it. Its statements are
// prepared once for the life of the connection. Nothing here listens to a
// caller's context: a command that has begun is carried out.
type tx struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	events   []chat.Event
	// indexable is set when there is something new for the indexer.
	indexable bool
}

// within carries out one command in a savepoint. The first error is the
// command's own, after which the database and the events are as before it; the
// second means that the whole transaction is lost.
func (t *tx) within(run func(*tx) error) (refused, lost error) {
	events := len(t.events)
	if err := t.control("SAVEPOINT command"); err != nil {
		return nil, fmt.Errorf("sqlite: open a savepoint: %w", err)
	}
	refused = run(t)
	if refused != nil {
		t.events = t.events[:events]
		if err := t.control("ROLLBACK TO command"); err != nil {
			// Not wrapped: to its neighbours this refusal is none.
			return nil, fmt.Errorf("sqlite: undo a command (%s): %w", refused.Error(), err)
		}
	}
	if err := t.control("RELEASE command"); err != nil {
		return nil, fmt.Errorf("sqlite: release a savepoint: %w", err)
	}
	return refused, nil
}

// emit adds an event of the command, to be published after the commit.
func (t *tx) emit(e chat.Event) {
	t.events = append(t.events, e)
}

// control runs a statement that steers the transaction.
func (t *tx) control(query string) error {
	_, err := t.exec(query)
	return err
}

// exec returns the number of rows changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	stmt, err := t.prepare(query)
	if err != nil {
		return 0, err
	}
	res, err := stmt.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row returns the first row; an error of the query comes out of its Scan.
func (t *tx) row(query string, args ...any) scanner {
	stmt, err := t.prepare(query)
	if err != nil {
		return failed{err}
	}
	return stmt.QueryRowContext(context.Background(), args...)
}

// each calls scan for every row. The rows are read before anything else is done.
func (t *tx) each(scan func(scanner) error, query string, args ...any) error {
	stmt, err := t.prepare(query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	return drain(rows, scan)
}

func (t *tx) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := t.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := t.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	t.prepared[query] = stmt
	return stmt, nil
}

func (t *tx) close() error {
	var errs []error
	for _, stmt := range t.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, t.conn.Close())...)
}

// scanner is a row, of either side.
type scanner interface {
	Scan(dest ...any) error
}

// failed is the row of a query that could not be asked.
type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

// exists turns the absence of a row into false.
func exists(err error) (bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
