package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/rows"
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
	stmt, err := c.prepare(ctx, query, args)
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
func (c *connection) row(ctx context.Context, query string, args ...any) rows.Row {
	stmt, err := c.prepare(ctx, query, args)
	if err != nil {
		return rows.Failed{Err: err}
	}
	return oneRow{stmt.QueryRowContext(ctx, args...)}
}

// each calls scan for every row. The rows are read before anything else is done.
func (c *connection) each(ctx context.Context, scan func(rows.Row) error, query string, args ...any) (err error) {
	stmt, err := c.prepare(ctx, query, args)
	if err != nil {
		return err
	}
	answer, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Close()) }()
	for answer.Next() {
		if err := scan(manyRows{answer}); err != nil {
			return err
		}
	}
	return answer.Err()
}

// oneRow and manyRows read NULL as the zero value. In SQLite coalesce takes longer than that, for messages at least.
type (
	oneRow   struct{ *sql.Row }
	manyRows struct{ *sql.Rows }
)

func (r oneRow) Scan(dest ...any) error   { return r.Row.Scan(nullable(dest)...) }
func (r manyRows) Scan(dest ...any) error { return r.Rows.Scan(nullable(dest)...) }

// nullable has texts and numbers take NULL.
func nullable(dest []any) []any {
	for i := range dest {
		switch to := dest[i].(type) {
		case *string:
			dest[i] = (*nullableText)(to)
		case *int64:
			dest[i] = (*nullableNumber)(to)
		}
	}
	return dest
}

type nullableText string

func (t *nullableText) Scan(value any) error {
	switch value := value.(type) {
	case string:
		*t = nullableText(value)
		return nil
	case nil:
		*t = ""
		return nil
	}
	var converted sql.NullString
	err := converted.Scan(value)
	*t = nullableText(converted.String)
	return err
}

type nullableNumber int64

func (n *nullableNumber) Scan(value any) error {
	switch value := value.(type) {
	case int64:
		*n = nullableNumber(value)
		return nil
	case nil:
		*n = 0
		return nil
	}
	var converted sql.NullInt64
	err := converted.Scan(value)
	*n = nullableNumber(converted.Int64)
	return err
}

// rows is each, bound to ctx.
func (c *connection) rows(ctx context.Context) rows.Each {
	return func(scan func(rows.Row) error, query string, args ...any) error {
		return c.each(ctx, scan, query, args...)
	}
}

// prepare makes args such that SQLite takes them.
func (c *connection) prepare(ctx context.Context, query string, args []any) (*sql.Stmt, error) {
	if err := encodeLists(args); err != nil {
		return nil, err
	}
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

// encodeLists puts JSON in the place of lists, which json_each takes apart.
func encodeLists(args []any) (err error) {
	for i, arg := range args {
		switch list := arg.(type) {
		case []string:
			args[i], err = encodeList(list)
		case []chat.UserID:
			args[i], err = encodeList(list)
		}
		if err != nil {
			return fmt.Errorf("encode a list: %w", err)
		}
	}
	return nil
}

func encodeList[T ~string](list []T) (string, error) {
	if len(list) == 0 {
		return "[]", nil
	}
	return rows.List(list)
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
