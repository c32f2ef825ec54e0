package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/batch"
)

// tx is the writer's transaction as a command sees it. Nothing here listens to a caller's context: a command that has
// begun is carried out.
type tx struct {
	settings *pgxpool.Config
	cfg      Config
	sink     chat.Sink

	conn   *pgx.Conn   // nil while there is none
	writer int64       // this process in the table writers
	n      int64       // the number of the last commit whose outcome is known
	ahead  []statement // are sent with the next one

	lost error // the transaction is lost, for what has become of what was sent ahead, or of the connection
	kept bool  // a command was carried out that was not refused

	// Of the command that is carried out.
	opened  bool   // its savepoint is there, or among those that are sent next
	undone  bool   // it was refused
	reading bool   // what it asks changes nothing, and does not see the messages to be inserted
	marks   [2]int // how many events and afterwards there were before it

	appends    appends
	events     []chat.Event
	afterwards []func()
}

// statement is one that is to be sent.
type statement struct {
	query string
	args  []any
}

var _ batch.Transaction = (*tx)(nil)

// newTx registers a new writer.
func newTx(ctx context.Context, conn *pgx.Conn, settings *pgxpool.Config, cfg Config, sink chat.Sink) (*tx, error) {
	t := &tx{settings: settings, cfg: cfg, sink: sink, conn: conn}
	err := conn.QueryRow(ctx, `INSERT INTO writers (began_at) VALUES ($1) RETURNING id`, time.Now().UnixMilli()).Scan(&t.writer)
	if err != nil {
		return nil, fmt.Errorf("register the writer: %w", err)
	}
	return t, nil
}

// Begin implements [batch.Transaction]. A connection that is broken is found out here, and made anew. What is known ahead
// are messages to be appended.
func (t *tx) Begin(ahead []any) error {
	messages := make([]*appending, len(ahead))
	for i := range ahead {
		messages[i] = ahead[i].(*appending)
	}
	if t.conn != nil {
		err := t.begin(messages)
		if err == nil || !t.conn.IsClosed() {
			return available(err)
		}
	}
	if err := t.connect(); err != nil {
		return err
	}
	return available(t.begin(messages))
}

// begin locks the writer's row, so that whoever looks whether the transaction was stored waits for its end, and looks up
// at once what is asked before messages. The limits hold for the transaction alone: nothing is kept in the connection. A
// command asks for rows by their keys: no table is to be looked at as a whole because it was small, or not known, when the
// plan was made, which is kept.
func (t *tx) begin(messages []*appending) error {
	t.ahead, t.lost, t.kept = append(t.ahead[:0], statement{query: "BEGIN"}), nil, false
	t.appends.reset()
	limit := strconv.FormatInt(t.cfg.StatementTimeout.Milliseconds(), 10)
	var at int64
	locked := question{
		statement: statement{`
			UPDATE writers SET n = n + 1 WHERE id = $1 AND NOT ended
			RETURNING n, set_config('statement_timeout', $2, true), set_config('idle_in_transaction_session_timeout', $2, true),
				set_config('enable_seqscan', 'off', true)`,
			[]any{t.writer, limit}},
		read: func(results pgx.BatchResults) error {
			return results.QueryRow().Scan(&at, new(string), new(string), new(string))
		},
	}
	err := t.send(append([]question{locked}, questions(messages)...)...)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("the writer %d may not write any more: another server has taken over, or the database was restored or emptied. Start the server again", t.writer)
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

func (t *tx) close() error {
	if t.conn == nil {
		return nil
	}
	return closeConn(t.conn)
}

// Savepoint implements [batch.Transaction]. It is sent with the command's first statement, if there is one.
func (t *tx) Savepoint() error {
	t.mark()
	t.opened, t.undone = false, false
	return t.lost
}

func (t *tx) mark() { t.marks = [2]int{len(t.events), len(t.afterwards)} }

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
	t.events, t.afterwards = t.events[:t.marks[0]], t.afterwards[:t.marks[1]]
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
func (t *tx) drop() { t.events, t.afterwards = nil, nil }

// Publish implements [batch.Transaction].
func (t *tx) Publish() {
	if len(t.events) > 0 {
		t.sink(t.events)
	}
	for _, do := range t.afterwards {
		do()
	}
	t.drop()
}

// emit adds an event of the command, to be published after the commit.
func (t *tx) emit(e chat.Event) { t.events = append(t.events, e) }

// after has something done after the commit, behind the publishing of its events and before the callers are released. It
// is dropped with the command, or with the transaction.
func (t *tx) after(do func()) { t.afterwards = append(t.afterwards, do) }

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
func (t *tx) row(query string, args ...any) scanner {
	if !askable(args) {
		return failed{pgx.ErrNoRows}
	}
	return asked(func(dest ...any) error {
		return t.ask(func(results pgx.BatchResults) error { return results.QueryRow().Scan(dest...) }, query, args...)
	})
}

// each calls scan for every row.
func (t *tx) each(scan func(scanner) error, query string, args ...any) error {
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
	case err != nil && !reached:
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
