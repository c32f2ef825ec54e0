//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/bench/jobs/measure"
	"github.com/sockeye-im/sockeye/bench/process"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
)

// windows are how many jobs follow each message in a window of time, in the message's transaction. They take turns.
var windows = []int{0, 1, 1 + further}

// further is how many more jobs follow a message in the last window.
const further = 10

// turns is how often each window comes; the first one warms up.
const turns = 6

// enqueue measures the time that messages take alone and with jobs that follow them.
func (p plan) enqueue(ctx context.Context, s store, jobs job.Store) (result measure.Result, err error) {
	queue, _, err := p.runner(jobs, func(context.Context, *job.Job) (job.Result, error) { return job.Result{}, nil })
	if err != nil {
		return result, err
	}
	m := messages{store: s, queue: queue}
	s.Follow(m.follow)
	micros := make([][]float64, len(windows))
	for turn := range turns {
		for i := range windows {
			at := (i + turn) % len(windows)
			spent, err := m.window(ctx, p, windows[at])
			if err != nil {
				return result, err
			}
			if turn > 0 {
				micros[at] = append(micros[at], spent)
			}
		}
	}
	alone, one, many := process.Median(micros[0]), process.Median(micros[1]), process.Median(micros[2])
	result.Message, result.First, result.More = alone, one-alone, (many-one)/further
	return result, nil
}

// messages stores some, which jobs follow.
type messages struct {
	store     store
	queue     *job.Queue
	stored    atomic.Int64
	following atomic.Int64 // how many jobs follow each message
}

// follow is what follows events, see [sqlite.Store.Follow].
func (m *messages) follow(events []chat.Event, _ []account.Event) (jobs []job.Job) {
	for range events {
		for range m.following.Load() {
			j, err := m.queue.Make(job.New{Kind: kind, Payload: payload, Delay: time.Hour})
			if err != nil {
				panic(err)
			}
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// window returns the CPU time of a message with so many jobs, in microseconds.
func (m *messages) window(ctx context.Context, p plan, jobs int) (micros float64, err error) {
	m.following.Store(int64(jobs))
	runtime.GC()
	before, err := process.CPUTime(os.Getpid())
	if err != nil {
		return 0, err
	}
	if err := each(p.jobs, p.callers, func(caller int) error { return m.send(ctx, caller) }); err != nil {
		return 0, err
	}
	after, err := process.CPUTime(os.Getpid())
	return float64((after - before).Nanoseconds()) / 1e3 / float64(p.jobs), err
}

func (m *messages) send(ctx context.Context, caller int) error {
	from, to := chat.UserID(process.UserID(2*caller)), chat.UserID(process.UserID(2*caller+1))
	_, err := m.store.AppendMessage(ctx, chat.Append{Fingerprint: make([]byte, 16), Message: chat.Message{
		ID: chat.NewID(), ConversationID: chat.DirectID(from, to), SenderID: from, SenderName: "User", RecipientID: to,
		Content: "to be followed by something", Type: chat.TypeText, ClientMsgID: fmt.Sprintf("bench-%09d", m.stored.Add(1)),
		Timestamp: time.Now().UTC().Truncate(time.Millisecond),
	}})
	return err
}

// each has callers do something so many times in all, and returns the first error.
func each(times, callers int, do func(caller int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for failed.Load() == nil && next.Add(1) <= int64(times) {
				if err := do(caller); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
