//go:build linux

package attack

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Answers are what the witnesses got.
type Answers struct {
	Number           int
	Median, P99, Max time.Duration
}

// witnesses are clients that mean well: each asks something now and then, and wants an answer.
type witnesses struct {
	conns []*socket
	quit  chan struct{}
	done  sync.WaitGroup

	mu     sync.Mutex
	took   []time.Duration
	failed error
}

// witnessPause is the time between an answer and the next question.
const witnessPause = 20 * time.Millisecond

func bringWitnesses(ctx context.Context, p *Plan) (*witnesses, error) {
	tokens := p.Tokens[:p.Witness]
	w := &witnesses{conns: make([]*socket, len(tokens)), quit: make(chan struct{})}
	err := many(len(tokens), func(i int) (err error) {
		w.conns[i], err = open(ctx, p.Addr, tokens[i], p.Patience)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, conn := range w.conns {
		w.done.Go(func() { w.run(i, conn) })
	}
	return w, nil
}

func (w *witnesses) run(i int, conn *socket) {
	for {
		select {
		case <-w.quit:
			return
		case <-time.After(witnessPause):
		}
		began := time.Now()
		err := conn.ask(`{"type":"room:list","ref":1,"mine":true}`)
		w.mu.Lock()
		w.took = append(w.took, time.Since(began))
		if err != nil && w.failed == nil {
			w.failed = fmt.Errorf("witness %d: %w", i, err)
		}
		w.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// answers are those since they were last asked for.
func (w *witnesses) answers() Answers {
	w.mu.Lock()
	defer w.mu.Unlock()
	took := w.took
	w.took = nil
	return answersOf(took)
}

// failure is the first time that one of them was not served.
func (w *witnesses) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

func (w *witnesses) stop() {
	close(w.quit)
	w.done.Wait()
	for _, conn := range w.conns {
		_ = conn.Close()
	}
}
