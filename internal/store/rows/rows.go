// Package rows makes of the rows of a database what [chat.Store] and [account.Store] return, for every driver: which
// column is which field, what is asked next, what is grouped, cut and counted.
//
// The statements are the drivers'. Who hands one over finds its parameters here, in their order, and the columns that it
// has to return; a list among the parameters is a []string or a []chat.UserID. Of a column that may be NULL
// the zero value is read: the statement puts it there, with coalesce, or the driver's rows do.
package rows

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"
)

// Row is a row of an answer.
type Row interface {
	Scan(dest ...any) error
}

// Failed is the row of a query that could not be asked.
type Failed struct{ Err error }

// Scan returns the error.
func (f Failed) Scan(...any) error { return f.Err }

// Asked is a row that is asked for when it is scanned.
type Asked func(dest ...any) error

// Scan asks for the row.
func (a Asked) Scan(dest ...any) error { return a(dest...) }

// Found turns the absence of a row into false.
func Found(err error) (bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Each calls scan for every row of a query, of readers, of one snapshot of them or of the writer.
type Each func(scan func(Row) error, query string, args ...any) error

// Collect adds to list what scan makes of each row.
func Collect[T any](each Each, list []T, scan func(Row) (T, error), query string, args ...any) ([]T, error) {
	err := each(func(row Row) error {
		one, err := scan(row)
		list = append(list, one)
		return err
	}, query, args...)
	return list, err
}

// One reads the only column of a row.
func One[T any](row Row) (one T, err error) {
	err = row.Scan(&one)
	return one, err
}

// Result is what run returns, which do carries out: a command of the writer's or a read of
// one state. It is zero if that failed, in the commit too.
func Result[X, T any](ctx context.Context, do func(context.Context, func(X) error) error, run func(X) (T, error)) (T, error) {
	var out, none T
	err := do(ctx, func(x X) (err error) {
		out, err = run(x)
		return err
	})
	if err != nil {
		return none, err
	}
	return out, nil
}

// Instant is the time of a stored number of milliseconds.
func Instant(millis int64) time.Time {
	return time.UnixMilli(millis).UTC()
}

// InstantOrZero is Instant, of a column in which 0 stands for no time.
func InstantOrZero(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return Instant(millis)
}

// List stores a list as JSON, an empty one as an empty text.
func List[T ~string](list []T) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	text, err := json.Marshal(list)
	return string(text), err
}

func readList[T ~string](text string, list *[]T) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), list)
}
