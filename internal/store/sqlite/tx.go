package sqlite

import (
	"context"
	"sync/atomic"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/batch"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// tx is the writer's transaction as a command sees it. Nothing here listens to a
// caller's context: a command that has begun is carried out.
type tx struct {
	*connection
	sink         chat.Sink
	aroundCommit func(commit func() error) error

	events []chat.Event
	mark   int // how many there were at the savepoint

	unchanged bool // the command has found nothing to change: it has no entry in the audit log

	// accounts are the events of account commands, which tell them themselves; see follow.go.
	accounts     []account.Event
	accountsMark int
	following    atomic.Pointer[rows.Follow]

	// indexable is set when there is something new for the indexer; toIndex holds a
	// signal when a commit left something to it.
	indexable bool
	toIndex   chan struct{}

	// jobs are the kinds of those that were enqueued; woken is told after the commit.
	jobs     []string
	jobsMark int // how many there were at the savepoint
	woken    atomic.Pointer[func(kinds []string)]
}

var _ batch.Transaction = (*tx)(nil)

// Begin implements [batch.Transaction].
func (t *tx) Begin([]any) error { return t.control("BEGIN IMMEDIATE") }

// Savepoint implements [batch.Transaction].
func (t *tx) Savepoint() error {
	t.mark, t.accountsMark, t.jobsMark = len(t.events), len(t.accounts), len(t.jobs)
	return t.control("SAVEPOINT command")
}

// Undo implements [batch.Transaction].
func (t *tx) Undo() error {
	t.events, t.accounts, t.jobs = t.events[:t.mark], t.accounts[:t.accountsMark], t.jobs[:t.jobsMark]
	return t.control("ROLLBACK TO command")
}

// Release implements [batch.Transaction].
func (t *tx) Release() error { return t.control("RELEASE command") }

// Commit implements [batch.Transaction]. SQLite always knows the outcome.
func (t *tx) Commit() error {
	if err := t.enqueueFollowing(); err != nil {
		return err
	}
	return t.aroundCommit(func() error { return t.control("COMMIT") })
}

// Rollback implements [batch.Transaction]. There may be nothing to roll back: SQLite
// has done it itself after some errors. If it could not, the next BEGIN fails,
// and is followed by another attempt.
func (t *tx) Rollback() {
	_ = t.control("ROLLBACK")
	t.events, t.accounts, t.indexable, t.jobs = nil, nil, false, nil
}

// Settle implements [batch.Transaction]. It is not called, see Commit.
func (t *tx) Settle() (stored bool, err error) { return false, nil }

// Publish implements [batch.Transaction].
func (t *tx) Publish() {
	if len(t.events) > 0 {
		t.sink(t.events)
	}
	if t.indexable {
		select {
		case t.toIndex <- struct{}{}:
		default: // it has not looked since the last signal
		}
	}
	t.tellJobs()
	t.events, t.accounts, t.indexable = nil, nil, false
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
func (t *tx) row(query string, args ...any) rows.Row {
	return t.connection.row(context.Background(), query, args...)
}

// each calls scan for every row.
func (t *tx) each(scan func(rows.Row) error, query string, args ...any) error {
	return t.connection.each(context.Background(), scan, query, args...)
}
