package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// readers is a pool of connections that carry out no command. All methods may be called concurrently; who comes when all connections
// are in use waits, no longer than a statement may take.
type readers struct {
	pool     *pgxpool.Pool
	timeout  time.Duration
	answered atomic.Int64 // see lastAnswer, in nanoseconds since 1970
}

// lastAnswer is when the database has answered last; long ago if it has failed to since.
func (r *readers) lastAnswer() time.Time { return time.Unix(0, r.answered.Load()) }

func newReaders(settings *pgxpool.Config, cfg Config) (*readers, error) {
	settings = settings.Copy()
	settings.MaxConns = int32(min(cfg.Readers, 10_000))
	settings.MinConns = 0
	pool, err := pgxpool.NewWithConfig(context.Background(), settings)
	if err != nil {
		return nil, err
	}
	return &readers{pool: pool, timeout: cfg.StatementTimeout}, nil
}

// row returns the first row; an error of the query comes out of its Scan, which asks it.
func (r *readers) row(ctx context.Context, query string, args ...any) rows.Row {
	if !askable(args) {
		return rows.Failed{Err: pgx.ErrNoRows}
	}
	return rows.Asked(func(dest ...any) error {
		return r.with(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
			return c.QueryRow(ctx, query, args...).Scan(dest...)
		})
	})
}

// each calls scan for every row.
func (r *readers) each(ctx context.Context, scan func(rows.Row) error, query string, args ...any) error {
	if !askable(args) {
		return nil
	}
	return r.with(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		answer, err := c.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		return eachOf(answer, scan)
	})
}

// change runs a statement that returns nothing. It is for what is no command.
func (r *readers) change(ctx context.Context, query string, args ...any) error {
	return r.each(ctx, func(rows.Row) error { return nil }, query, args...)
}

// rows is each, bound to ctx.
func (r *readers) rows(ctx context.Context) rows.Each {
	return func(scan func(rows.Row) error, query string, args ...any) error {
		return r.each(ctx, scan, query, args...)
	}
}

// snapshot runs ask with a view of one state of the database, whatever is written meanwhile.
func (r *readers) snapshot(ctx context.Context, ask func(rows.Each) error) error {
	return r.with(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		begin := []statement{{query: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}}
		err := ask(func(scan func(rows.Row) error, query string, args ...any) error {
			if !askable(args) {
				return nil
			}
			ahead := begin
			begin = nil
			if len(args) > 0 {
				if _, own := args[0].(pgx.QueryExecMode); own {
					return eachInMode(ctx, c.Conn(), ahead, scan, query, args...)
				}
			}
			_, err := askBehind(ctx, c.Conn(), ahead, question{statement{query, args}, eachRowOf(scan)})
			return err
		})
		if begin != nil || c.Conn().IsClosed() {
			return err
		}
		_, end := c.Exec(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, end)
	})
}

// eachInMode is for a query with a mode of its own, such as one that is planned anew each time.
func eachInMode(
	ctx context.Context, conn *pgx.Conn, ahead []statement, scan func(rows.Row) error, query string, args ...any,
) error {
	for _, statement := range ahead {
		if _, err := conn.Exec(ctx, statement.query, statement.args...); err != nil {
			return err
		}
	}
	answer, err := conn.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	return eachOf(answer, scan)
}

// with lends a connection to use, within the time of a statement.
func (r *readers) with(ctx context.Context, use func(context.Context, *pgxpool.Conn) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, errTooLong)
	defer cancel()
	err := r.lend(ctx, use)
	switch {
	case err == nil:
		r.answered.Store(time.Now().UnixNano())
	case ctx.Err() == nil: // else nobody has waited for what would have come
		r.answered.Store(0)
	}
	return readError(ctx, err)
}

func (r *readers) lend(ctx context.Context, use func(context.Context, *pgxpool.Conn) error) error {
	c, err := r.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release() // it closes one that is in a transaction still
	return use(ctx, c)
}

// close waits for reads that run.
func (r *readers) close() { r.pool.Close() }

// eachOf calls scan for every row. The rows are read before anything else is done.
func eachOf(answer pgx.Rows, scan func(rows.Row) error) error {
	defer answer.Close()
	for answer.Next() {
		if err := scan(answer); err != nil {
			return err
		}
	}
	return answer.Err()
}

// eachRowOf reads an answer by calling scan for every row.
func eachRowOf(scan func(rows.Row) error) func(pgx.BatchResults) error {
	return func(results pgx.BatchResults) error {
		answer, err := results.Query()
		if err != nil {
			return err
		}
		return eachOf(answer, scan)
	}
}

// askBehind sends questions behind other statements, in one go. It tells whether all went well up to the questions.
func askBehind(ctx context.Context, conn *pgx.Conn, ahead []statement, questions ...question) (reached bool, err error) {
	var all pgx.Batch
	for _, s := range ahead {
		all.Queue(s.query, s.args...)
	}
	for i := range questions {
		all.Queue(questions[i].query, questions[i].args...)
	}
	results := conn.SendBatch(ctx, &all)
	defer func() {
		if end := results.Close(); err == nil {
			err = end
		}
	}()
	for range ahead {
		if _, err := results.Exec(); err != nil {
			return false, err
		}
	}
	for i := range questions {
		if err := questions[i].read(results); err != nil {
			return true, err
		}
	}
	return true, nil
}
