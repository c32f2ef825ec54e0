// Package ask has a node ask all others something, and gathers what they answer. It is for
// what people want to see now and then: who asks waits, and one that does not answer within a
// second is left out.
package ask

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/deps"
)

const (
	questionKind cluster.Kind = "question"
	answerKind   cluster.Kind = "answer"
	// patience is how long answers are waited for.
	patience = time.Second
	// atOnce is how many questions of others are answered at a time. Beyond it they are left out.
	atOnce = 16
)

// Deps are what an Asker works with; all are required.
type Deps struct {
	Peers *cluster.Peers
	Log   *slog.Logger
}

// Asker asks and answers. Its methods may be called concurrently; Answer is to be called before the
// bus is started.
type Asker struct {
	deps    Deps
	answers map[string]func(question []byte) (any, error) // by the topic

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]*waiting
	stopped bool

	turns chan struct{}
	done  sync.WaitGroup
}

// waiting is a question under way.
type waiting struct {
	of       []string // nodes that have not answered
	answers  []json.RawMessage
	complete chan struct{}
}

// question and answer are what travels.
type question struct {
	ID    uint64          `json:"i"`
	Topic string          `json:"t"`
	Body  json.RawMessage `json:"q,omitempty"`
}

type answer struct {
	ID    uint64          `json:"i"`
	To    string          `json:"n"`
	Body  json.RawMessage `json:"b,omitempty"`
	Fault bool            `json:"f,omitempty"` // there is no answer
}

// New makes an asker, before the bus is started; Stop ends it.
func New(d Deps) (*Asker, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	a := &Asker{
		deps: d, answers: make(map[string]func([]byte) (any, error)), waiting: make(map[uint64]*waiting), turns: make(chan struct{}, atOnce),
	}
	d.Peers.On(questionKind, a.asked)
	d.Peers.On(answerKind, a.answered)
	d.Peers.OnGone(a.gone)
	return a, nil
}

// Stop answers nothing any more, and waits for what is being answered.
func (a *Asker) Stop() {
	a.mu.Lock()
	a.stopped = true
	a.mu.Unlock()
	a.done.Wait()
}

// Answer has questions of a topic answered, each on a goroutine of its own.
func Answer[Q, A any](a *Asker, topic string, answer func(Q) A) {
	a.answers[topic] = func(body []byte) (any, error) {
		var q Q
		if err := json.Unmarshal(body, &q); err != nil {
			return nil, fmt.Errorf("read the question: %w", err)
		}
		return answer(q), nil
	}
}

// All asks all other nodes, and returns what they answer within a second, in no order, and whether that is
// everybody. The end of ctx ends it sooner.
func All[A any](ctx context.Context, a *Asker, topic string, q any) (answers []A, all bool) {
	bodies, all := a.ask(ctx, topic, q)
	for _, body := range bodies {
		var one A
		if err := json.Unmarshal(body, &one); err != nil {
			a.deps.Log.Error("an answer of another node cannot be read", "topic", topic, "err", err)
			all = false
			continue
		}
		answers = append(answers, one)
	}
	return answers, all
}

func (a *Asker) ask(ctx context.Context, topic string, q any) (answers []json.RawMessage, all bool) {
	body, err := json.Marshal(q)
	if err != nil {
		a.deps.Log.Error("a question cannot be written", "topic", topic, "err", err)
		return nil, false
	}
	id, w := a.wait()
	if w == nil {
		return nil, true // there is nobody to be asked
	}
	a.send(questionKind, question{ID: id, Topic: topic, Body: body})
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-w.complete:
	case <-ctx.Done():
	case <-late.C:
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, id)
	return w.answers, len(w.of) == 0
}

// wait begins to wait for the answers of all who are there; nil if nobody is.
func (a *Asker) wait() (uint64, *waiting) {
	others := a.deps.Peers.Alive()
	if len(others) == 0 {
		return 0, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last++
	w := &waiting{of: slices.Clone(others), complete: make(chan struct{})}
	a.waiting[a.last] = w
	return a.last, w
}

// asked answers another node.
func (a *Asker) asked(from string, body []byte) {
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		a.deps.Log.Error("a question of another node cannot be read", "node", from, "err", err)
		return
	}
	answerTo := a.answers[q.Topic]
	if answerTo == nil {
		a.send(answerKind, answer{ID: q.ID, To: from, Fault: true}) // it knows more than this one
		return
	}
	select {
	case a.turns <- struct{}{}:
	default:
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		<-a.turns
		return
	}
	a.done.Go(func() {
		defer func() { <-a.turns }()
		a.send(answerKind, a.answerTo(from, &q, answerTo))
	})
}

func (a *Asker) answerTo(from string, q *question, answerTo func([]byte) (any, error)) answer {
	said, err := answerTo(q.Body)
	var body []byte
	if err == nil {
		body, err = json.Marshal(said)
	}
	if err != nil {
		a.deps.Log.Error("a question of another node cannot be answered", "topic", q.Topic, "node", from, "err", err)
		return answer{ID: q.ID, To: from, Fault: true}
	}
	return answer{ID: q.ID, To: from, Body: body}
}

// answered takes in an answer.
func (a *Asker) answered(from string, body []byte) {
	var said answer
	if err := json.Unmarshal(body, &said); err != nil {
		a.deps.Log.Error("an answer of another node cannot be read", "node", from, "err", err)
		return
	}
	if said.To != a.deps.Peers.Self() || said.Fault {
		return // for another one; or it stays one of those who have not answered
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.waiting[said.ID]
	if w == nil || !slices.Contains(w.of, from) {
		return // too late, or twice
	}
	w.answers = append(w.answers, said.Body)
	w.strike(from)
}

// gone waits for a node no longer.
func (a *Asker) gone(node string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.waiting {
		w.strike(node)
	}
}

func (w *waiting) strike(node string) {
	before := len(w.of)
	w.of = slices.DeleteFunc(w.of, func(id string) bool { return id == node })
	if len(w.of) == 0 && before > 0 {
		close(w.complete)
	}
}

func (a *Asker) send(kind cluster.Kind, what any) {
	body, err := json.Marshal(what)
	if err != nil {
		a.deps.Log.Error("a frame cannot be written", "kind", string(kind), "err", err)
		return
	}
	a.deps.Peers.Send(kind, body)
}
