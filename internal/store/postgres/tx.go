package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/store/batch"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// tx is the writer's transaction as a command sees it. Nothing here listens to a caller's context: a command that has
// begun is carried out.
type tx struct {
	settings *pgxpool.Config
	cfg      Config
	tell     func(feed.Facts) // of each commit that has some

	conn   *pgx.Conn     // nil while there is none
	epoch  string        // of the database
	writer int64         // this process in the table writers
	id     *atomic.Int64 // tells it to others
	woken  *atomic.Pointer[func(kinds []string)]
	follow *atomic.Pointer[rows.Follow]
	n      int64       // the number of the last commit whose outcome is known
	ahead  []statement // are sent with the next one

	unchanged bool // the command has found nothing to change: it has no entry in the audit log

	lost error // the transaction is lost, for what has become of what was sent ahead, or of the connection
	kept bool  // a command was carried out that was not refused

	// Of the command that is carried out.
	opened  bool   // its savepoint is there, or among those that are sent next
	undone  bool   // it was refused
	reading bool   // what it asks changes nothing, and does not see the messages to be inserted
	marks   [3]int // how many events of chats and of accounts, and kinds of jobs, there were before it

	appends  appends
	events   []chat.Event
	accounts []account.Event
	jobs     []string // kinds of those that were enqueued
}

// statement is one that is to be sent.
type statement struct {
	query string
	args  []any
}

var _ batch.Transaction = (*tx)(nil)

// register makes a new writer, of the database that the store was opened on.
func (t *tx) register() error {
	ctx, cancel := t.limit()
	defer cancel()
	var writer int64
	err := t.conn.QueryRow(ctx, `INSERT INTO writers (began_at) SELECT $1::bigint FROM server WHERE epoch = $2 RETURNING id`,
		time.Now().UnixMilli(), t.epoch).Scan(&writer)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errors.New("the database is another one than before, it was restored or emptied. Start the server again")
	case err != nil:
		return fmt.Errorf("register the writer: %w", err)
	}
	t.writer, t.n = writer, 0
	t.id.Store(writer)
	return nil
}

// Begin implements [batch.Transaction]. A connection that is broken is found out here, and made anew. What is known ahead
// are messages to be appended, and what other commands concern.
func (t *tx) Begin(ahead []any) error {
	var messages []*appending
	var concerns []concern
	for i := range ahead {
		switch known := ahead[i].(type) {
		case *appending:
			known.reset()
			messages = append(messages, known)
		case concern:
			concerns = append(concerns, known)
		}
	}
	first := questions(messages)
	if t.appends.locked = len(messages) < len(ahead); t.appends.locked {
		first = append(locks(concerns, messages), first...)
	} else {
		first = append(t.rememberHeads(messages), first...)
	}
	if t.conn != nil {
		err := t.beginOrRegister(first)
		if err == nil || !t.conn.IsClosed() {
			return available(err)
		}
	}
	if err := t.connect(); err != nil {
		return err
	}
	return available(t.beginOrRegister(first))
}

// errEnded says that the writer may not write any more.
var errEnded = errors.New("the writer has ended")

// beginOrRegister is begin, as another writer if this one was ended: the process was silent for so long that it was taken for
// dead. What it has committed is settled by then, or it would not begin.
func (t *tx) beginOrRegister(first []question) error {
	err := t.begin(first)
	if !errors.Is(err, errEnded) {
		return err
	}
	t.Rollback()
	if t.conn == nil {
		return err
	}
	if err := t.register(); err != nil {
		return err
	}
	return t.begin(first)
}

// idleFor is how long the database waits for the next statement of a transaction. A process that has stopped in one holds up
// all who write to the same conversations that long.
const idleFor = 3 * time.Second

// begin locks the writer's row, so that whoever looks whether the transaction was stored waits for its end, and asks at once
// what is asked before commands. The limits hold for the transaction alone: nothing is kept in the connection. A
// command asks for rows by their keys: no table is to be looked at as a whole because it was small, or not known, when the
// plan was made, which is kept.
func (t *tx) begin(first []question) error {
	t.ahead, t.lost, t.kept = append(t.ahead[:0], statement{query: "BEGIN"}), nil, false
	t.appends.reset()
	limit := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	var at int64
	locked := question{
		statement: statement{`
			UPDATE writers SET n = n + 1 WHERE id = $1 AND NOT ended
			RETURNING n, set_config('statement_timeout', $2, true), set_config('idle_in_transaction_session_timeout', $3, true),
				set_config('enable_seqscan', 'off', true)`,
			[]any{t.writer, limit(t.cfg.StatementTimeout), limit(min(t.cfg.StatementTimeout, idleFor))}},
		read: func(results pgx.BatchResults) error {
			return results.QueryRow().Scan(&at, new(string), new(string), new(string))
		},
	}
	err := t.send(append([]question{locked}, first...)...)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errEnded
	case err != nil:
		return err
	case at != t.n+1:
		return fmt.Errorf("the writer's next commit would be %d, and should be %d: another process writes under its name", at, t.n+1)
	}
	return nil
}

// connect makes a new connection. The server may be another one by now, or set otherwise.
func (t *tx) connect() error {
	t.disconnect()
	ctx, cancel := t.limit()
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, t.settings.ConnConfig)
	if err != nil {
		return fmt.Errorf("%w: %w", Unavailable, err)
	}
	if err := checkSettings(ctx, conn, nil); err != nil {
		return fmt.Errorf("%w: %w", Unavailable, errors.Join(err, closeConn(conn)))
	}
	t.conn = conn
	return nil
}

