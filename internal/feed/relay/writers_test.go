package relay

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/sockeye-im/sockeye/internal/feed"
)

// frameOf is a frame of the writer 1.
func frameOf(after, n int64) frame { return frame{Commit: feed.Commit{Writer: 1, N: n}, after: after} }

func numbersOf(frames []frame) (n []int64) {
	for _, f := range frames {
		n = append(n, f.N)
	}
	return n
}

// What becomes of each event in each state of a writer: which commits are taken in, whether the log
// is to be read, how far it is then.
func TestWriter(t *testing.T) {
	states := map[string]func(writers){
		"unknown": func(writers) {},
		"in step": func(w writers) { w.frame(frameOf(0, 4)) },
		"behind":  func(w writers) { w.frame(frameOf(0, 4)); w.frame(frameOf(6, 8)); w.frame(frameOf(8, 9)) },
		"ended":   func(w writers) { w.reach(1, feed.Ended) },
	}
	type outcome struct {
		taken []int64
		gap   bool
	}
	hears := func(after, n int64) func(writers) outcome {
		return func(w writers) outcome {
			ready, gap := w.frame(frameOf(after, n))
			return outcome{numbersOf(ready), gap}
		}
	}
	beats := func(n int64) func(writers) outcome {
		return func(w writers) outcome { return outcome{gap: w.beat(1, n)} }
	}
	shows := func(n int64) func(writers) outcome {
		return func(w writers) outcome {
			fresh, behind := w.commit(feed.Commit{Writer: 1, N: n})
			taken := numbersOf(behind)
			if fresh {
				taken = append([]int64{n}, taken...)
			}
			return outcome{taken: taken}
		}
	}
	reaches := func(n int64) func(writers) outcome {
		return func(w writers) outcome { return outcome{taken: numbersOf(w.reach(1, n))} }
	}
	for _, test := range []struct {
		state, event string
		do           func(writers) outcome
		want         outcome
		n            int64
	}{
		{"unknown", "its first frame", hears(0, 1), outcome{taken: []int64{1}}, 1},
		{"unknown", "a frame behind others", hears(1, 2), outcome{gap: true}, 0},
		{"unknown", "a heartbeat before it has told anything", beats(0), outcome{}, 0},
		{"unknown", "a heartbeat", beats(3), outcome{gap: true}, 0},
		{"unknown", "a commit in the log", shows(2), outcome{taken: []int64{2}}, 2},
		{"unknown", "where the log ends", reaches(5), outcome{}, 5},
		{"unknown", "its end", reaches(feed.Ended), outcome{}, feed.Ended},

		{"in step", "the next frame", hears(4, 5), outcome{taken: []int64{5}}, 5},
		{"in step", "the next frame, behind commits without facts", hears(4, 9), outcome{taken: []int64{9}}, 9},
		{"in step", "a frame again", hears(0, 4), outcome{}, 4},
		{"in step", "an old frame", hears(0, 3), outcome{}, 4},
		{"in step", "a frame behind a lost one", hears(5, 6), outcome{gap: true}, 4},
		{"in step", "a heartbeat", beats(4), outcome{}, 4},
		{"in step", "a late heartbeat", beats(3), outcome{}, 4},
		{"in step", "a heartbeat that shows a loss", beats(5), outcome{gap: true}, 4},
		{"in step", "the next commit in the log", shows(5), outcome{taken: []int64{5}}, 5},
		{"in step", "a commit in the log that was told", shows(4), outcome{}, 4},
		{"in step", "where the log ends", reaches(4), outcome{}, 4},
		{"in step", "where the log ends, behind commits without facts", reaches(7), outcome{}, 7},
		{"in step", "its end", reaches(feed.Ended), outcome{}, feed.Ended},

		{"behind", "the missing frame", hears(4, 6), outcome{taken: []int64{6, 8, 9}}, 9},
		{"behind", "a part of what is missing", hears(4, 5), outcome{taken: []int64{5}, gap: true}, 5},
		{"behind", "one more frame", hears(9, 10), outcome{gap: true}, 4},
		{"behind", "an early frame again", hears(8, 9), outcome{gap: true}, 4},
		{"behind", "an old frame", hears(0, 4), outcome{}, 4},
		{"behind", "a heartbeat", beats(9), outcome{gap: true}, 4},
		{"behind", "the missing commit in the log", shows(6), outcome{taken: []int64{6, 8, 9}}, 9},
		{"behind", "a part of it in the log", shows(5), outcome{taken: []int64{5}}, 5},
		{"behind", "where the log ends", reaches(6), outcome{taken: []int64{8, 9}}, 9},
		{"behind", "where the log ends, between early frames", reaches(8), outcome{taken: []int64{9}}, 9},
		{"behind", "its end", reaches(feed.Ended), outcome{}, feed.Ended},

		{"ended", "a frame of somebody who sleeps", hears(4, 5), outcome{}, feed.Ended},
		{"ended", "a heartbeat", beats(5), outcome{}, feed.Ended},
		{"ended", "a commit in the log", shows(5), outcome{}, feed.Ended},
		{"ended", "its end again", reaches(feed.Ended), outcome{}, feed.Ended},
	} {
		t.Run(test.state+"/"+test.event, func(t *testing.T) {
			w := make(writers)
			states[test.state](w)
			if got := test.do(w); !slices.Equal(got.taken, test.want.taken) || got.gap != test.want.gap {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if n := w.of(1).n; n != test.n {
				t.Errorf("it is at %d, want %d", n, test.n)
			}
		})
	}
}

// Frames behind a gap are kept up to a bound: those that are not are in the log.
func TestWriterKeepsNoMoreThanSome(t *testing.T) {
	w := make(writers)
	for n := range int64(2 * maxEarly) {
		w.frame(frameOf(n+1, n+2))
	}
	if got := len(w.of(1).early); got != maxEarly {
		t.Fatalf("%d are kept", got)
	}
	if _, behind := w.commit(feed.Commit{Writer: 1, N: 1}); len(behind) != maxEarly || w.of(1).n != maxEarly+1 {
		t.Errorf("%d are taken in, up to %d", len(behind), w.of(1).n)
	}
	if !w.beat(1, 2*maxEarly+1) {
		t.Error("nothing is missing")
	}
}

// A commit that the log shows is waited for where a frame of it should come.
func TestWriterExpected(t *testing.T) {
	for _, test := range []struct {
		name     string
		do       func(writers)
		n        int64
		expected bool
	}{
		{"a node that speaks", func(w writers) { w.frame(frameOf(0, 4)) }, 5, true},
		{"a node of which frames are missing", func(w writers) { w.frame(frameOf(2, 4)) }, 2, false},
		{"a node that has told of the one before", func(w writers) { w.beat(1, 2) }, 3, true},
		{"a node that has told of it", func(w writers) { w.beat(1, 3) }, 3, false},
		{"a node that has told of a later one", func(w writers) { w.beat(1, 4) }, 3, false},
		{"a writer that is new", func(writers) {}, 1, true},
		{"one that has not spoken yet", func(w writers) { w.reach(1, 4) }, 5, true},
		{"one that has not told of another one", func(w writers) { w.gaveUp(feed.Commit{Writer: 1, N: 4}) }, 5, false},
		{"one that speaks again", func(w writers) { w.gaveUp(feed.Commit{Writer: 1, N: 4}); w.beat(1, 4) }, 5, true},
		{"this node itself", func(w writers) { w.of(1).own = true; w.gaveUp(feed.Commit{Writer: 1, N: 4}) }, 5, true},
	} {
		w := make(writers)
		test.do(w)
		if got := w.expected(feed.Commit{Writer: 1, N: test.n}); got != test.expected {
			t.Errorf("%s: expected %v", test.name, got)
		}
	}
}

// A writer that the log was asked for and does not know is forgotten; one that came meanwhile is not.
func TestWritersForget(t *testing.T) {
	w := make(writers)
	w.reach(1, 5)
	w.reach(2, 5)
	asked := w.positions()
	w.frame(frame{Commit: feed.Commit{Writer: 3, N: 1}})
	w.forget(asked, map[int64]int64{2: 5})
	if got, want := fmt.Sprint(slices.Sorted(maps.Keys(w))), "[2 3]"; got != want {
		t.Errorf("known are %s, want %s", got, want)
	}
}
