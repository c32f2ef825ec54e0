package socketio_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/socketio"
)

// replies is what an EmitWithAck returns.
type replies struct {
	args []socketio.Args
	err  error
}

func (p *party) askAll(ctx context.Context, op socketio.BroadcastOperator) <-chan replies {
	done := make(chan replies, 1)
	go func() {
		args, err := op.EmitWithAck(ctx, "question", 1)
		done <- replies{args, err}
	}()
	return done
}

func (c *testClient) answer(text string) {
	c.t.Helper()
	q := c.event("question")
	c.send("3" + q.id + `["` + text + `"]`)
}

func texts(t *testing.T, r replies) []string {
	t.Helper()
	var list []string
	for _, args := range r.args {
		var text string
		if err := args.Decode(&text); err != nil {
			t.Error(err)
		}
		list = append(list, text)
	}
	return sorted(list)
}

func TestBroadcastAcks(t *testing.T) {
	p := newParty(t, socketio.Config{}, 3)
	done := p.askAll(t.Context(), p.nsp.All())
	for i, text := range []string{"a", "b", "c"} {
		p.clients[i].answer(text)
	}
	r := receive(t, done, "the replies")
	if got := texts(t, r); r.err != nil || !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %v, %v", got, r.err)
	}

	// The sender's own is not asked for; nobody is asked in an empty room.
	done = p.askAll(t.Context(), p.sockets[0].Except(p.sockets[2].ID()))
	p.clients[1].answer("only")
	if r := receive(t, done, "the replies"); r.err != nil || len(r.args) != 1 {
		t.Errorf("got %v, %v", texts(t, r), r.err)
	}
	if r := receive(t, p.askAll(t.Context(), p.nsp.To("none")), "the replies"); r.err != nil || len(r.args) != 0 {
		t.Errorf("got %v, %v", texts(t, r), r.err)
	}
	p.noAcks(t)
}

func TestBroadcastAcksMissing(t *testing.T) {
	p := newParty(t, socketio.Config{}, 3)
	p.nsp.On("mark", func(_ context.Context, e *socketio.Event) error { return e.Ack() })
	var missing *socketio.MissingAcksError

	ctx, cancel := context.WithCancel(t.Context())
	done := p.askAll(ctx, p.nsp.All())
	p.clients[0].answer("a")
	p.clients[1].event("question")
	q := p.clients[2].event("question")
	p.clients[0].ask(1, "mark") // the first reply is counted
	cancel()
	r := receive(t, done, "the replies")
	if !errors.As(r.err, &missing) || missing.Missing != 2 || !errors.Is(r.err, context.Canceled) || len(r.args) != 1 {
		t.Errorf("got %v, %v", texts(t, r), r.err)
	}
	p.noAcks(t)
	p.clients[2].send("3" + q.id + `["late"]`) // to nothing

	done = p.askAll(t.Context(), p.nsp.All().Timeout(20*time.Millisecond))
	r = receive(t, done, "the replies")
	if !errors.As(r.err, &missing) || missing.Missing != 3 || !errors.Is(r.err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v", texts(t, r), r.err)
	}
	for _, c := range p.clients {
		c.event("question")
	}

	// A socket that leaves is missing, and is not waited for.
	done = p.askAll(t.Context(), p.nsp.All())
	p.clients[0].answer("a")
	p.clients[1].answer("b")
	p.clients[2].event("question")
	p.clients[2].drop()
	r = receive(t, done, "the replies")
	if !errors.As(r.err, &missing) || missing.Missing != 1 || !errors.Is(r.err, socketio.ErrDisconnected) || len(r.args) != 2 {
		t.Errorf("got %v, %v", texts(t, r), r.err)
	}
	p.noAcks(t)
}

// A client's broken acknowledgement ends its connection, nobody else's.
func TestBroadcastAckThatIsMalformed(t *testing.T) {
	p := newParty(t, socketio.Config{}, 2)
	done := p.askAll(t.Context(), p.nsp.All())
	q := p.clients[0].event("question")
	p.clients[0].send("3" + q.id + `["a"`)
	p.clients[0].closed()
	p.clients[1].answer("b")
	r := receive(t, done, "the replies")
	var missing *socketio.MissingAcksError
	if !errors.As(r.err, &missing) || missing.Missing != 1 || len(r.args) != 1 {
		t.Errorf("got %v, %v", texts(t, r), r.err)
	}
}

func (p *party) noAcks(t *testing.T) {
	t.Helper()
	for i, s := range p.sockets {
		if n := socketio.WaitingAcks(s); n != 0 {
			t.Errorf("socket %d still waits for %d acknowledgements", i, n)
		}
	}
}

func TestSocketAcks(t *testing.T) {
	p := newParty(t, socketio.Config{}, 2)
	s, c := p.sockets[0], p.clients[0]
	ask := func(ctx context.Context) <-chan error {
		done := make(chan error, 1)
		go func() {
			n, err := socketio.EmitAck[int](ctx, s, "question")
			if err == nil && n != 42 {
				t.Errorf("got %d", n)
			}
			done <- err
		}()
		return done
	}
	done := ask(t.Context())
	q := c.event("question")
	c.send("3999999[1]") // to nothing
	c.send("318446744073709551615[1]")
	c.send("3[1]")
	p.clients[1].send("3" + q.id + "[1]") // another client's
	c.send("3" + q.id + "[42]")
	c.send("3" + q.id + "[43]") // again
	if err := receive(t, done, "the reply"); err != nil {
		t.Error(err)
	}

	done = ask(t.Context())
	q = c.event("question")
	c.send("3" + q.id + `["text"]`)
	var bad *socketio.ArgumentError
	if err := receive(t, done, "the reply"); !errors.As(err, &bad) {
		t.Errorf("error %v", err)
	}
	done = ask(t.Context())
	q = c.event("question")
	c.send("61-"+q.id+`[{"_placeholder":true,"num":1e300}]`, "x")
	if err := receive(t, done, "the reply"); !errors.Is(err, socketio.ErrMalformed) {
		t.Errorf("error %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	done = ask(ctx)
	c.event("question")
	cancel()
	if err := receive(t, done, "the end"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if _, err := s.EmitWithAck(t.Context(), "disconnecting"); !errors.Is(err, socketio.ErrReservedEvent) {
		t.Errorf("error %v", err)
	}
	if _, err := s.EmitWithAck(t.Context(), "e", make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
	p.noAcks(t)

	done = ask(t.Context())
	c.event("question")
	c.drop()
	if err := receive(t, done, "the end"); !errors.Is(err, socketio.ErrDisconnected) {
		t.Errorf("error %v", err)
	}
	if err := receive(t, ask(t.Context()), "the end"); !errors.Is(err, socketio.ErrDisconnected) {
		t.Errorf("error %v", err)
	}
	p.noAcks(t)
}
