package socketio_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/socketio"
)

func itoa(n int) string { return strconv.Itoa(n) }

// reported is what a callback of EmitAckFunc got.
type reported struct {
	text string
	err  error
}

func callback(done chan<- reported) func(socketio.Args, error) {
	return func(reply socketio.Args, err error) {
		var o reported
		o.err = errors.Join(err, reply.Decode(&o.text))
		done <- o
	}
}

func TestEmitAckFunc(t *testing.T) {
	p := newParty(t, socketio.Config{}, 1)
	s, c := p.sockets[0], p.clients[0]
	done := make(chan reported, 10)
	ask := func(timeout time.Duration) clientPacket {
		t.Helper()
		if err := s.EmitAckFunc(timeout, callback(done), "question"); err != nil {
			t.Fatal(err)
		}
		return c.event("question")
	}
	for _, timeout := range []time.Duration{0, patience} {
		q := ask(timeout)
		c.send("3" + q.id + `["yes"]`)
		if o := receive(t, done, "the answer"); o.err != nil || o.text != "yes" {
			t.Errorf("got %+v", o)
		}
		c.send("3" + q.id + `["again"]`)
	}
	q := ask(time.Millisecond)
	if o := receive(t, done, "the end"); !errors.Is(o.err, context.DeadlineExceeded) {
		t.Errorf("got %+v", o)
	}
	c.send("3" + q.id + `["late"]`)
	p.noAcks(t)

	// A callback is never beside another handler, and may block as they may.
	goOn, began := make(chan struct{}), make(chan struct{})
	p.nsp.On("work", func(context.Context, *socketio.Event) error { close(began); <-goOn; return nil })
	c.emit("work")
	receive(t, began, "the handler")
	q = ask(0)
	c.send("3" + q.id + `["yes"]`)
	eventually(t, "the answer is there", func() bool { return socketio.WaitingAcks(s) == 0 })
	if len(done) > 0 {
		t.Error("the callback was called beside a handler")
	}
	close(goOn)
	receive(t, done, "the answer")

	q = ask(patience)
	c.drop()
	if o := receive(t, done, "the end"); !errors.Is(o.err, socketio.ErrDisconnected) {
		t.Errorf("got %+v", o)
	}
	if err := s.EmitAckFunc(0, callback(done), "question"); !errors.Is(err, socketio.ErrDisconnected) {
		t.Errorf("error %v", err)
	}
	p.noAcks(t)
	p.stop()
	if len(done) > 0 {
		t.Errorf("called again: %+v", <-done)
	}
}

// A malformed answer ends the connection, a callback that panics does not.
func TestEmitAckFuncThatGoesWrong(t *testing.T) {
	p := newParty(t, socketio.Config{}, 1)
	s, c := p.sockets[0], p.clients[0]
	if err := s.EmitAckFunc(0, func(socketio.Args, error) { panic("callback went wrong") }, "question"); err != nil {
		t.Fatal(err)
	}
	c.send("3" + c.event("question").id + `[1]`)
	eventually(t, "the panic is logged", func() bool { return p.log.contains("callback went wrong") })
	done := make(chan reported, 1)
	if err := s.EmitAckFunc(0, callback(done), "question"); err != nil {
		t.Fatal(err)
	}
	c.send("3" + c.event("question").id + `[1`)
	if o := receive(t, done, "the end"); !errors.Is(o.err, socketio.ErrMalformed) {
		t.Errorf("got %+v", o)
	}
	c.closed()
}

func TestBroadcastEmitAckFunc(t *testing.T) {
	p := newParty(t, socketio.Config{}, 3)
	done := make(chan replies, 1)
	ask := func(b socketio.BroadcastOperator, timeout time.Duration) {
		t.Helper()
		if err := b.EmitAckFunc(timeout, func(args []socketio.Args, err error) { done <- replies{args, err} }, "question"); err != nil {
			t.Fatal(err)
		}
	}
	ask(p.nsp.All(), 0)
	for i, text := range []string{"a", "b", "c"} {
		p.clients[i].answer(text)
	}
	r := receive(t, done, "the replies")
	if got := texts(t, r); r.err != nil || !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %v, %v", got, r.err)
	}
	ask(p.nsp.To("nowhere"), 0)
	if r := receive(t, done, "the replies"); r.err != nil || len(r.args) != 0 {
		t.Errorf("got %v, %v", r.args, r.err)
	}
	var missing *socketio.MissingAcksError
	for what, b := range map[string]socketio.BroadcastOperator{
		"broadcast": p.nsp.All().Timeout(time.Millisecond), "one": p.sockets[1].Timeout(time.Millisecond),
	} {
		ask(b, 0)
		r := receive(t, done, "the end")
		if !errors.As(r.err, &missing) || !errors.Is(r.err, context.DeadlineExceeded) || len(r.args) != 0 {
			t.Errorf("%s: got %v, %v", what, r.args, r.err)
		}
	}
	ask(p.nsp.All(), patience)
	p.clients[0].event("question") // of the first that was too late
	p.clients[0].answer("a")
	p.clients[1].drop()
	p.clients[2].drop()
	r = receive(t, done, "the replies")
	if !errors.As(r.err, &missing) || missing.Missing != 2 || !errors.Is(r.err, socketio.ErrDisconnected) || len(r.args) != 1 {
		t.Errorf("got %v, %v", r.args, r.err)
	}
	p.noAcks(t)
}
