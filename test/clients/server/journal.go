package server

import (
	"context"
	"sync"
)

// entry is one thing that a server noticed.
type entry struct {
	Kind      string `json:"kind"` // open, close, connect, disconnect, middleware, event, error
	Namespace string `json:"namespace,omitempty"`
	ID        string `json:"id,omitempty"`
	Name      string `json:"name,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Recovered bool   `json:"recovered"`
	Arguments int    `json:"arguments"`
}

// journal keeps the entries of one server for those who follow it.
type journal struct {
	mu      sync.Mutex
	entries []entry
	changed chan struct{} // closed and replaced at each change
	ended   bool
}

func newJournal() *journal { return &journal{changed: make(chan struct{})} }

func (j *journal) add(e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	j.tell()
}

// end lets the followers go, once they have seen everything.
func (j *journal) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = true
	j.tell()
}

func (j *journal) tell() {
	close(j.changed)
	j.changed = make(chan struct{})
}

// follow passes on all entries, from the first, until the journal or ctx ends
// or f fails.
func (j *journal) follow(ctx context.Context, f func(entry) error) {
	for seen := 0; ; {
		j.mu.Lock()
		fresh, ended, changed := j.entries[seen:], j.ended, j.changed
		j.mu.Unlock()
		for _, e := range fresh {
			if f(e) != nil {
				return
			}
		}
		seen += len(fresh)
		if len(fresh) > 0 {
			continue
		}
		if ended {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
