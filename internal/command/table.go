// Package command is everything that clients can ask for, whatever protocol they
// speak: one table of rows, each with a name, a payload, limits and a handler.
// Gateways and the HTTP API decode, look a command up by its name and answer in
// their own way; they add no rules.
//
//	table.go     Table: runs a command, with its rate and its metrics
//	start.go     commands of which several of a device can be under way
//	payload.go   what is wrong with a payload, by field
//	refusal.go   the one map from errors to what clients see
//	messages.go, rooms.go, …   the rows, by theme
package command

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/internal/ratelimit"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// Caller is who asks.
type Caller struct {
	Actor  chat.Actor
	Device Device // nil for who asks without a connection
	// Settle returns once all that the device has started before is answered; nil for
	// who starts nothing.
	Settle func()
}

// Device is the connection that asks. Its commands run one after the other.
type Device interface {
	// Emit sends an event beside the acknowledgement. It does nothing when the
	// connection is gone: a client that did not get its answer asks again.
	Emit(event string, payload any)
	// Refresh takes a new token for the connection, of the same user.
	Refresh(ctx context.Context, token string) (expires time.Time, err error)
	// MayHear tells whether the token permits a topic.
	MayHear(topic string) bool
	// Topics returns those that are subscribed to, which Subscribe and Unsubscribe
	// change.
	Topics() []string
	Subscribe(topics []string)
	Unsubscribe(topics []string)
	// Look notes whether somebody looks at the device.
	Look(looking bool)
}

// Decode stores a payload in what dst points to, as encoding/json does.
type Decode func(dst any) error

// Metrics counts commands.
type Metrics interface {
	Message(kind string, ok bool)
	Observe(operation string, took time.Duration)
	Error(kind, code string)
}

// Deps are what a Table works with; all but Events are required.
type Deps struct {
	Events   ratelimit.Rate // of one kind, by one user; zero is no limit
	Chat     *chat.Service
	Accounts *account.Service
	Presence *presence.Tracker
	Typing   *presence.Typing
	Metrics  Metrics
	Log      *slog.Logger
	Now      func() time.Time
}

// Table runs commands. It may be used concurrently.
type Table struct {
	deps  Deps
	rates *ratelimit.Buckets[eventKey]
	rows  map[string]*row
}

// row is one command.
type row struct {
	name string
	// fault is what the client is told when the server is at fault.
	fault           string
	payload, answer reflect.Type // what it takes, and what acknowledges it
	run             func(ctx context.Context, c *call, decode Decode) (answer any, err error)
	// start is run for who does not wait; nil where that makes no sense.
	start func(ctx context.Context, c *call, decode Decode, answered func(answer any, err error))
}

// call is one command under way.
type call struct {
	*Caller
	table *Table
	row   *row
	ended atomic.Bool // of one that was started: its outcome is known
}

// emit sends an event to the connection that asks, if one does.
func (c *call) emit(e wire.Event) {
	if c.Device != nil {
		c.Device.Emit(e.Name, e.Payload)
	}
}

// New makes the table.
func New(d Deps) (*Table, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	t := &Table{deps: d, rates: ratelimit.New[eventKey](d.Events, d.Now), rows: make(map[string]*row, len(rows))}
	for i := range rows {
		t.rows[rows[i].name] = &rows[i]
	}
	return t, nil
}

// Rate is how often a user may run a command of one kind; zero is no limit.
func (t *Table) Rate() ratelimit.Rate { return t.rates.Rate() }

// Ledger is what was taken of the rates, for other nodes.
func (t *Table) Ledger() ratelimit.Ledger {
	return t.rates.Ledger(
		func(key eventKey) string { return key.name + " " + string(key.user) }, // no name has a space
		func(text string) (eventKey, error) {
			name, user, ok := strings.Cut(text, " ")
			if !ok {
				return eventKey{}, errors.New("must be a command and a user")
			}
			return eventKey{user: chat.UserID(user), name: name}, nil
		},
	)
}

