package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/job"
)

// JobKind is what the jobs are that tell of events.
const JobKind = "webhook"

// line is the payload of a job: what is to be told to a webhook of a conversation, from a place in its log on.
type line struct {
	Webhook      string `json:"w"`
	Conversation string `json:"c"`
	Room         string `json:"r,omitempty"` // empty for a direct conversation
	From         int64  `json:"f"`           // a seq

	// Of the event at From: how often telling it has failed, and when that was first.
	Failed int       `json:"n,omitempty"`
	Since  time.Time `json:"s,omitzero"`

	// Letter is the event at From alone, which was given up: why.
	Letter string `json:"l,omitempty"`
}

// key lets one job of a line be done at a time. A dead letter is out of the line.
func (l *line) key() string {
	key := JobKind + " " + l.Webhook + " " + l.Conversation
	if l.Letter != "" {
		key += fmt.Sprint(" ", l.From)
	}
	return key
}

// job returns a job for the line, which is due at a time.
func (l line) job(id string, at time.Time) job.Job {
	payload, _ := json.Marshal(l) // there is nothing in it that could fail
	at = at.UTC().Truncate(time.Millisecond)
	return job.Job{ID: id, Kind: JobKind, Key: l.key(), Payload: payload, State: job.Waiting, RunAt: at, CreatedAt: at}
}

// SubscriptionsDeps are what subscriptions are made of.
type SubscriptionsDeps struct {
	Store Store
	Log   *slog.Logger
	Now   func() time.Time
	NewID func() string // of jobs
}

// Subscriptions are which events are to be told to whom, as this node knows it. Its methods may be called concurrently.
type Subscriptions struct {
	SubscriptionsDeps
	wanted atomic.Pointer[[]Webhook] // those that are not disabled

	changed chan struct{} // somewhere
	mu      sync.Mutex    // is held while they are read
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// refreshEvery is how often they are read whatever is heard; again is after how long where that fails.
const (
	refreshEvery = time.Minute
	refreshAgain = time.Second
)

// NewSubscriptions reads what there is, and keeps it up to date until Stop.
func NewSubscriptions(ctx context.Context, d SubscriptionsDeps) (*Subscriptions, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	s := &Subscriptions{SubscriptionsDeps: d, changed: make(chan struct{}, 1)}
	if err := s.Refresh(ctx); err != nil {
		return nil, err
	}
	ctx, s.stop = context.WithCancel(context.Background())
	s.done.Go(func() { s.keep(ctx) })
	return s, nil
}

// Stop ends what keeps them up to date.
func (s *Subscriptions) Stop() {
	s.stop()
	s.done.Wait()
}

// Refresh reads them again, and returns when that has its effect on this node.
func (s *Subscriptions) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.Store.Webhooks(ctx)
	if err != nil {
		return fmt.Errorf("read webhooks: %w", err)
	}
	wanted := make([]Webhook, 0, len(all))
	for i := range all {
		if !all[i].Disabled() {
			wanted = append(wanted, all[i])
		}
	}
	s.wanted.Store(&wanted)
	return nil
}

// Heard is told of what was committed on any node. It does not block.
func (s *Subscriptions) Heard(events []account.Event) {
	for i := range events {
		if events[i].Kind == account.WebhooksChanged {
			select {
			case s.changed <- struct{}{}:
			default: // they are about to be read
			}
			return
		}
	}
}

func (s *Subscriptions) keep(ctx context.Context) {
	wait := refreshEvery
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		case <-time.After(wait):
		}
		wait = refreshEvery
		if err := s.Refresh(ctx); err != nil && ctx.Err() == nil {
			wait = refreshAgain
			s.Log.Warn("webhooks could not be read again, those of before are told", "err", err)
		}
	}
}

// Follow returns the jobs that are to follow events. It looks into memory alone.
func (s *Subscriptions) Follow(events []chat.Event, _ []account.Event) (jobs []job.Job) {
	wanted := *s.wanted.Load()
	if len(wanted) == 0 {
		return nil
	}
	for i := range events {
		e := &events[i]
		if e.Seq == 0 {
			continue // it is not logged
		}
		for n := range wanted {
			if w := &wanted[n]; w.Wants(e.Kind, e.Audience.RoomID) {
				l := line{Webhook: w.ID, Conversation: e.ConversationID, Room: e.Audience.RoomID, From: e.Seq}
				jobs = append(jobs, l.job(s.NewID(), s.Now()))
			}
		}
	}
	return jobs
}
