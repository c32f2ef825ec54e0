// Package transfer brings everything that one database holds into another one, of another driver, and shows that it is
// there.
//
// It goes table by table, in portions. Each portion is one transaction of the target, which notes in it how far that is:
// whenever the process ends, the next one goes on from there. At the end both sides are read and compared.
package transfer

import (
	"context"
	"errors"
	"fmt"
)

// Source is what is read. It does not change.
type Source interface {
	Contents
	// After calls yield with the rows of a table behind the one with a key, in the order of keys; with all if the key is
	// nil. A row is yield's.
	After(ctx context.Context, t *Table, key []any, yield func(row []any) error) error
	// Count returns how many rows a table has.
	Count(ctx context.Context, t *Table) (int64, error)
}

// Contents is what a database holds.
type Contents interface {
	// Each calls yield with all rows of a table, in any order. yield does not keep them.
	Each(ctx context.Context, t *Table, yield func(row []any) error) error
}

// Target is what is written. Nobody else writes to it.
type Target interface {
	Contents
	// Reached returns how far a table was filled: how many rows it has, and the key of the last one.
	Reached(ctx context.Context, t *Table) (rows int64, key []any, err error)
	// Write adds rows in one transaction, and notes in it how far that is: how many rows the table has then.
	Write(ctx context.Context, t *Table, rows [][]any, reached int64) error
}

// Progress is told how many rows of how many are done.
type Progress func(done, total int64)

// Bounds of a portion.
const (
	portionRows  = 2000
	portionBytes = 2 << 20
)

// Total is how many rows there are, of all tables.
func Total(ctx context.Context, from Source) (total int64, err error) {
	for i := range Tables {
		n, err := from.Count(ctx, &Tables[i])
		if err != nil {
			return 0, fmt.Errorf("count %s: %w", Tables[i].Name, err)
		}
		total += n
	}
	return total, nil
}

// Copy fills the target with what it lacks.
func Copy(ctx context.Context, from Source, to Target, progress Progress) error {
	total, err := Total(ctx, from)
	if err != nil {
		return err
	}
	var done int64
	for i := range Tables {
		rows, err := copyTable(ctx, from, to, &Tables[i], func(rows int64) { progress(done+rows, total) })
		if err != nil {
			return fmt.Errorf("copy %s: %w", Tables[i].Name, err)
		}
		done += rows
	}
	return nil
}

func copyTable(ctx context.Context, from Source, to Target, t *Table, progress func(rows int64)) (reached int64, err error) {
	reached, key, err := to.Reached(ctx, t)
	if err != nil {
		return 0, err
	}
	var portion [][]any
	var size int
	write := func() error {
		if len(portion) == 0 {
			return nil
		}
		reached += int64(len(portion))
		if err := to.Write(ctx, t, portion, reached); err != nil {
			return err
		}
		portion, size = portion[:0], 0
		progress(reached)
		return nil
	}
	err = from.After(ctx, t, key, func(row []any) error {
		portion = append(portion, row)
		size += sizeOf(row)
		if len(portion) < portionRows && size < portionBytes {
			return nil
		}
		return write()
	})
	if err != nil {
		return 0, err
	}
	return reached, write()
}

func sizeOf(row []any) (size int) {
	for _, value := range row {
		switch value := value.(type) {
		case string:
			size += len(value)
		case []byte:
			size += len(value)
		}
	}
	return size + 8*len(row)
}

// ErrDiffer is in the error of Compare where the two sides do not hold the same.
var ErrDiffer = errors.New("the two databases do not hold the same")

// Compare reads all of both sides. progress is told of rows of both.
func Compare(ctx context.Context, from Source, to Contents, progress Progress) error {
	total, err := Total(ctx, from)
	if err != nil {
		return err
	}
	var done int64
	sum := func(of Contents, t *Table) (s Sum, err error) {
		err = of.Each(ctx, t, func(row []any) error {
			s.Add(row)
			done++
			if done%portionRows == 0 {
				progress(min(done, 2*total), 2*total)
			}
			return nil
		})
		return s, err
	}
	for i := range Tables {
		t := &Tables[i]
		want, err := sum(from, t)
		if err != nil {
			return fmt.Errorf("read %s: %w", t.Name, err)
		}
		got, err := sum(to, t)
		if err != nil {
			return fmt.Errorf("read %s back: %w", t.Name, err)
		}
		switch {
		case got.Rows != want.Rows:
			return fmt.Errorf("%w: %s has %d rows, and should have %d", ErrDiffer, t.Name, got.Rows, want.Rows)
		case got != want:
			return fmt.Errorf("%w: the rows of %s have other contents", ErrDiffer, t.Name)
		}
	}
	progress(2*total, 2*total)
	return nil
}
