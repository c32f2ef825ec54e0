package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// readers is the pool of connections that only read. Statements are prepared
// once and by the pool on each of its connections. All methods may be called
// concurrently.
type readers struct {
	db       *sql.DB
	mu       sync.RWMutex
	prepared map[string]*sql.Stmt
}

// row returns the first row; an error of the query comes out of its Scan.
func (r *readers) row(ctx context.Context, query string, args ...any) scanner {
	stmt, err := r.prepare(ctx, query)
	if err != nil {
		return failed{err}
	}
	return stmt.QueryRowContext(ctx, args...)
}

// each calls scan for every row.
func (r *readers) each(ctx context.Context, scan func(scanner) error, query string, args ...any) error {
	stmt, err := r.prepare(ctx, query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return drain(rows, scan)
}

// rows is each, bound to ctx.
func (r *readers) rows(ctx context.Context) eachRow {
	return func(scan func(scanner) error, query string, args ...any) error {
		return r.each(ctx, scan, query, args...)
	}
}

// eachRow calls scan for every row of a query, of readers, of one snapshot of them or
// of the writer.
type eachRow func(scan func(scanner) error, query string, args ...any) error

// snapshot runs ask with a view of one state of the database, whatever is written
// meanwhile.
func (r *readers) snapshot(ctx context.Context, ask func(eachRow) error) (err error) {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	// Not the prepared statements: to prepare one takes another connection of the
	// pool, for which all who hold one might wait.
	return ask(func(scan func(scanner) error, query string, args ...any) error {
		rows, err := tx.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		return drain(rows, scan)
	})
}

// drain calls scan for every row and closes them.
func drain(rows *sql.Rows, scan func(scanner) error) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (r *readers) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.RLock()
	stmt, ok := r.prepared[query]
	r.mu.RUnlock()
	if ok {
		return stmt, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if stmt, ok := r.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := r.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if r.prepared == nil {
		r.prepared = make(map[string]*sql.Stmt)
	}
	r.prepared[query] = stmt
	return stmt, nil
}

// close waits for reads that run.
func (r *readers) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, stmt := range r.prepared {
		errs = append(errs, stmt.Close())
	}
	r.prepared = nil
	return errors.Join(append(errs, r.db.Close())...)
}
