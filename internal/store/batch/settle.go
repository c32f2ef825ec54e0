package batch

import (
	"errors"
	"fmt"
	"time"
)

// settlePause is between two attempts to find out what became of a transaction.
const settlePause = 50 * time.Millisecond

// settleNow waits for the outcome of a commit, for as long as its callers may be kept waiting. It returns nil for a
// transaction that is stored, and unknown, or what it says of the cause, for one that is not.
func (w *Writer[T]) settleNow(unknown error) error {
	w.unsettled = unknown
	for deadline := time.Now().Add(w.cfg.SettleFor); ; time.Sleep(settlePause) {
		stored, err := w.tx.Settle()
		switch {
		case err == nil && stored:
			w.unsettled = nil
			return nil // commitBatch publishes it
		case err == nil:
			w.unsettled = nil
			w.tx.Rollback()
			return notStored{unknown}
		case time.Now().After(deadline):
			return fmt.Errorf("%w: %w", unknown, err)
		}
	}
}

// settled returns nil if there is nothing to settle any more. What turns out to be stored is published now, before
// anything that comes after it.
func (w *Writer[T]) settled() error {
	if w.unsettled == nil {
		return nil
	}
	stored, err := w.tx.Settle()
	if err != nil {
		return fmt.Errorf("%s: the transaction before is not settled: %w", w.cfg.Name, err)
	}
	w.unsettled = nil
	if stored {
		w.tx.Publish()
	} else {
		w.tx.Rollback()
	}
	return nil
}

// notStored is an [ErrUnknown] of which it has turned out that nothing is stored.
type notStored struct{ cause error }

func (n notStored) Error() string { return n.cause.Error() + ": nothing was stored" }

// Is and As find in the cause what it is but for that.
func (n notStored) Is(target error) bool { return target != ErrUnknown && errors.Is(n.cause, target) }

// As belongs to Is.
func (n notStored) As(target any) bool { return errors.As(n.cause, target) }
