package job_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// scene is what jobs there are, and how many processes do them.
type scene struct {
	at     setting
	nodes  int
	most   int // jobs, of which a tenth are steps of chains
	atMost time.Duration
}

const chains = 20

func (s scene) steps() int { return s.most / 10 / chains }

// crash is a scene while some of the processes die, as seen by one who hears of each begin and each end of a job, and who says how
// far they may go.
type crash struct {
	scene
	t       *testing.T
	changed chan struct{} // something has been heard

	mu      sync.Mutex
	live    []*process        // by place
	runs    map[string][]*run // by job, in the order in which they were heard of
	done    map[string]bool   // has ended once
	mayEnd  int               // how many jobs may, in all
	killAt  int               // when so many have ended, the target is killed
	target  *process
	waits   []wait
	trouble error

	longest time.Duration // of waits; judge finds it
}

// process is one of those that do jobs.
type process struct {
	place   int
	cmd     *exec.Cmd
	in      io.WriteCloser
	said    bytes.Buffer // on standard error
	died    chan struct{}
	diedAt  time.Time
	stopped bool // it is to end, or was killed

	begun   bool // a job
	running map[*run]struct{}
	tokens  int // for ends that were not heard of yet
	stalls  []span
}

// run is what was heard of one try of a job.
type run struct {
	job  string
	by   *process
	span      // of one that runs, the end is zero
	done bool // rather than given up or killed
}

type span struct{ begin, end time.Time }

func (s span) overlaps(other span) bool {
	return s.begin.Before(other.end) && other.begin.Before(s.end)
}

// wait is for what is to begin again, since the time when it could.
type wait struct {
	jobs  []string // or any, if there are none
	since time.Time
}

// newCrash enqueues the jobs, and starts the processes. They may begin jobs and end none.
func newCrash(t *testing.T, s scene) *crash {
	t.Helper()
	c := &crash{
		scene: s, t: t, changed: make(chan struct{}, 1), live: make([]*process, s.nodes),
		runs: make(map[string][]*run), done: make(map[string]bool),
	}
	c.enqueue()
	for place := range s.nodes {
		c.launch(place)
	}
	c.await("a job of each server", func() bool {
		return !slices.ContainsFunc(c.live, func(p *process) bool { return len(p.running) == 0 })
	})
	return c
}

func (c *crash) enqueue() {
	c.t.Helper()
	store, err := c.at.open(c.t.Context(), "")
	must(c.t, err)
	due := time.Now().Add(-time.Hour)
	queue, err := job.NewQueue(new(puppet).kinds(), job.QueueDeps{Store: store, NewID: chat.NewID, Now: func() time.Time {
		due = due.Add(time.Millisecond) // each has a turn of its own
		return due
	}})
	must(c.t, err)
	var all []job.New
	for n := range chains {
		all = append(all, step{n, 1, c.steps()}.job())
	}
	for n := range c.most - chains*c.steps() {
		all = append(all, job.New{Kind: plainKind, Payload: []byte(plainJob(n))})
	}
	for some := range slices.Chunk(all, 1000) {
		_, err := queue.Enqueue(c.t.Context(), some...)
		must(c.t, err)
	}
	must(c.t, store.Close())
}

// launch starts a process at a place, in which there is none.
func (c *crash) launch(place int) {
	c.t.Helper()
	at := c.at
	at.Place = "place " + strconv.Itoa(place)
	text, err := json.Marshal(at)
	must(c.t, err)
	p := &process{place: place, died: make(chan struct{}), running: make(map[*run]struct{})}
	p.cmd = exec.CommandContext(c.t.Context(), os.Args[0])
	p.cmd.Env = append(os.Environ(), victimSetting+"="+string(text))
	p.cmd.Stderr = &p.said
	out, err := p.cmd.StdoutPipe()
	must(c.t, err)
	p.in, err = p.cmd.StdinPipe()
	must(c.t, err)
	must(c.t, p.cmd.Start())
	c.mu.Lock()
	c.live[place] = p
	c.mu.Unlock()
	go c.listen(p, out)
	c.t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.died
	})
}

// listen hears a process until that ends.
func (c *crash) listen(p *process, out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		what, rest, _ := strings.Cut(lines.Text(), " ")
		at, of, _ := strings.Cut(rest, " ")
		c.heard(p, what[0], instant(at), of)
	}
	err := p.cmd.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	p.diedAt = time.Now()
	for r := range p.running {
		r.end = p.diedAt
	}
	p.tokens = 0
	if !p.stopped || err != nil && p != c.target && c.t.Context().Err() == nil {
		c.trouble = fmt.Errorf("server %d has ended, %v:\n%s", p.place, p.cmd.ProcessState, &p.said)
	}
	c.pump()
	close(p.died)
}

func instant(nanoseconds string) time.Time {
	n, _ := strconv.ParseInt(nanoseconds, 10, 64) // as it was printed
	return time.Unix(0, n)
}

