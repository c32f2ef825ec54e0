package relay

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/feed"
)

// Log is how far a node has heard of what one writer commits.
type Log struct {
	Writer int64
	Node   string // whose it is; empty where no frame of it has come
	Own    bool   // it is this node's
	Taken  int64  // the number of the last commit that was taken in
	Known  int64  // the number of the last commit of which is known
	// At is when nothing of it was missing, as far as this node knows; zero for its own log, of which nothing ever is.
	At time.Time
}

// Behind is how many commits are known of and were not taken in.
func (l *Log) Behind() int64 { return max(l.Known-l.Taken, 0) }

// logs has a lock of its own: who takes a commit in may wait for those who follow, and who looks at logs does not.
type logs struct {
	mu sync.Mutex
	of map[int64]Log
}

// Logs are those of all writers that have committed something and not ended, by their numbers. It may be called at any time.
func (r *Relay) Logs() []Log {
	inStep := r.InStep()
	r.logs.mu.Lock()
	defer r.logs.mu.Unlock()
	all := slices.Collect(maps.Values(r.logs.of))
	slices.SortFunc(all, func(a, b Log) int { return cmp.Compare(a.Writer, b.Writer) })
	for i := range all {
		if l := &all[i]; !l.Own && l.At.Before(inStep) {
			l.At = inStep
		}
	}
	return all
}

// heardOf notes that a frame of a writer was taken in. mu is held.
func (r *Relay) heardOf(writer int64, from string) {
	r.writers.from(writer, from, time.Now())
	r.noteLog(writer)
}

// noteLog has Logs tell what is known of a writer now. mu is held.
func (r *Relay) noteLog(writer int64) {
	one := r.writers[writer]
	r.logs.mu.Lock()
	defer r.logs.mu.Unlock()
	r.logs.note(writer, one)
}

// noteLogs is noteLog for all. mu is held.
func (r *Relay) noteLogs() {
	r.logs.mu.Lock()
	defer r.logs.mu.Unlock()
	clear(r.logs.of)
	for id, one := range r.writers {
		r.logs.note(id, one)
	}
}

func (l *logs) note(id int64, one *writer) {
	if one.known == 0 || one.n == feed.Ended {
		delete(l.of, id)
		return
	}
	noted := Log{Writer: id, Node: one.node, Own: one.own, Taken: one.n, Known: one.known, At: one.whole}
	if one.own {
		noted.At = time.Time{}
	}
	l.of[id] = noted
}
