package socketio

import (
	"context"
	"sync"
)

// workers counts goroutines. Unlike a sync.WaitGroup it may be added to while
// somebody waits for it.
type workers struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // made by wait, closed when n falls to 0
}

func (w *workers) add() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
}

func (w *workers) done() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n--
	if w.n == 0 && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

// wait returns once there are none, or when ctx ends.
func (w *workers) wait(ctx context.Context) error {
	w.mu.Lock()
	if w.n == 0 {
		w.mu.Unlock()
		return nil
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
	}
	idle := w.idle
	w.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
