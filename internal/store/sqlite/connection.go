package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// connection is one connection to the file, with the statements that were prepared on it
// so far; there is a fixed number of them. One goroutine uses it at a time.
type connection struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	spoilt   bool // it may be in a transaction that nobody will end
}

func newConnection(conn *sql.Conn) *connection {
	return &connection{conn: conn, prepared: make(map[string]*sql.Stmt)}
}

// exec returns the number of rows changed.
func (c *connection) exec(ctx context.Context, query string, args ...any) (int64, error) {
	stmt, err := c.prepare(ctx, query)
	if err != nil {
		return 0, err
	}
	res, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row returns the first row; an error of the query comes out of its Scan.
func (c *connection) row(ctx context.Context, query string, args ...any) scanner {
	stmt, err := c.prepare(ctx, query)
	if err != nil {
		return failed{err}
	}
	return stmt.QueryRowContext(ctx, args...)
}

// each calls scan for every row. The rows are read before anything else is done.
func (c *connection) each(ctx context.Context, scan func(scanner) error, query string, args ...any) (err error) {
	stmt, err := c.prepare(ctx, query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (c *connection) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := c.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := c.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.prepared[query] = stmt
	return stmt, nil
}

func (c *connection) close() error {
	return errors.Join(c.closeStatements(), c.conn.Close())
}

// discard is close for a connection that database/sql must not lend again.
func (c *connection) discard() {
	_ = c.closeStatements() // they have failed already
	_ = c.conn.Raw(func(any) error { return driver.ErrBadConn })
}

func (c *connection) closeStatements() error {
	var errs []error
	for _, stmt := range c.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
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
