//go:build linux

package crowd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/bench/process"
)

// watcher asks the server how many connections it has, and the kernel how large it is.
type watcher struct {
	closed atomic.Bool // no more than were to stay
	peak   atomic.Int64
	quit   chan struct{}
	done   chan struct{}
}

func (w *watcher) stop() { close(w.quit); <-w.done }

func (s *slowTrial) watch(stay int) *watcher {
	w := &watcher{quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-w.quit:
				return
			case <-ticker.C:
			}
			if n, err := connectionsOf(s.plan.Addr); err == nil && n <= stay {
				w.closed.Store(true)
			}
			if m, err := process.ReadMemory(s.plan.PID); err == nil {
				w.peak.Store(max(w.peak.Load(), m.RSS))
			}
		}
	}()
	return w
}

func connectionsOf(addr string) (int, error) {
	answer, err := http.Get("http://" + addr + "/health")
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	var health struct{ Connections int }
	err = json.NewDecoder(answer.Body).Decode(&health)
	return health.Connections, err
}

// countSlow waits until the server has counted so many slow consumers, which it does behind their end, and returns how many it
// has counted then, or when it does not come so far.
func countSlow(addr string, want int) (counted int, err error) {
	for late := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if counted, err = slowConsumers(addr); err != nil || counted >= want || time.Now().After(late) {
			return counted, err
		}
	}
}

// slowConsumers is how many connections the server has closed because they did not read.
func slowConsumers(addr string) (int, error) {
	answer, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	_, rest, found := bytes.Cut(text, []byte("\nwebsocket_disconnections_total{reason=\"slow consumer\"} "))
	if !found {
		return 0, errors.New("the server has no count of slow consumers")
	}
	number, _, _ := bytes.Cut(rest, []byte("\n"))
	return strconv.Atoi(string(number))
}
