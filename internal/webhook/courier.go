package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/job"
)

// Config is how long is tried.
type Config struct {
	// Timeout is how long a receiver has to answer.
	Timeout time.Duration
	// Backoff is about how long after the first failure an event is tried again: four times as long each time, up to MaxBackoff.
	Backoff, MaxBackoff time.Duration
	// Refusals is how often an event is tried again that the receiver refuses; one that it does not take because it is away is
	// tried for GiveUp.
	Refusals int
	GiveUp   time.Duration
	// Rest is how long a webhook is left alone that does not answer: twice as long each time, up to some minutes.
	Rest time.Duration
	// DisableAfter is how long all attempts of a webhook must have failed for it to be disabled.
	DisableAfter time.Duration
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Timeout: 15 * time.Second, Backoff: 5 * time.Second, MaxBackoff: time.Hour, Refusals: 3, GiveUp: 24 * time.Hour,
		Rest: 5 * time.Second, DisableAfter: 72 * time.Hour,
	}
}

// Validate reports the first field that cannot be used.
func (c Config) Validate() error {
	switch {
	case c.Timeout <= 0 || c.Timeout > MaxTimeout:
		return fmt.Errorf("webhook: a receiver must have up to %v to answer, not %v", MaxTimeout, c.Timeout)
	case c.Backoff <= 0 || c.MaxBackoff < c.Backoff:
		return fmt.Errorf("webhook: times between attempts must be positive, and the longest not shorter than the first: %v and %v", c.Backoff, c.MaxBackoff)
	case c.Refusals < 0 || c.GiveUp < 0 || c.Rest <= 0 || c.DisableAfter <= 0:
		return errors.New("webhook: what is tried must not be negative")
	}
	return nil
}

// MaxTimeout is the longest [Config.Timeout], and JobTimeout how long a job may take that has begun its last attempt at the end of
// its time.
const (
	MaxTimeout = 30 * time.Second
	runFor     = 20 * time.Second
	JobTimeout = runFor + MaxTimeout + 10*time.Second
)

// page is how many events are read at a time: each may have 40 KB of content.
const page = 20

// Notices tells administrators.
type Notices interface {
	// WebhookDisabled is called when a webhook was disabled.
	WebhookDisabled(ctx context.Context, w *Webhook)
}

// CourierDeps are what a courier is made of.
type CourierDeps struct {
	Store   Store
	Sender  Sender
	Notices Notices
	Log     *slog.Logger
	Now     func() time.Time
	NewID   func() string // of jobs and deliveries
}

// Courier does jobs of [JobKind]. Its methods may be called concurrently.
type Courier struct {
	CourierDeps
	cfg   Config
	gates gates
}

// NewCourier returns a courier.
func NewCourier(cfg Config, d CourierDeps) (*Courier, error) {
	if err := errors.Join(cfg.Validate(), deps.Check(d)); err != nil {
		return nil, err
	}
	return &Courier{CourierDeps: d, cfg: cfg, gates: gates{rest: cfg.Rest, all: make(map[string]*gate)}}, nil
}

// Handle is the [job.Handler]. It fails only where the store does: how a line goes on it says itself, by the jobs that follow.
func (c *Courier) Handle(ctx context.Context, j *job.Job) (job.Result, error) {
	var l line
	if err := json.Unmarshal(j.Payload, &l); err != nil {
		return job.Result{}, job.Hopeless{Err: err}
	}
	w, err := c.Store.Webhook(ctx, l.Webhook)
	switch {
	case errors.Is(err, ErrNotFound):
		return job.Result{}, nil
	case err != nil:
		return job.Result{}, err
	case l.Letter != "":
		return job.Result{}, c.letter(ctx, &w, &l, j.Error == "")
	case w.Disabled():
		return job.Result{}, nil // what happens meanwhile is not told
	}
	wait, ok := c.gates.enter(w.ID, c.Now())
	if !ok {
		return job.Result{Then: []job.Job{l.job(c.NewID(), c.Now().Add(wait))}}, nil
	}
	defer c.gates.leave(w.ID)
	r := &run{Courier: c, w: &w, line: l}
	result, err := r.tell(ctx)
	r.record(ctx)
	return result, err
}