func (t *tx) disconnect() {
	if t.conn != nil {
		_ = closeConn(t.conn) // it is broken
	}
	t.conn = nil
}

// close ends the writer, if that can be done: else others do.
func (t *tx) close() error {
	if t.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = t.conn.Exec(ctx, `UPDATE writers SET ended = true, ended_at = `+nowMillis+` WHERE id = $1 AND NOT ended`, t.writer)
	return closeConn(t.conn)
}

// Savepoint implements [batch.Transaction]. It is sent with the command's first statement, if there is one.
func (t *tx) Savepoint() error {
	t.mark()
	t.opened, t.undone = false, false
	return t.lost
}

func (t *tx) mark() { t.marks = [3]int{len(t.events), len(t.accounts), len(t.jobs)} }

// open makes the command's savepoint, behind what the commands before have left to do.
func (t *tx) open() error {
	if t.opened {
		return t.lost
	}
	if err := t.insertAppended(); err != nil {
		t.lost = err
		return err
	}
	t.mark()
	t.opened = true
	t.ahead = append(t.ahead, statement{query: "SAVEPOINT command"})
	return t.lost
}

// Undo implements [batch.Transaction].
func (t *tx) Undo() error {
	t.events, t.accounts, t.jobs = t.events[:t.marks[0]], t.accounts[:t.marks[1]], t.jobs[:t.marks[2]]
	t.undone = true
	if t.opened && t.lost == nil {
		if t.conn.PgConn().TxStatus() == 'E' { // nothing else can be prepared before it
			return t.control("ROLLBACK TO command")
		}
		t.ahead = append(t.ahead, statement{query: "ROLLBACK TO command"})
	}
	return t.lost
}

// Release implements [batch.Transaction].
func (t *tx) Release() error {
	if t.opened {
		t.ahead = append(t.ahead, statement{query: "RELEASE command"})
	}
	t.opened = false
	t.kept = t.kept || !t.undone
	return t.lost
}

// Rollback implements [batch.Transaction].
func (t *tx) Rollback() {
	t.drop()
	t.ahead = t.ahead[:0]
	if t.conn == nil || t.conn.PgConn().TxStatus() == 'I' && !t.conn.IsClosed() {
		return
	}
	if t.conn.IsClosed() || t.control("ROLLBACK") != nil {
		t.disconnect()
	}
}

// drop forgets what was to be published.
func (t *tx) drop() { t.events, t.accounts, t.jobs = nil, nil, nil }

// Publish implements [batch.Transaction].
func (t *tx) Publish() {
	if facts := t.facts(); hasSome(&facts) {
		t.tell(facts)
	}
	t.tellJobs()
	t.drop()
}

// facts are those of the transaction, of which n is the number once it is stored.
func (t *tx) facts() feed.Facts {
	return feed.Facts{At: time.Now(), Commit: feed.Commit{Writer: t.writer, N: t.n}, Chat: t.events, Accounts: t.accounts}
}

func hasSome(f *feed.Facts) bool { return len(f.Chat)+len(f.Accounts) > 0 }

// emit adds an event of the command, to be published after the commit.
func (t *tx) emit(e chat.Event) { t.events = append(t.events, e) }

// control runs a statement that steers the transaction.
func (t *tx) control(query string) error {
	return t.send(question{statement{query: query}, func(results pgx.BatchResults) error {
		_, err := results.Exec()
		return err
	}})
}

// exec returns the number of rows changed.
func (t *tx) exec(query string, args ...any) (rows int64, err error) {
	err = t.ask(func(results pgx.BatchResults) error {
		tag, err := results.Exec()
		rows = tag.RowsAffected()
		return err
	}, query, args...)
	return rows, err
}

// row returns the first row; an error of the query comes out of its Scan, which asks it.
func (t *tx) row(query string, args ...any) rows.Row {
	if !askable(args) {
		return rows.Failed{Err: pgx.ErrNoRows}
	}
	return rows.Asked(func(dest ...any) error {
		return t.ask(func(results pgx.BatchResults) error { return results.QueryRow().Scan(dest...) }, query, args...)
	})
}

// each calls scan for every row.
func (t *tx) each(scan func(rows.Row) error, query string, args ...any) error {
	if !askable(args) {
		return nil
	}
	return t.ask(eachRowOf(scan), query, args...)
}

// question is a statement with who reads what comes of it.
type question struct {
	statement
	read func(pgx.BatchResults) error
}

// ask sends a query of a command.
func (t *tx) ask(read func(pgx.BatchResults) error, query string, args ...any) error {
	if !t.reading {
		t.appends.outdated = true // by what this may change
		if err := t.open(); err != nil {
			return err
		}
	}
	return t.send(question{statement{query, args}, read})
}

// send sends questions, and what has to be sent ahead.
func (t *tx) send(questions ...question) error {
	ahead := t.ahead
	t.ahead = nil
	ctx, cancel := t.limit()
	defer cancel()
	reached, err := askBehind(ctx, t.conn, ahead, questions...)
	t.ahead = ahead[:0]
	switch {
	case err != nil && !reached || isDeadlock(err):
		t.lost = conflict(err)
		return t.lost
	case err != nil && (t.conn.IsClosed() || !t.opened && t.conn.PgConn().TxStatus() == 'E'): // without a savepoint to go back to
		t.lost = available(err)
	}
	return available(err)
}

// limit ends somewhat after a statement's time: the database itself is the first to give up.
func (t *tx) limit() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), t.cfg.StatementTimeout+time.Second)
}
