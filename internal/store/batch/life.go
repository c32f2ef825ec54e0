package batch

import (
	"sync"
	"time"
)

// life is by when the writer is known to write.
type life struct {
	mu     sync.Mutex
	wrote  time.Time // the end of the last transaction of which something is stored; zero where the last one has failed
	signed time.Time // when the database carried out a command last
}

// Wrote tells when something was stored last; zero if the last transaction has failed, or there was none. It may be called
// at any time.
func (w *Writer[T]) Wrote() time.Time {
	w.life.mu.Lock()
	defer w.life.mu.Unlock()
	return w.life.wrote
}

// Signed tells when the last command was carried out, be it in a transaction that is under way still; zero if the last one has
// failed. It may be called at any time.
func (w *Writer[T]) Signed() time.Time {
	w.life.mu.Lock()
	defer w.life.mu.Unlock()
	return w.life.signed
}

// sign notes that a command was carried out.
func (l *life) sign() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.signed = time.Now()
}

// ended notes the end of a transaction. One in which every command was refused says nothing: nothing was stored.
func (l *life) ended(err error, stored bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch now := time.Now(); {
	case err != nil:
		l.wrote, l.signed = time.Time{}, time.Time{}
	case stored:
		l.wrote, l.signed = now, now
	}
}