// letter tries a dead letter once more, when somebody has it done: not the first time, which only makes it one.
func (c *Courier) letter(ctx context.Context, w *Webhook, l *line, first bool) error {
	if first {
		return job.Hopeless{Err: errors.New(l.Letter)}
	}
	if w.Disabled() {
		return job.Hopeless{Err: errors.New("the webhook is disabled")}
	}
	events, err := c.Store.Logged(ctx, l.Conversation, l.Room, l.From-1, 1)
	if err != nil {
		return err
	}
	if len(events) == 0 || events[0].Seq != l.From {
		return nil // it is kept no longer
	}
	epoch, err := c.Store.Epoch(ctx)
	if err != nil {
		return err
	}
	n, ok, err := noticeOf(epoch, w.ID, &events[0])
	if err != nil || !ok {
		return err
	}
	a := post(ctx, c.Sender, w, &n, c.cfg.Timeout, c.Now())
	if a.verdict == notTried {
		return errors.New(a.why)
	}
	outcome := GivenUp
	if a.verdict == good {
		outcome = Delivered
	}
	r := &run{Courier: c, w: w, line: *l}
	r.note(&n, &a, outcome, 1)
	r.record(ctx)
	if a.verdict == good {
		return nil
	}
	return job.Hopeless{Err: errors.New(a.why)}
}

// run tells a webhook what there is in a line.
type run struct {
	*Courier
	w *Webhook
	line
	epoch   string
	letters []job.Job
	noted   []Delivery
}

// on is the result of going on later.
func (r *run) on(after time.Duration) job.Result {
	return job.Result{Then: append(r.letters, r.job(r.NewID(), r.Now().Add(after)))}
}

// end is the result of having told everything.
func (r *run) end() job.Result {
	again := r.job(r.NewID(), r.Now())
	return job.Result{Then: r.letters, Again: &again}
}

// fault is what to do where the store fails: what was told is not told again.
func (r *run) fault(err error, told bool) (job.Result, error) {
	if !told {
		return job.Result{}, err
	}
	r.Log.Warn("a webhook waits for the store", "webhook", r.w.ID, "err", err)
	return r.on(r.cfg.Backoff), nil
}

// tell goes through the log. It ends when there is no more, when an attempt has failed, or after some time: others wait.
func (r *run) tell(ctx context.Context) (job.Result, error) {
	until := r.Now().Add(runFor)
	var err error
	if r.epoch, err = r.Store.Epoch(ctx); err != nil {
		return job.Result{}, err
	}
	for told := false; ; told = true {
		events, err := r.Store.Logged(ctx, r.Conversation, r.Room, r.From-1, page)
		if err != nil {
			return r.fault(err, told)
		}
		for i := range events {
			e := &events[i]
			if e.Seq > r.From { // what was there is kept no longer
				r.advance(e.Seq)
			}
			if wait, on := r.event(ctx, e); !on {
				if r.w.Disabled() {
					return job.Result{Then: r.letters}, nil
				}
				if ctx.Err() != nil {
					return r.fault(ctx.Err(), told || i > 0)
				}
				return r.on(wait), nil
			}
			r.advance(e.Seq + 1)
			if r.Now().After(until) {
				return r.on(0), nil
			}
		}
		if len(events) < page {
			return r.end(), nil
		}
	}
}

// advance goes to another place, of which nothing has failed.
func (r *run) advance(seq int64) { r.From, r.Failed, r.Since = seq, 0, time.Time{} }

// event tells an event, if it is wanted. on is false if it has to be tried again, after a time.
func (r *run) event(ctx context.Context, e *chat.Event) (wait time.Duration, on bool) {
	if !r.w.Wants(e.Kind, r.Room) {
		return 0, true
	}
	n, ok, err := noticeOf(r.epoch, r.w.ID, e)
	if err != nil {
		r.Log.Error("an event cannot be written for a webhook, and is passed over", "webhook", r.w.ID, "kind", e.Kind, "err", err)
	}
	if err != nil || !ok {
		return 0, true
	}
	a := post(ctx, r.Sender, r.w, &n, r.cfg.Timeout, r.Now())
	now := r.Now().UTC().Truncate(time.Millisecond)
	switch a.verdict {
	case notTried:
		return 0, false
	case good:
		r.gates.answered(r.w.ID)
		r.note(&n, &a, Delivered, r.Failed+1)
		r.recovered(ctx)
		return 0, true
	case refused, gone:
		r.gates.answered(r.w.ID)
	case silence:
		r.gates.silent(r.w.ID, now, a.asked)
	}
	r.Failed++
	if r.Since.IsZero() {
		r.Since = now
	}
	r.failing(ctx, &a, now)
	if !r.w.Disabled() && r.again(&a, now) {
		r.note(&n, &a, Retried, r.Failed)
		return max(r.backoff(), a.asked), false
	}
	r.note(&n, &a, GivenUp, r.Failed)
	letter := line{Webhook: r.Webhook, Conversation: r.Conversation, Room: r.Room, From: e.Seq, Letter: a.why}
	r.letters = append(r.letters, letter.job(r.NewID(), now))
	return 0, !r.w.Disabled()
}

