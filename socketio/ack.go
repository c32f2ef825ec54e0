package socketio

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// EmitWithAck sends an event and waits for the client's acknowledgement, for ctx
// to end, or for the socket to leave (ErrDisconnected). It may be called in a
// handler of the same socket, and then needs a ctx with a deadline: while that
// handler waits nothing else of the connection is handled (Event.Detach changes
// that), and once Config.MaxQueuedEvents wait nothing is read either,
// acknowledgements included. EmitAckFunc does not wait.
func (s *Socket) EmitWithAck(ctx context.Context, event string, args ...any) (Args, error) {
	return s.askAndWait(ctx, Selection{}, event, args)
}

func (s *Socket) askAndWait(ctx context.Context, how Selection, event string, args []any) (Args, error) {
	type reply struct {
		body Value
		err  error
	}
	replies := make(chan reply, 1)
	id := s.nsp.nextAckID()
	if err := s.ask(id, how, event, args, func(body Value, err error) { replies <- reply{body, err} }); err != nil {
		return nil, err
	}
	select {
	case r := <-replies:
		if r.err != nil {
			return nil, r.err
		}
		return s.splitAck(r.body)
	case <-ctx.Done():
		s.forget(id)
		return nil, ctx.Err()
	}
}

// EmitAckFunc sends an event and returns at once; f gets the client's
// acknowledgement, or an error: context.DeadlineExceeded when it has not come
// within timeout (0 is no limit), ErrDisconnected when the socket has left before.
// f is called once, in the order of the connection's events and never beside
// another handler of it. It is not called after an error of EmitAckFunc.
func (s *Socket) EmitAckFunc(timeout time.Duration, f func(Args, error), event string, args ...any) error {
	return s.askAndCall(timeout, f, Selection{}, event, args)
}

func (s *Socket) askAndCall(timeout time.Duration, f func(Args, error), how Selection, event string, args []any) error {
	id := s.nsp.nextAckID()
	timer := time.AfterFunc(never, func() { s.settle(id, nil, context.DeadlineExceeded) })
	err := s.ask(id, how, event, args, func(body Value, err error) {
		timer.Stop()
		s.client.post(job{run: func() {
			var reply Args
			if err == nil {
				reply, err = s.splitAck(body)
			}
			s.nsp.contain(s, event, func() error { f(reply, err); return nil })
		}})
	})
	switch {
	case err != nil:
		timer.Stop()
	case timeout > 0:
		timer.Reset(timeout) // too late to matter if the answer is there
	}
	return err
}

// never is when a timer goes off that is not set yet.
const never = time.Duration(math.MaxInt64)

func (n *Namespace) nextAckID() uint64 { return n.ackIDs.Add(1) - 1 }

// ask sends an event that is to be acknowledged; reply is called once, unless
// there is an error.
func (s *Socket) ask(id uint64, how Selection, event string, args []any, reply func(Value, error)) error {
	if reserved(event) {
		return ErrReservedEvent
	}
	p := &Packet{Type: PacketEvent, Namespace: s.nsp.name, AckID: &id, Event: event, Args: args}
	encoded, err := s.nsp.encode(p, how)
	if err != nil {
		return err
	}
	if !s.expect(id, reply) {
		return ErrDisconnected
	}
	s.nsp.sent(p, s)
	s.client.server.sent.Add(1)
	if err := s.client.session.Send(encoded...); err != nil {
		s.forget(id)
		return err
	}
	return nil
}

// expect notes who waits for an acknowledgement; false once the socket has left.
func (s *Socket) expect(id uint64, f func(Value, error)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return false
	}
	if s.acks == nil {
		s.acks = make(map[uint64]func(Value, error))
	}
	s.acks[id] = f
	return true
}

// forget takes who waits for an acknowledgement off the list; nil for nobody.
func (s *Socket) forget(id uint64) func(Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.acks[id]
	delete(s.acks, id)
	return f
}

// settle passes an acknowledgement on, or why there is none. It runs on the
// connection loop and must not wait.
func (s *Socket) settle(id uint64, body Value, err error) {
	if f := s.forget(id); f != nil {
		f(body, err)
	}
}

// splitAck reads the body of an acknowledgement; a malformed one ends the
// connection.
func (s *Socket) splitAck(body Value) (Args, error) {
	elements, err := body.Elements()
	if err != nil {
		s.client.malformed(err)
		return nil, err
	}
	return elements, nil
}

// MissingAcksError says that some clients did not acknowledge in time. The
// replies of the others are returned beside it.
type MissingAcksError struct {
	Missing int
	Err     error // context.DeadlineExceeded, context.Canceled or ErrDisconnected
}

func (e *MissingAcksError) Error() string {
	return fmt.Sprintf("socketio: %d acknowledgements missing: %v", e.Missing, e.Err)
}

