package relay

import (
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/feed"
)

// writers are those who commit, each in the order of its own numbers: this node, the others,
// the operator's commands. It has no goroutines and no lock.
type writers map[int64]*writer

type writer struct {
	// n is the number of the last commit that was taken in here.
	n int64
	// known is the greatest number of a commit that was heard of.
	known int64
	// early are frames behind a gap, in their order.
	early []frame
	// mute has something that should have come by itself not come, and nothing since.
	mute bool
	own  bool // it is this node
	// node is that of its frames; empty before the first.
	node string
	// whole is when a frame last showed that nothing is missing.
	whole time.Time
}

// maxEarly is how many frames are kept behind a gap. Later ones are read from the log.
const maxEarly = 256

// frame is a commit of another node, as it says it.
type frame struct {
	feed.Commit
	// after is the commit that the node has told of before. None of those between had facts.
	after int64
	facts *feed.Facts
}

func (w writers) of(id int64) *writer {
	one := w[id]
	if one == nil {
		one = &writer{} // it began after all others were asked for
		w[id] = one
	}
	return one
}

// frame takes a frame that has come, and returns those whose facts are to be taken in now.
func (w writers) frame(f frame) (ready []frame, gap bool) {
	one := w.of(f.Writer)
	one.mute = false
	one.known = max(one.known, f.N)
	switch {
	case f.N <= one.n:
		return nil, false // the log has told
	case f.after > one.n:
		if len(one.early) < maxEarly {
			one.early = append(one.early, f)
		}
		return nil, true
	}
	one.n = f.N
	return one.follow([]frame{f}), one.known > one.n
}

// beat takes what a node says of the last commit of which it has told.
func (w writers) beat(id, n int64) (gap bool) {
	one := w.of(id)
	one.mute = false
	one.known = max(one.known, n)
	return one.known > one.n
}

// from notes which node a frame has come from that was taken in, and whether nothing of its writer is missing.
func (w writers) from(id int64, node string, now time.Time) {
	one := w.of(id)
	one.node = node
	if one.n >= one.known {
		one.whole = now
	}
}

// commit takes a commit of this node, or one that the log has shown, and reports whether it is
// to be taken in now. What has come early and follows it comes behind.
func (w writers) commit(c feed.Commit) (fresh bool, behind []frame) {
	one := w.of(c.Writer)
	one.known = max(one.known, c.N)
	if c.N <= one.n {
		return false, nil
	}
	one.n = c.N
	return true, one.follow(nil)
}

// reach notes that all commits up to one were taken in that have facts.
func (w writers) reach(id, n int64) (behind []frame) {
	one := w.of(id)
	one.known = max(one.known, n)
	if n <= one.n {
		return nil
	}
	one.n = n
	return one.follow(nil)
}

// follow adds the frames that have come early and are next now.
func (w *writer) follow(ready []frame) []frame {
	n := 0
	for n < len(w.early) && w.early[n].after <= w.n {
		if f := w.early[n]; f.N > w.n {
			w.n = f.N
			ready = append(ready, f)
		}
		n++
	}
	w.early = slices.Delete(w.early, 0, n)
	return ready
}

// expected tells whether a commit that the log has shown is likely to come by itself: its writer has
// not said yet that it has told of it, or of a later one.
func (w writers) expected(c feed.Commit) bool {
	one := w.of(c.Writer)
	return one.own || !one.mute && len(one.early) == 0 && one.known < c.N
}

// gaveUp notes that a commit did not come by itself in time.
func (w writers) gaveUp(c feed.Commit) { w.of(c.Writer).mute = true }

// positions are the numbers of the last commits that were taken in.
func (w writers) positions() map[int64]int64 {
	at := make(map[int64]int64, len(w))
	for id, one := range w {
		at[id] = one.n
	}
	return at
}

// forget drops those of the writers that the log was asked for and does not know any more.
func (w writers) forget(asked, reached map[int64]int64) {
	for id := range asked {
		if _, there := reached[id]; !there {
			delete(w, id)
		}
	}
}
