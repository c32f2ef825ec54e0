//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
	"github.com/sockeye-im/sockeye/internal/chat"
)

// work is what callers do, and how far they are.
type work struct {
	plan     plan
	store    store
	pairs    []pair
	contents []string
	names    []string // of callers

	stop    chan struct{}
	stored  atomic.Int64
	failure atomic.Pointer[error]
}

// pair is a direct conversation.
type pair struct {
	id    string
	users [2]chat.UserID
}

// room is the one that messages go to with a single conversation.
const room = "bench"

// mostContents is how many different contents there are.
const mostContents = 1000

func newWork(p plan) *work {
	w := &work{plan: p, contents: contents(p), stop: make(chan struct{})}
	pairs := p.conversations
	if pairs == 0 {
		pairs = (p.callers + 1) / 2
	}
	for i := range pairs {
		from, to := chat.UserID(process.UserID(2*i)), chat.UserID(process.UserID(2*i+1))
		w.pairs = append(w.pairs, pair{chat.DirectID(from, to), [2]chat.UserID{from, to}})
	}
	for i := range p.callers {
		w.names = append(w.names, fmt.Sprintf("User %d", i))
	}
	return w
}

// contents are texts of words, of which few are used often and many hardly ever, as in a language. They are the same each
// time.
func contents(p plan) []string {
	if p.vocabulary <= 1 {
		return []string{strings.Repeat("sockeye ", p.payload/8+1)[:p.payload]}
	}
	random := rand.New(rand.NewPCG(1, 2))
	rank := rand.NewZipf(random, 1.07, 1, uint64(p.vocabulary-1))
	texts := make([]string, mostContents)
	for i := range texts {
		var text strings.Builder
		for text.Len() < p.payload {
			fmt.Fprintf(&text, "w%s ", word(rank.Uint64()))
		}
		texts[i] = text.String()[:p.payload]
	}
	return texts
}

// word is of letters, and longer where it is rarer.
func word(rank uint64) string {
	letters := []byte{}
	for rank++; rank > 0; rank /= 20 {
		letters = append(letters, 'a'+byte(rank%20))
	}
	return string(letters)
}

// caller stores one message after the other.
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
	m := chat.Message{
		ID: chat.NewID(), SenderName: w.names[number], Content: w.contents[(number*31+n)%len(w.contents)], Type: chat.TypeText,
		ClientMsgID: fmt.Sprintf("bench-%04d-%09d", number, n), Timestamp: time.Now().UTC().Truncate(time.Millisecond),
	}
	switch w.plan.conversations {
	case 0:
		w.direct(&m, number/2, number%2)
	case 1:
		m.RoomID, m.SenderID = room, chat.UserID(process.UserID(number))
	default:
		w.direct(&m, (number+n*w.plan.callers)%len(w.pairs), n%2)
	}
	return chat.Append{Message: m, Fingerprint: make([]byte, 16)}
}

// direct has a message go from one side of a conversation to the other.
func (w *work) direct(m *chat.Message, conversation, from int) {
	p := &w.pairs[conversation]
	m.ConversationID, m.SenderID, m.RecipientID = p.id, p.users[from], p.users[1-from]
}

// wait waits for some time, and until so many are stored in all, or storing has failed.
func (w *work) wait(d time.Duration, least int64) {
	time.Sleep(d)
	for w.stored.Load() < least && w.failure.Load() == nil {
		time.Sleep(time.Millisecond)
	}
}

// reading is what has been done, and what it took.
type reading struct {
	at            time.Time
	cpu, database time.Duration
	stored        int64
	done          counts
}

func (w *work) read() (r reading, err error) {
	r = reading{at: time.Now(), stored: w.stored.Load(), done: w.store.counts()}
	if r.cpu, err = process.CPUTime(os.Getpid()); err == nil && w.plan.databasePID > 0 {
		r.database, err = process.FamilyTime(w.plan.databasePID)
	}
	return r, err
}

func (r reading) since(earlier reading) crowd.Result {
	return crowd.Result{
		Operations:  r.stored - earlier.stored,
		Elapsed:     r.at.Sub(earlier.at),
		CPU:         r.cpu - earlier.cpu,
		DatabaseCPU: r.database - earlier.database,
		Batch:       float64(r.done.messages-earlier.done.messages) / float64(max(1, r.done.batches-earlier.done.batches)),
	}
}