// Unwrap returns the cause.
func (e *MissingAcksError) Unwrap() error { return e.Err }

// EmitWithAck sends an event and waits for the acknowledgements of all selected
// sockets, until ctx ends or Timeout has passed: then a *MissingAcksError comes
// beside the replies that are there. A socket that leaves meanwhile is missing.
// What is to be acknowledged is never lost on purpose: Volatile has no effect.
func (b BroadcastOperator) EmitWithAck(ctx context.Context, event string, args ...any) ([]Args, error) {
	if b.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.timeout)
		defer cancel()
	}
	if b.only != nil {
		return allOf(b.only.askAndWait(ctx, b.to, event, args))
	}
	done := make(chan struct{})
	collector := &ackCollector{finished: func() { close(done) }}
	if err := b.ask(collector, event, args); err != nil {
		return nil, err
	}
	select {
	case <-done:
	case <-ctx.Done():
		collector.expire(ctx.Err())
	}
	return collector.result()
}

// EmitAckFunc is EmitWithAck that returns at once: f gets what that would return,
// once all selected sockets have acknowledged or left, or timeout has passed; 0
// is what Timeout says, which is no limit by default. f may block; Shutdown waits
// for it. It is not called after an error of EmitAckFunc.
func (b BroadcastOperator) EmitAckFunc(timeout time.Duration, f func([]Args, error), event string, args ...any) error {
	if timeout <= 0 {
		timeout = b.timeout
	}
	if b.only != nil {
		return b.only.askAndCall(timeout, func(reply Args, err error) { f(allOf(reply, err)) }, b.to, event, args)
	}
	collector := new(ackCollector)
	timer := time.AfterFunc(never, func() { collector.expire(context.DeadlineExceeded) })
	collector.finished = func() {
		timer.Stop()
		b.nsp.server.work.Start(taskFunc(func() {
			replies, err := collector.result()
			contain(b.nsp.server.cfg.Logger, event, func() error { f(replies, err); return nil })
		}))
	}
	if err := b.ask(collector, event, args); err != nil {
		timer.Stop()
		return err
	}
	if timeout > 0 {
		timer.Reset(timeout)
	}
	return nil
}

// taskFunc is a function as a task of the server's workers.
type taskFunc func()

// Run implements ordered.Task.
func (f taskFunc) Run() { f() }

// allOf makes what one socket has answered the answer of a broadcast.
func allOf(reply Args, err error) ([]Args, error) {
	switch {
	case err == nil:
		return []Args{reply}, nil
	case errors.Is(err, ErrDisconnected), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil, &MissingAcksError{Missing: 1, Err: err}
	}
	return nil, err
}

func (b BroadcastOperator) ask(collector *ackCollector, event string, args []any) error {
	if reserved(event) {
		return ErrReservedEvent
	}
	p := &Packet{Type: PacketEvent, Namespace: b.nsp.name, Event: event, Args: args}
	stop, err := b.nsp.reach(b.to.Local).BroadcastWithAck(p, b.to, collector)
	if err == nil {
		collector.update(func() { collector.stop = stop })
	}
	return err
}

// AckCollector takes the acknowledgements of a broadcast. It may be used
// concurrently.
type AckCollector interface {
	// Expect adds to the number of acknowledgements to wait for. final tells
	// that no more calls will come.
	Expect(n int, final bool)
	// Reply takes one.
	Reply(Args)
	// Lost takes the place of one that will not come.
	Lost()
}

// ackCollector calls finished once: when there is nothing more to wait for, or
// it has expired.
type ackCollector struct {
	finished func()

	mu       sync.Mutex
	replies  []Args
	expected int
	lost     int
	final    bool
	stop     func() // the cluster's; nil until all have been asked
	err      error  // for which it has expired
	ended    bool
}

func (c *ackCollector) Expect(n int, final bool) {
	c.update(func() {
		c.expected += n
		c.final = c.final || final
	})
}

func (c *ackCollector) Reply(args Args) { c.update(func() { c.replies = append(c.replies, args) }) }

func (c *ackCollector) Lost() { c.update(func() { c.lost++ }) }

// expire stops the wait for what is missing.
func (c *ackCollector) expire(err error) { c.update(func() { c.err = err }) }

func (c *ackCollector) update(f func()) {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	f()
	complete := c.final && len(c.replies)+c.lost >= c.expected
	c.ended = c.stop != nil && (complete || c.err != nil)
	ended := c.ended
	c.mu.Unlock()
	if ended {
		c.finished()
	}
}

// result is what there is once it has finished.
func (c *ackCollector) result() ([]Args, error) {
	c.stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	replies := slices.Clone(c.replies)
	missing := c.expected - len(replies)
	if missing == 0 && c.final {
		return replies, nil
	}
	err := c.err
	if err == nil {
		err = ErrDisconnected
	}
	return replies, &MissingAcksError{Missing: missing, Err: err}
}