func (c *crash) heard(p *process, what byte, at time.Time, of string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch what {
	case began:
		r := &run{job: of, by: p, span: span{begin: at}}
		c.runs[of] = append(c.runs[of], r)
		p.running[r], p.begun = struct{}{}, true
	case ended, gaveUp:
		r := p.oneOf(of)
		if r == nil {
			c.trouble = fmt.Errorf("%s ends, and has not begun", of)
			return
		}
		delete(p.running, r)
		r.end, r.done = at, what == ended
		if r.done {
			c.done[of] = true
			p.tokens--
		}
	case stood:
		p.stalls = append(p.stalls, span{instant(of), at})
	}
	if c.target != nil && !c.target.stopped && len(c.done) >= c.killAt && len(c.target.running) > 0 {
		c.target.stopped = true
		_ = c.target.cmd.Process.Kill() // its end is heard
	}
	c.pump()
}

// oneOf is the run of a job.
func (p *process) oneOf(job string) *run {
	for r := range p.running {
		if r.job == job {
			return r
		}
	}
	return nil
}

// pump has as many jobs end as may, one of each process in turn.
func (c *crash) pump() {
	may := c.mayEnd - len(c.done)
	for _, p := range c.live {
		if p != nil {
			may -= p.tokens
		}
	}
	for found := true; found && may > 0; {
		found = false
		for _, p := range c.live {
			if p == nil || p.stopped || len(p.running) <= p.tokens || may == 0 {
				continue
			}
			if _, err := p.in.Write([]byte{1}); err != nil {
				continue // it is dying
			}
			p.tokens++
			may--
			found = true
		}
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// await waits until something is so.
func (c *crash) await(what string, holds func() bool) {
	c.t.Helper()
	for deadline := time.After(5 * patience); ; {
		c.mu.Lock()
		is, trouble := holds(), c.trouble
		c.mu.Unlock()
		switch {
		case trouble != nil:
			c.t.Fatal(trouble)
		case is:
			return
		}
		select {
		case <-c.changed:
		case <-deadline:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.t.Fatalf("%s does not come; %d of %d jobs are done", what, len(c.done), c.most)
		}
	}
}

// fault is what happens when so many jobs are done. What comes next happens when it is over.
type fault func(c *crash, at int)

// share is how many jobs are to be done before the next of some faults.
func (c *crash) share(faults int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.done) + (c.most-len(c.done))/(faults+1)
}

// more is how many jobs may end beyond when a fault is to happen, so that it happens in the midst of them.
const more = 50

// dieAfter has the next of the processes be killed.
func (c *crash) dieAfter(done int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := 0
	if c.target != nil {
		next = (c.target.place + 1) % c.nodes
	}
	c.target, c.killAt, c.mayEnd = c.live[next], done, done+more
	c.pump()
}

// awaitDeath waits for the end of the one that is to be killed.
func (c *crash) awaitDeath() *process {
	c.t.Helper()
	var dead *process
	c.await("the death of a server", func() bool {
		dead = c.target
		return !dead.diedAt.IsZero()
	})
	return dead
}

// restart kills one of the processes, and starts it again.
func (c *crash) restart(at int) {
	c.t.Helper()
	c.dieAfter(at)
	dead := c.awaitDeath()
	c.toWait(dead.left(), time.Now())
	c.launch(dead.place)
}

// takeOver kills one of the processes, and starts it again when others have begun what it did.
func (c *crash) takeOver(at int) {
	c.t.Helper()
	c.dieAfter(at)
	dead := c.awaitDeath()
	c.awaitTakeOver(dead)
	c.launch(dead.place)
}

// awaitTakeOver waits until the others have begun what one did that is dead. Meanwhile jobs end slowly, so that some are left.
func (c *crash) awaitTakeOver(dead *process) {
	c.t.Helper()
	left := dead.left()
	c.toWait(left, dead.diedAt)
	stop, stopped := make(chan struct{}), make(chan struct{})
	defer func() { close(stop); <-stopped }()
	go func() {
		defer close(stopped)
		for ticker := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-stop:
				ticker.Stop()
				return
			case <-ticker.C:
				c.oneMore()
			}
		}
	}()
	c.await("another server for what the dead one did", func() bool {
		return !slices.ContainsFunc(left, func(job string) bool { return c.againSince(job, dead.diedAt).IsZero() })
	})
}

// oneMore lets one more job end than have.
func (c *crash) oneMore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mayEnd = max(c.mayEnd, len(c.done)) + 1
	c.pump()
}

// killDatabase kills the database, and starts it again.
func (c *crash) killDatabase(database *pgtest.Server, at int) {
	c.t.Helper()
	c.mu.Lock()
	c.mayEnd = at + more
	c.pump()
	c.mu.Unlock()
	allDone := false
	c.await("the time to kill the database", func() bool { // a server that starts without it ends
		allDone = len(c.done) == c.most
		return allDone || len(c.done) >= at && !slices.ContainsFunc(c.live, func(p *process) bool { return !p.begun })
	})
	if allDone { // a machine so slow that the others had no need of a server that is back
		return
	}
	database.Kill(c.t)
	database.Restart(c.t)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = append(c.waits, wait{since: time.Now()})
	c.mayEnd += 2 * job.MaxBatch // more than anybody has claimed
	c.pump()
}

