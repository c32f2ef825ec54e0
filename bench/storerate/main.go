//go:build linux

// Command storerate measures what the store reaches by itself: many callers at a time store direct messages, each with
// all that one sent by a client has, as fast as they can. It prints what that took, as JSON.
//
//	go run ./bench/storerate -data /tmp/store
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

func main() {
	var p plan
	flag.StringVar(&p.data, "data", "", "`folder` for the database")
	flag.IntVar(&p.callers, "callers", 1000, "how many store at a time: two for each conversation")
	flag.IntVar(&p.payload, "payload", 128, "bytes of content in a message")
	flag.DurationVar(&p.warmUp, "warmup", time.Second, "time before the measurement")
	flag.DurationVar(&p.duration, "duration", 4*time.Second, "time of the measurement")
	flag.Int64Var(&p.least, "least", 0, "messages to measure at least, however much longer that takes")
	flag.Parse()
	result, err := p.run(context.Background())
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "storerate:", err)
		os.Exit(1)
	}
}

type plan struct {
	data             string
	callers, payload int
	warmUp, duration time.Duration
	least            int64
}

func (p plan) run(ctx context.Context) (result crowd.Result, err error) {
	store, err := sqlite.Open(ctx, sqlite.DefaultConfig(p.data), func([]chat.Event) {})
	if err != nil {
		return result, err
	}
	defer func() {
		if closeErr := store.Close(); err == nil {
			err = closeErr
		}
	}()
	w := &work{store: store, content: strings.Repeat("sockeye ", p.payload/8+1)[:p.payload], stop: make(chan struct{})}
	var running sync.WaitGroup
	for i := range p.callers {
		running.Go(func() { w.caller(ctx, i) })
	}
	time.Sleep(p.warmUp)
	before, err := w.read()
	if err == nil {
		w.measure(p.duration, before.stored+p.least)
		var after reading
		after, err = w.read()
		result = after.since(before)
	}
	close(w.stop)
	running.Wait()
	if failed := w.failure.Load(); failed != nil {
		return result, *failed
	}
	return result, err
}

type work struct {
	store   *sqlite.Store
	content string
	stop    chan struct{}
	stored  atomic.Int64
	failure atomic.Pointer[error]
}

// caller stores one message after the other from one user to its partner.
func (w *work) caller(ctx context.Context, number int) {
	for n := 0; ; n++ {
		select {
		case <-w.stop:
			return
		default:
		}
		if _, err := w.store.AppendMessage(ctx, w.message(number, n)); err != nil {
			w.failure.Store(&err)
			return
		}
		w.stored.Add(1)
	}
}

// message is the n-th of a caller, with all that one has that a client has sent.
func (w *work) message(number, n int) chat.Append {
	from, to := chat.UserID(process.UserID(number)), chat.UserID(process.UserID(number^1))
	return chat.Append{
		Message: chat.Message{
			ID: chat.NewID(), ConversationID: chat.DirectID(from, to), SenderID: from, RecipientID: to,
			SenderName: fmt.Sprintf("User %d", number), Content: w.content, Type: chat.TypeText,
			ClientMsgID: fmt.Sprintf("bench-%04d-%09d", number, n), Timestamp: time.Now().UTC().Truncate(time.Millisecond),
		},
		Fingerprint: make([]byte, 16),
	}
}

// measure waits for some time, and until so many are stored in all, or storing has failed.
func (w *work) measure(d time.Duration, least int64) {
	time.Sleep(d)
	for w.stored.Load() < least && w.failure.Load() == nil {
		time.Sleep(time.Millisecond)
	}
}

// reading is what has been done, and what it took.
type reading struct {
	at     time.Time
	cpu    time.Duration
	stored int64
	stats  sqlite.Stats
}

func (w *work) read() (reading, error) {
	cpu, err := process.CPUTime(os.Getpid())
	return reading{at: time.Now(), cpu: cpu, stored: w.stored.Load(), stats: w.store.Stats()}, err
}

func (r reading) since(earlier reading) crowd.Result {
	batches := r.stats.Batches - earlier.stats.Batches
	return crowd.Result{
		Operations: r.stored - earlier.stored,
		Elapsed:    r.at.Sub(earlier.at),
		CPU:        r.cpu - earlier.cpu,
		Batch:      float64(r.stats.Commands-earlier.stats.Commands) / float64(max(1, batches)),
	}
}
