package server

import (
	"context"
	"net/http"
	"sync"

	"github.com/sockeye-im/sockeye/engineio"
)

// polls knows which sessions have a poll that waits to be answered.
type polls struct {
	http.Handler

	mu      sync.Mutex
	waiting map[string]int
	changed chan struct{} // closed and replaced at each change
}

func watchPolls(h http.Handler) *polls {
	return &polls{Handler: h, waiting: make(map[string]int), changed: make(chan struct{})}
}

// ServeHTTP implements http.Handler.
func (p *polls) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	id := query.Get("sid")
	if id == "" || r.Method != http.MethodGet || query.Get("transport") != engineio.Polling {
		p.Handler.ServeHTTP(w, r)
		return
	}
	p.count(id, 1)
	answered := sync.OnceFunc(func() { p.count(id, -1) })
	defer answered()
	p.Handler.ServeHTTP(&answer{ResponseWriter: w, begins: answered}, r)
}

func (p *polls) count(id string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[id] += n
	close(p.changed)
	p.changed = make(chan struct{})
}

// await returns when a poll of the session waits.
func (p *polls) await(ctx context.Context, id string) error {
	for {
		p.mu.Lock()
		waits, changed := p.waiting[id] > 0, p.changed
		p.mu.Unlock()
		if waits {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// answer tells before its first byte goes out, so that who has the answer finds
// the poll counted as ended.
type answer struct {
	http.ResponseWriter
	begins func()
}

func (a *answer) WriteHeader(status int) {
	a.begins()
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	a.begins()
	return a.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