// refusedFor is how long a receiver may refuse everything for it to be about the events. Longer, and it is about the receiver, which
// somebody will mend: events wait, rather than become dead letters one by one.
const refusedFor = 10 * time.Minute

// again tells whether the event at From is tried again.
func (r *run) again(a *attempt, now time.Time) bool {
	if a.verdict == silence || !r.w.FailingSince.IsZero() && now.Sub(r.w.FailingSince) > refusedFor {
		return now.Sub(r.Since) < r.cfg.GiveUp
	}
	return r.Failed <= r.cfg.Refusals
}

// backoff is how long an event waits that has failed, varied by a quarter.
func (r *run) backoff() time.Duration {
	wait := r.cfg.Backoff
	for n := 1; n < r.Failed && wait < r.cfg.MaxBackoff; n++ {
		wait *= 4
	}
	wait = min(wait, r.cfg.MaxBackoff)
	return wait*3/4 + time.Duration(rand.Int64N(int64(wait)/2+1))
}

// failing notes that the webhook fails, and disables it when it has for too long.
func (r *run) failing(ctx context.Context, a *attempt, now time.Time) {
	tooLong := !r.w.FailingSince.IsZero() && now.Sub(r.w.FailingSince) >= r.cfg.DisableAfter
	if !r.w.FailingSince.IsZero() && !tooLong && a.verdict != gone {
		return
	}
	disabled := false
	changed, err := r.Store.ChangeWebhook(ctx, r.w.ID, func(w *Webhook) error {
		disabled = false
		switch {
		case w.Disabled():
		case a.verdict == gone:
			w.DisabledAt, w.DisabledWhy, disabled = now, a.why, true
		case w.FailingSince.IsZero():
			w.FailingSince = now
		case now.Sub(w.FailingSince) >= r.cfg.DisableAfter:
			w.DisabledAt, w.DisabledWhy, disabled = now, "nothing could be delivered for "+r.cfg.DisableAfter.String()+": "+a.why, true
		}
		return nil
	})
	if err != nil {
		r.Log.Warn("it is not stored that a webhook fails", "webhook", r.w.ID, "err", err)
		return
	}
	*r.w = changed
	if disabled {
		r.Log.Warn("a webhook is disabled", "webhook", r.w.ID, "why", r.w.DisabledWhy)
		r.Notices.WebhookDisabled(ctx, r.w)
	}
}

// recovered notes that the webhook does not fail any more.
func (r *run) recovered(ctx context.Context) {
	if r.w.FailingSince.IsZero() {
		return
	}
	changed, err := r.Store.ChangeWebhook(ctx, r.w.ID, func(w *Webhook) error { w.FailingSince = time.Time{}; return nil })
	if err != nil {
		r.Log.Warn("it is not stored that a webhook is well again", "webhook", r.w.ID, "err", err)
		return
	}
	*r.w = changed
}

// note keeps an attempt until it is recorded.
func (r *run) note(n *notice, a *attempt, outcome Outcome, number int) {
	r.noted = append(r.noted, Delivery{
		ID: r.NewID(), WebhookID: r.w.ID, EventID: n.id, Kind: n.kind, ConversationID: r.Conversation, Seq: n.seq, Attempt: number,
		Status: a.status, Error: a.why, Outcome: outcome, At: r.Now().UTC().Truncate(time.Millisecond), Took: a.took.Truncate(time.Millisecond),
	})
}

// record stores what was tried. It is for people: where it fails nothing else changes.
func (r *run) record(ctx context.Context) {
	if len(r.noted) > KeptDeliveries {
		r.noted = r.noted[len(r.noted)-KeptDeliveries:]
	}
	if len(r.noted) == 0 {
		return
	}
	if err := r.Store.RecordDeliveries(context.WithoutCancel(ctx), r.w.ID, r.noted); err != nil {
		r.Log.Warn("attempts of a webhook are not recorded", "webhook", r.w.ID, "err", err)
	}
}
