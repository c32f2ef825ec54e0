package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

const (
	// indexDelay lets messages come together, so that many share a transaction.
	indexDelay = 200 * time.Millisecond
	// indexRetry is how long to wait after a failure.
	indexRetry = 5 * time.Second
	// A portion of messages is indexed in one transaction, among other commands, while
	// nobody else writes: some 20 microseconds a message, or 4 MiB of text a second.
	// Portions grow while there is more to do, until they are more than the writer stores
	// meanwhile, and become small again when there is less.
	smallPortion  = 64
	largePortion  = 1024
	portionOfText = 128 << 10
)

// indexer puts stored messages into the index of words, behind the back of those
// who send them. How far it has come is in the database, so that the next process
// goes on there.
type indexer struct {
	writer  *writer
	readers *readers
	delay   time.Duration
	portion int // how many messages to take next
	cancel  context.CancelFunc
	done    sync.WaitGroup

	failures atomic.Uint64
}

func startIndexer(w *writer, r *readers, delay time.Duration) *indexer {
	ctx, cancel := context.WithCancel(context.Background())
	x := &indexer{writer: w, readers: r, delay: delay, portion: smallPortion, cancel: cancel}
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
			x.failures.Add(1)
			pause = indexRetry
			continue
		}
		select {
		case <-x.writer.tx.toIndex:
		case <-ctx.Done():
			return
		}
	}
}

// catchUp works until it has come to a portion that is not full: what is stored since
// has a signal of its own, and is better done together. Before each portion the writer
// carries out what has been waiting longer.
func (x *indexer) catchUp(ctx context.Context) error {
	for {
		texts, more, err := x.next(ctx)
		if err != nil || len(texts) == 0 {
			return err
		}
		if err := x.writer.Do(ctx, func(tx *tx) error { return tx.indexPortion(texts) }); err != nil {
			return err
		}
		x.portion = min(max(2*len(texts), smallPortion), largePortion)
		if !more {
			return nil
		}
	}
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

// text is what is indexed of a message.
type text struct {
	ordinal      int64
	conversation string
	content      string
	deleted      bool
	words        string // of the content
}

const textsQuery = `SELECT m.ordinal, m.conversation_id, m.content, m.deleted_at IS NOT NULL
	FROM messages m WHERE m.ordinal > (SELECT indexed FROM word_progress)
	ORDER BY m.ordinal LIMIT ?`

func scanText(row rows.Row) (t text, err error) {
	err = row.Scan(&t.ordinal, &t.conversation, &t.content, &t.deleted)
	return t, err
}

// next returns what is to be indexed next, cut into words here rather than by the writer,
// and whether there may be more.
func (x *indexer) next(ctx context.Context) (texts []text, more bool, err error) {
	err = x.readers.each(ctx, func(row rows.Row) error {
		t, err := scanText(row)
		texts = append(texts, t)
		return err
	}, textsQuery, x.portion)
	if err != nil {
		return nil, false, fmt.Errorf("read messages to index: %w", err)
	}
	more = len(texts) == x.portion
	size := 0
	for i := range texts {
		size += len(texts[i].content)
		if size > portionOfText && i > 0 {
			return texts[:i], true, nil
		}
		texts[i].words = lexeme.Of(texts[i].content)
	}
	return texts, more, nil
}

// indexPortion indexes as many messages as were read before, as they are now: they may
// have been edited, deleted or removed meanwhile.
func (t *tx) indexPortion(before []text) error {
	now := make([]text, 0, len(before))
	if err := t.each(func(row rows.Row) error {
		one, err := scanText(row)
		now = append(now, one)
		return err
	}, textsQuery, len(before)); err != nil {
		return fmt.Errorf("read messages to index again: %w", err)
	}
	for i, one := range now {
		if one.deleted {
			continue
		}
		if one.content == before[i].content {
			one.words = before[i].words
		} else {
			one.words = lexeme.Of(one.content)
		}
		if err := t.addWords(&one); err != nil {
			return err
		}
	}
	if len(now) == 0 {
		return nil
	}
	if _, err := t.exec(`UPDATE word_progress SET indexed = ?`, now[len(now)-1].ordinal); err != nil {
		return fmt.Errorf("mark progress of the index: %w", err)
	}
	return nil
}
