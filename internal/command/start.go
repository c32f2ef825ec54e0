package command

import (
	"context"
	"fmt"
	"runtime/debug"
)

// CanStart reports whether a command is of the kind that Start is for.
func (t *Table) CanStart(name string) bool {
	r := t.rows[name]
	return r != nil && r.start != nil
}

// Start is Run for who does not wait: a device can so have several commands under
// way, which are carried out in the order in which they were started, many in one
// transaction. answered gets what Run would have returned, once: on a goroutine of the
// store's, in that order, where it must not block; or before Start returns, for what
// was refused at once.
func (t *Table) Start(ctx context.Context, caller *Caller, name string, decode Decode, answered func(answer any, refusal *Refusal)) {
	began := t.deps.Now()
	r := t.rows[name]
	c := &call{Caller: caller, table: t, row: r}
	tell := func(answer any, err error) {
		if c.ended.Swap(true) {
			return
		}
		outcome, refusal := t.outcome(r, began, answer, err)
		if err := contain(func() { answered(outcome, refusal) }); err != nil {
			t.deps.Log.Error("answer failed", "event", r.name, "err", err)
		}
	}
	if err := contain(func() { r.start(context.WithoutCancel(ctx), c, decode, tell) }); err != nil {
		tell(nil, err)
	}
}

// declareStarted makes a row of commands that can be started. start hands its outcome
// to done; tell makes the acknowledgement of it, and may send events to the device.
func declareStarted[P, O, A any](
	name, fault string, start func(ctx context.Context, c *call, p P, done func(O, error)), tell func(c *call, o *O) A,
) row {
	begin := func(ctx context.Context, c *call, decode Decode, answered func(A, error)) {
		p, err := guarded(func() (P, error) { return read[P](ctx, c, decode) })
		if err != nil {
			var none A
			answered(none, err)
			return
		}
		start(ctx, c, p, func(o O, err error) {
			answered(guarded(func() (answer A, _ error) {
				if err != nil {
					return answer, err
				}
				return tell(c, &o), nil
			}))
		})
	}
	r := declare(name, fault, func(context.Context, *call, P) (answer A, err error) { return answer, nil })
	r.start = func(ctx context.Context, c *call, decode Decode, answered func(any, error)) {
		begin(ctx, c, decode, func(answer A, err error) { answered(answer, err) })
	}
	r.run = func(ctx context.Context, c *call, decode Decode) (answer any, err error) {
		ended := make(chan struct{})
		begin(ctx, c, decode, func(a A, failed error) {
			answer, err = a, failed
			close(ended)
		})
		<-ended
		return answer, err
	}
	return r
}

// guarded turns a panic into a fault: what is wrong with one command is not to end
// the connections of everybody.
func guarded[T any](do func() (T, error)) (out T, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return do()
}

// contain is guarded for what returns nothing.
func contain(do func()) error {
	_, err := guarded(func() (struct{}, error) { do(); return struct{}{}, nil })
	return err
}