// Names are the names of all commands.
func Names() []string {
	names := make([]string, len(rows))
	for i := range rows {
		names[i] = rows[i].name
	}
	return names
}

// Run carries a command out and returns what acknowledges it, or why not. What
// was received is carried out even if the client is gone by now, so the end of
// ctx is not heeded, only its values.
func (t *Table) Run(ctx context.Context, caller *Caller, name string, decode Decode) (answer any, why *Refusal) {
	began := t.deps.Now()
	r := t.rows[name]
	if r == nil {
		return nil, &Refusal{Code: CodeUnknownCommand, Message: "Unknown command"}
	}
	c := &call{Caller: caller, table: t, row: r}
	answer, err := guarded(func() (any, error) { return r.run(context.WithoutCancel(ctx), c, decode) })
	return t.outcome(r, began, answer, err)
}

// outcome counts a command that has ended, and returns what is to be answered.
func (t *Table) outcome(r *row, began time.Time, answer any, err error) (any, *Refusal) {
	t.deps.Metrics.Message(r.name, err == nil)
	t.deps.Metrics.Observe(r.name, t.deps.Now().Sub(began))
	if err == nil {
		return answer, nil
	}
	why := RefusalOf(err, r.fault)
	t.deps.Metrics.Error("command", why.Code)
	if why.Code == string(refusal.Internal) {
		t.deps.Log.Error("command failed", "event", r.name, "err", err)
	}
	return nil, why
}

// declare makes a row that takes a P and is acknowledged by an A, which counts only without an error.
func declare[P, A any](name, fault string, run func(ctx context.Context, c *call, p P) (A, error)) row {
	r := row{name: name, fault: fault, payload: reflect.TypeFor[P](), answer: reflect.TypeFor[A]()}
	r.run = func(ctx context.Context, c *call, decode Decode) (any, error) {
		p, err := read[P](ctx, c, decode)
		if err != nil {
			return nil, err
		}
		return run(ctx, c, p)
	}
	return r
}

// read takes the payload of a command, within the rate.
func read[P any](ctx context.Context, c *call, decode Decode) (p P, err error) {
	malformed := ReadPayload(decode, &p)
	if err := c.withinRate(ctx, p); err != nil { // what is malformed counts too
		return p, err
	}
	return p, malformed
}

// rows is the table.
var rows = concat(messageRows, scheduleRows, changeRows, findRows, roomRows, directoryRows, moderationRows, readRows, friendRows, userRows, presenceRows,
	topicRows, sessionRows)

func concat(groups ...[]row) []row {
	var all []row
	for _, group := range groups {
		all = append(all, group...)
	}
	return all
}

// eventKey is what a rate is counted for.
type eventKey struct {
	user chat.UserID
	name string
}

// repeatable is a payload whose repetition is answered whatever the rate.
type repeatable interface{ clientMsgID() string }

func (c *call) withinRate(ctx context.Context, payload any) error {
	wait := c.table.rates.Take(eventKey{c.Actor.ID, c.row.name})
	if wait == 0 {
		return nil
	}
	if r, ok := payload.(repeatable); ok {
		if c.Settle != nil {
			c.Settle() // it may repeat what is on its way
		}
		known, err := c.table.deps.Chat.Known(ctx, c.Actor, r.clientMsgID())
		if err != nil || known {
			return err
		}
	}
	return &refusal.Error{Code: CodeRateLimited, Message: "Too many requests", Limit: c.table.rates.Rate().Events, RetryAfter: wait}
}

// Rejected is the acknowledgement of a command that was refused.
type Rejected struct {
	OK    bool     `json:"ok"`
	Error *Refusal `json:"error"`
}

// accepted begins every acknowledgement of a command that was carried out.
type accepted struct {
	OK bool `json:"ok"`
}

var done = accepted{OK: true}
