package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sockeye-im/sockeye/internal/feed/code"
	"github.com/sockeye-im/sockeye/internal/store/batch"
)

// Commit implements [batch.Transaction]. Of a transaction in which every command was refused nothing is stored, and its
// number is given again.
func (t *tx) Commit() error {
	if t.lost != nil {
		return t.lost
	}
	if err := t.insertAppended(); err != nil {
		return err
	}
	if !t.kept {
		t.ahead = t.ahead[:0]
		return t.control("ROLLBACK")
	}
	if err := t.enqueueFollowing(); err != nil {
		return err
	}
	if err := t.logFacts(); err != nil {
		return err
	}
	if err := t.commit(); err != nil {
		return err
	}
	t.n++
	return nil
}

// logFacts has what is to be published kept for the servers that do not hear of it. A commit without facts has no entry: most
// of what has none comes often, such as probes.
func (t *tx) logFacts() error {
	facts := t.facts()
	if !hasSome(&facts) {
		return nil
	}
	text, err := code.EncodeLogged(&facts)
	if err != nil {
		return err
	}
	t.ahead = append(t.ahead, statement{`INSERT INTO commits (writer, n, at, facts) VALUES ($1, $2, $3, $4)`,
		[]any{t.writer, t.n + 1, facts.At.UnixMilli(), string(text)}})
	return nil
}

// commit sends what is to be sent ahead and the COMMIT at once. What the server answers to them before it is gone
// is known, and nothing else. A COMMIT that waits for a standby must not be cut short: it would be answered as if the
// standby had it. So the limit of a statement does not hold for it, and what is answered behind ours is not believed.
func (t *tx) commit() error {
	ctx, cancel := t.limit()
	defer cancel()
	var all pgx.Batch
	for _, s := range t.ahead {
		all.Queue(s.query, s.args...)
	}
	t.ahead = t.ahead[:0]
	all.Queue("SET LOCAL statement_timeout = 0")
	all.Queue("COMMIT")
	results := t.conn.SendBatch(ctx, &all)
	var tag pgconn.CommandTag
	var err error
	carriedOut := 0
	for range all.QueuedQueries {
		if tag, err = results.Exec(); err != nil {
			break
		}
		carriedOut++
	}
	late := ctx.Err()
	end := results.Close()
	switch {
	case err == nil && tag.String() == "COMMIT" && late == nil:
		return nil // whatever happened to the connection then
	case err == nil && tag.String() == "COMMIT":
		err = late
	case err == nil && end == nil:
		return fmt.Errorf("the database answered COMMIT with %s", tag)
	case carriedOut+1 < len(all.QueuedQueries) && isDeadlock(err), refusedCommit(err): // nothing is carried out behind an error
		return conflict(err)
	}
	if err == nil {
		err = end
	}
	return fmt.Errorf("%w: %w: %w", Unavailable, batch.ErrUnknown, err)
}

// refusedCommit tells whether an answer means that nothing is stored. One that ends the connection, or a statement that
// waits, may come while a COMMIT that is done waits for a standby.
func refusedCommit(err error) bool {
	var said *pgconn.PgError
	if !errors.As(err, &said) || said.SeverityUnlocalized != "ERROR" {
		return false
	}
	switch said.Code[:2] {
	case "08", "40", "57":
		return false
	}
	return true
}

// Settle implements [batch.Transaction]. The transaction has held the lock of the writer's row since its beginning: who
// has it comes behind its end, whichever that was. What it finds it commits behind: a standby that is to have that has
// the transaction too.
func (t *tx) Settle() (stored bool, err error) {
	if err := t.connect(); err != nil {
		return false, err
	}
	n, err := t.last()
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, nil // the database was restored or emptied
	case err != nil:
		return false, err
	case n == t.n:
		return false, nil
	case n == t.n+1:
		t.n++
		return true, nil
	}
	return false, fmt.Errorf("the writer's last commit is %d, and should be %d or %d: another process writes under its name", n, t.n, t.n+1)
}

// last returns the number of the writer's last commit, once that is as safe as any.
func (t *tx) last() (n int64, err error) {
	ctx, cancel := t.limit()
	defer cancel()
	err = pgx.BeginFunc(ctx, t.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = 0`); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `UPDATE writers SET n = n WHERE id = $1 RETURNING n`, t.writer).Scan(&n)
	})
	if err == nil {
		err = ctx.Err()
	}
	return n, available(err)
}
