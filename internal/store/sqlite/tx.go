package sqlite

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/sockeye-im/sockeye/internal/chat"
)

// tx is the writer's transaction as a command sees it. Nothing here listens to a
// caller's context: a command that has begun is carried out.
type tx struct {
	*connection
	events []chat.Event
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
	refused = contained(t, run)
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

// contained turns a panic of a command into its error: what is wrong with one is not to
// end the process, and with it the connections of everybody. Its rows are closed by then.
func contained(t *tx, run func(*tx) error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("sqlite: panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return run(t)
}

// result is what run returns, which do carries out: a command of the writer's or a read of
// one state. It is zero if that failed, in the commit too.
func result[X, T any](ctx context.Context, do func(context.Context, func(X) error) error, run func(X) (T, error)) (T, error) {
	var out, none T
	err := do(ctx, func(x X) (err error) {
		out, err = run(x)
		return err
	})
	if err != nil {
		return none, err
	}
	return out, nil
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
	return t.connection.exec(context.Background(), query, args...)
}

// row returns the first row; an error of the query comes out of its Scan.
func (t *tx) row(query string, args ...any) scanner {
	return t.connection.row(context.Background(), query, args...)
}

// each calls scan for every row.
func (t *tx) each(scan func(scanner) error, query string, args ...any) error {
	return t.connection.each(context.Background(), scan, query, args...)
}