// left are the jobs that one did when it died.
func (p *process) left() (jobs []string) {
	for r := range p.running {
		jobs = append(jobs, r.job)
	}
	return jobs
}

func (c *crash) toWait(jobs []string, since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(jobs) > 0 {
		c.waits = append(c.waits, wait{jobs, since})
	}
}

// againSince is when a job has begun first behind a time; zero: it has not.
func (c *crash) againSince(job string, since time.Time) (first time.Time) {
	for _, r := range c.runs[job] {
		if r.begin.After(since) && (first.IsZero() || r.begin.Before(first)) {
			first = r.begin
		}
	}
	return first
}

// finish has all the rest be done, stops all processes in order, and looks whether anything is left.
func (c *crash) finish() {
	c.t.Helper()
	c.mu.Lock()
	c.mayEnd = c.most + 1 // what is done again may take its time
	c.pump()
	c.mu.Unlock()
	c.await("the end of all jobs", func() bool {
		return len(c.done) == c.most && !slices.ContainsFunc(c.live, func(p *process) bool { return !p.stopped && len(p.running) > 0 })
	})
	c.mu.Lock()
	for _, p := range c.live {
		p.stopped = true
		_ = p.in.Close() // that of one that is dead is closed
	}
	c.mu.Unlock()
	c.await("the end of all servers", func() bool {
		return !slices.ContainsFunc(c.live, func(p *process) bool { return p.diedAt.IsZero() })
	})
	store, err := c.at.open(c.t.Context(), "")
	must(c.t, err)
	defer func() { must(c.t, store.Close()) }()
	counts, err := store.Counts(c.t.Context(), []string{plainKind, uniqueKind}, time.Now())
	must(c.t, err)
	for _, n := range counts {
		if n.Waiting+n.Running+n.Dead > 0 {
			c.t.Errorf("left are %+v", n)
		}
	}
}

// by is how many jobs were done at each place.
func (c *crash) by() []int {
	by := make([]int, c.nodes)
	for _, runs := range c.runs {
		for _, r := range runs {
			if r.done {
				by[r.by.place]++
			}
		}
	}
	return by
}

// judge says what was not as it is promised, once all is over. It returns the jobs that were done more than once.
func (c *crash) judge() (twice map[string][]*run) {
	c.t.Helper()
	twice = make(map[string][]*run)
	chained := make(map[string][]*run)
	for n := range c.most - chains*c.steps() {
		c.judgeOne(plainJob(n), twice)
	}
	for chain := range chains {
		for n := range c.steps() {
			s := step{chain, n + 1, c.steps()}
			c.judgeOne(s.String(), twice)
			chained[s.key()] = append(chained[s.key()], c.runs[s.String()]...)
		}
	}
	if len(c.done) > c.most {
		c.t.Errorf("%d jobs were done, of %d", len(c.done), c.most)
	}
	for key, runs := range chained {
		c.oneAtATime(key, runs)
	}
	for _, w := range c.waits {
		c.judgeWait(w)
	}
	return twice
}

func (c *crash) judgeOne(job string, twice map[string][]*run) {
	runs, times := c.runs[job], 0
	for _, r := range runs {
		if r.done {
			times++
		}
	}
	if times == 0 {
		c.t.Errorf("%s was not done", job)
	}
	if times > 1 {
		twice[job] = runs
	}
	c.oneAtATime(job, runs)
}

// oneAtATime says which two runs were at the same time, unless one of their processes has stood still and did not know that its
// lease was over.
func (c *crash) oneAtATime(what string, runs []*run) {
	runs = slices.SortedFunc(slices.Values(runs), func(a, b *run) int { return a.begin.Compare(b.begin) })
	for i, r := range runs[min(1, len(runs)):] {
		before := runs[i]
		stalled := func(s span) bool { return s.overlaps(span{before.begin, r.end}) }
		if r.begin.Before(before.end) && !slices.ContainsFunc(before.by.stalls, stalled) {
			c.t.Errorf("%s: %s at server %d has begun %v before the end of %s at server %d", what, r.job, r.by.place,
				before.end.Sub(r.begin), before.job, before.by.place)
		}
	}
}

func (c *crash) judgeWait(w wait) {
	jobs := w.jobs
	if jobs == nil {
		jobs = slices.Collect(maps.Keys(c.runs))
	}
	var last, first time.Time
	for _, job := range jobs {
		again := c.againSince(job, w.since)
		if again.IsZero() {
			continue // another one has done it before, or it is not among those that any was to begin of
		}
		if again.After(last) {
			last = again
		}
		if first.IsZero() || again.Before(first) {
			first = again
		}
	}
	took := last.Sub(w.since)
	if w.jobs == nil {
		took = first.Sub(w.since)
	}
	c.longest = max(c.longest, took)
	if took > c.atMost {
		c.t.Errorf("%d jobs have waited for %v", len(w.jobs), took)
	}
}
