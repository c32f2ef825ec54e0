package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// indexDelay lets messages come together, so that many share a transaction.
	indexDelay = 200 * time.Millisecond
	// indexRetry is how long to wait after a failure.
	indexRetry = 5 * time.Second
	// indexPortion is how many messages share a transaction: a few milliseconds, in
	// which nobody else writes.
	indexPortion = 100
)

// indexer puts stored messages into the index of words, behind the back of those
// who send them. How far it has come is in the database, so that the next process
// goes on there.
type indexer struct {
	writer  *writer
	readers *readers
	delay   time.Duration
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

func startIndexer(w *writer, r *readers, delay time.Duration) *indexer {
	ctx, cancel := context.WithCancel(context.Background())
	x := &indexer{writer: w, readers: r, delay: delay, cancel: cancel}
	x.done.Go(func() { x.run(ctx) })
	return x
}

// stop returns when the portion at hand is done.
func (x *indexer) stop() {
	x.cancel()
	x.done.Wait()
}

func (x *indexer) run(ctx context.Context) {
	for pause := x.delay; sleep(ctx, pause); {
		pause = x.delay
		if err := x.catchUp(ctx); err != nil {
			if ctx.Err() != nil || errors.Is(err, ErrClosed) {
				return
			}
			x.writer.counters.indexFailed()
			pause = indexRetry
			continue
		}
		select {
		case <-x.writer.indexable:
		case <-ctx.Done():
			return
		}
	}
}

// catchUp works until nothing is left. A look beforehand keeps an idle process from
// writing.
func (x *indexer) catchUp(ctx context.Context) error {
	var more bool
	err := x.readers.row(ctx, `SELECT EXISTS (SELECT 1 FROM messages WHERE ordinal > (SELECT indexed FROM word_progress))`).Scan(&more)
	for more && err == nil {
		err = x.writer.do(ctx, func(tx *tx) (err error) {
			more, err = tx.indexPortion()
			return err
		})
	}
	return err
}

// sleep tells whether ctx was still alive afterwards.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// indexPortion indexes what comes next and tells whether there may be more.
func (t *tx) indexPortion() (more bool, err error) {
	type next struct {
		ordinal      int64
		conversation string
		content      string
		deleted      bool
	}
	var portion []next
	err = t.each(func(row scanner) error {
		var n next
		err := row.Scan(&n.ordinal, &n.conversation, &n.content, &n.deleted)
		portion = append(portion, n)
		return err
	}, `SELECT m.ordinal, m.conversation_id, m.content, m.deleted_at IS NOT NULL
		FROM messages m WHERE m.ordinal > (SELECT indexed FROM word_progress)
		ORDER BY m.ordinal LIMIT ?`, indexPortion)
	if err != nil {
		return false, fmt.Errorf("read messages to index: %w", err)
	}
	if len(portion) == 0 {
		return false, nil
	}
	for _, n := range portion {
		if n.deleted {
			continue
		}
		if err := t.addWords(n.ordinal, n.conversation, n.content); err != nil {
			return false, err
		}
	}
	if _, err := t.exec(`UPDATE word_progress SET indexed = ?`, portion[len(portion)-1].ordinal); err != nil {
		return false, fmt.Errorf("mark progress of the index: %w", err)
	}
	return len(portion) == indexPortion, nil
}
