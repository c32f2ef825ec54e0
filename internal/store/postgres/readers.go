package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// readers is a pool of connections that only read. All methods may be called concurrently; who comes when all connections
// are in use waits, no longer than a statement may take.
type readers struct {
	pool    *pgxpool.Pool
	timeout time.Duration
}

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
func (r *readers) row(ctx context.Context, query string, args ...any) scanner {
	if !askable(args) {
		return failed{pgx.ErrNoRows}
	}
	return asked(func(dest ...any) error {
		return r.with(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
			return c.QueryRow(ctx, query, args...).Scan(dest...)
		})
	})
}

// asked is a row that is asked for when it is scanned.
type asked func(dest ...any) error

func (a asked) Scan(dest ...any) error { return a(dest...) }

// each calls scan for every row.
func (r *readers) each(ctx context.Context, scan func(scanner) error, query string, args ...any) error {
	if !askable(args) {
		return nil
	}
	return r.with(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		rows, err := c.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		return eachOf(rows, scan)
	})
}

// rows is each, bound to ctx.
func (r *readers) rows(ctx context.Context) eachRow {
	return func(scan func(scanner) error, query string, args ...any) error {
		return r.each(ctx, scan, query, args...)
	}
}

// snapshot runs ask with a view of one state of the database, whatever is written meanwhile.
func (r *readers) snapshot(ctx context.Context, ask func(eachRow) error) error {
	return r.with(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		begin := []statement{{query: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}}
		err := ask(func(scan func(scanner) error, query string, args ...any) error {
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
	ctx context.Context, conn *pgx.Conn, ahead []statement, scan func(scanner) error, query string, args ...any,
) error {
	for _, statement := range ahead {
		if _, err := conn.Exec(ctx, statement.query, statement.args...); err != nil {
			return err
		}
	}
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	return eachOf(rows, scan)
}

// with lends a connection to use, within the time of a statement.
func (r *readers) with(ctx context.Context, use func(context.Context, *pgxpool.Conn) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, errTooLong)
	defer cancel()
	c, err := r.pool.Acquire(ctx)
	if err != nil {
		return readError(ctx, err)
	}
	defer c.Release() // it closes one that is in a transaction still
	return readError(ctx, use(ctx, c))
}

// close waits for reads that run.
func (r *readers) close() { r.pool.Close() }

// eachOf calls scan for every row. The rows are read before anything else is done.
func eachOf(rows pgx.Rows, scan func(scanner) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// eachRowOf reads an answer by calling scan for every row.
func eachRowOf(scan func(scanner) error) func(pgx.BatchResults) error {
	return func(results pgx.BatchResults) error {
		rows, err := results.Query()
		if err != nil {
			return err
		}
		return eachOf(rows, scan)
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
