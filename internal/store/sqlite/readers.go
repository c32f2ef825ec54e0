package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"sync"

	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// readers is a pool of connections that only read. All methods may be called
// concurrently; who comes when all connections are in use waits.
type readers struct {
	db *sql.DB
	// places holds one token for each connection in use, of as many as there may be.
	places chan struct{}
	closed chan struct{}

	// idle ends with the connection used last, whose cache is warm.
	mu   sync.Mutex
	idle []*connection
}

func newReaders(db *sql.DB, most int) *readers {
	return &readers{db: db, places: make(chan struct{}, most), closed: make(chan struct{})}
}

// with lends a connection to use. Behind it the caller gives way: a read takes longer
// than most of what others have to do, above all the sending of what was read, and
// the scheduler would let a caller go on with the next one for 10 ms.
func (r *readers) with(ctx context.Context, use func(*connection) error) error {
	select {
	case r.places <- struct{}{}:
	case <-r.closed:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer runtime.Gosched()
	defer func() { <-r.places }()
	c, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer r.giveBack(c)
	return use(c)
}

// take returns an idle connection, or a new one.
func (r *readers) take(ctx context.Context) (*connection, error) {
	r.mu.Lock()
	if last := len(r.idle) - 1; last >= 0 {
		c := r.idle[last]
		r.idle = r.idle[:last]
		r.mu.Unlock()
		return c, nil
	}
	r.mu.Unlock()
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return newConnection(conn), nil
}

// giveBack makes a connection idle, or closes one that may be in a transaction: whoever
// had it next would read a state that gets older and older.
func (r *readers) giveBack(c *connection) {
	if c.spoilt {
		c.discard()
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, c)
}

// row returns the first row; an error of the query comes out of its Scan, which asks it.
func (r *readers) row(ctx context.Context, query string, args ...any) rows.Row {
	return rows.Asked(func(dest ...any) error {
		return r.with(ctx, func(c *connection) error { return c.row(ctx, query, args...).Scan(dest...) })
	})
}

// each calls scan for every row.
func (r *readers) each(ctx context.Context, scan func(rows.Row) error, query string, args ...any) error {
	return r.with(ctx, func(c *connection) error { return c.each(ctx, scan, query, args...) })
}

// rows is each, bound to ctx.
func (r *readers) rows(ctx context.Context) rows.Each {
	return func(scan func(rows.Row) error, query string, args ...any) error {
		return r.each(ctx, scan, query, args...)
	}
}

// together runs ask on one connection, and gives way behind all of it alone. What is asked
// later may be of a later state.
func (r *readers) together(ctx context.Context, ask func(rows.Each) error) error {
	return r.with(ctx, func(c *connection) error { return ask(c.rows(ctx)) })
}

// snapshot runs ask with a view of one state of the database, whatever is written
// meanwhile.
func (r *readers) snapshot(ctx context.Context, ask func(rows.Each) error) error {
	return r.with(ctx, func(c *connection) (err error) {
		// Neither end of the transaction waits for anything, nor listens to ctx: when that
		// ends at the wrong moment the driver returns its error though SQLite has begun.
		always := context.WithoutCancel(ctx)
		if _, err := c.exec(always, "BEGIN"); err != nil {
			c.spoilt = true
			return err
		}
		defer func() {
			_, end := c.exec(always, "ROLLBACK")
			c.spoilt = end != nil
			err = errors.Join(err, end)
		}()
		return ask(c.rows(ctx))
	})
}

// close waits for reads that run. Later ones get ErrClosed.
func (r *readers) close() error {
	for range cap(r.places) {
		r.places <- struct{}{}
	}
	close(r.closed)
	var errs []error
	for _, c := range r.idle {
		errs = append(errs, c.close())
	}
	return errors.Join(append(errs, r.db.Close())...)
}
