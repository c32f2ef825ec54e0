package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/job"
)

// JobKind is what the jobs are that bring notifications to devices.
const JobKind = "push"

// How its jobs are done.
const (
	workers    = 16
	atOnce     = 16 // requests of a job at a time
	jobTimeout = 5 * time.Minute
	// retries are for a store that is away: how a device that was not reached goes on is a job of its own.
	retries = 20
	// MaxUsers is how many users a job is for.
	MaxUsers = 100

	firstBackoff = 5 * time.Second
	maxBackoff   = time.Hour
)

// task is the payload of a job: a notification for the devices of users, or for some devices that could not be reached before.
type task struct {
	ID     string           `json:"id"`
	Fields Fields           `json:"n,omitempty"`
	Said   *said            `json:"said,omitempty"` // a message, instead of fields
	Back   *Back            `json:"back,omitempty"` // what is taken back, instead of both
	At     time.Time        `json:"at"`
	Until  time.Time        `json:"until"` // its TTL
	Users  []account.UserID `json:"users,omitempty"`
	// Hidden are those of its users who were connected, and did not look: it is for them alone.
	Hidden []account.UserID `json:"hidden,omitempty"`

	Devices []string  `json:"devices,omitempty"`
	Failed  int       `json:"failed,omitempty"`
	Tried   time.Time `json:"tried,omitzero"` // when it was known whose these devices are
}

func (t *task) job(id string, priority job.Priority, due, now time.Time) (job.Job, error) {
	payload, err := json.Marshal(t)
	if err != nil {
		return job.Job{}, fmt.Errorf("encode a push: %w", err)
	}
	return job.Job{ID: id, Kind: JobKind, Priority: priority, Payload: payload, State: job.Waiting, RunAt: due, CreatedAt: now}, nil
}

// Kind is that of the jobs.
func (s *Service) Kind() job.Kind {
	return job.Kind{Name: JobKind, Handle: s.handle, Workers: workers, Retries: retries, Timeout: jobTimeout}
}

// Notification notes that at most [MaxUsers] users are told something by the application, and returns the jobs that bring it to their
// devices: for who causes it to store. id tells notifications apart.
func (s *Service) Notification(ctx context.Context, id string, f Fields, users []account.UserID, priority job.Priority) ([]job.Job, error) {
	if len(users) == 0 {
		return nil, nil
	}
	now, told := s.timestamp(), make([]Told, len(users))
	for i, user := range users {
		told[i] = Told{UserID: user, ID: id, At: now}
	}
	if _, err := s.Store.NoteTold(ctx, told, &Content{id, f, now}); err != nil {
		return nil, fmt.Errorf("note what users are told: %w", err)
	}
	if !s.known.Load() {
		if err := s.Refresh(ctx); err != nil || !s.known.Load() {
			return nil, err
		}
	}
	t := task{ID: id, Fields: f, At: now, Until: now.Add(f.ttl()), Users: users}
	j, err := t.job(s.NewID(), priority, now, now)
	if err != nil {
		return nil, err
	}
	return []job.Job{j}, nil
}

// target is a device, and what it is told.
type target struct {
	Subscription
	fields Fields
	id     string // of what it is told; empty is the task's
	// conversation and seq are where the message is that it is told of.
	conversation string
	seq          int64
}

// handle is the [job.Handler].
func (s *Service) handle(ctx context.Context, j *job.Job) (job.Result, error) {
	var t task
	if err := json.Unmarshal(j.Payload, &t); err != nil {
		return job.Result{}, job.Hopeless{Err: err}
	}
	read := s.timestamp()
	targets, followers, err := s.targets(ctx, &t)
	if err != nil {
		return job.Result{}, err
	}
	if !t.isRetry() {
		t.Tried = read
	}
	if targets, err = s.noteAhead(ctx, &t, targets); err != nil {
		return job.Result{}, err
	}
	attempts, err := s.tellAll(ctx, targets, &t)
	if err != nil {
		return job.Result{}, err
	}
	again := make(map[time.Time][]string) // devices, by when
	for i := range targets {
		if at, later := s.settle(ctx, &t, &targets[i].Subscription, &attempts[i]); later {
			again[at] = append(again[at], targets[i].ID)
		}
	}
	followers = append(followers, s.note(ctx, &t, targets, attempts)...)
	var result job.Result
	now := s.timestamp()
	for _, next := range followers {
		due := now
		if next.Hidden != nil {
			due = now.Add(s.cfg.LookFor)
		}
		then, err := next.job(s.NewID(), j.Priority, due, now)
		if err != nil {
			return job.Result{}, job.Hopeless{Err: err}
		}
		result.Then = append(result.Then, then)
	}
	for at, ids := range again {
		then, err := t.retry(ids).job(s.NewID(), j.Priority, at, s.timestamp())
		if err != nil {
			return job.Result{}, job.Hopeless{Err: err}
		}
		result.Then = append(result.Then, then)
	}
	return result, nil
}

// isRetry tells whether a task is for devices that could not be reached before.
func (t *task) isRetry() bool {
	return len(t.Devices) > 0 || t.Back != nil && len(t.Back.Devices) > 0
}

// retry is the task for some devices that could not be reached.
func (t *task) retry(devices []string) *task {
	next := *t
	next.Users, next.Hidden, next.Devices, next.Failed = nil, nil, devices, t.Failed+1
	if t.Back != nil {
		back := *t.Back
		back.Users, back.Devices = nil, devices
		next.Back, next.Devices = &back, nil
	}
	return &next
}

// settle notes what came of telling a device, and says when to do it again, if it is.
func (s *Service) settle(ctx context.Context, t *task, d *Subscription, a *attempt) (at time.Time, later bool) {
	switch a.outcome {
	case Later:
		if a.ours {
			s.Log.Warn("a push service does not take this server's credentials: what is to be told waits", "type", d.Type, "why", a.why)
		}
		at = s.timestamp().Add(max(backoff(t.Failed), a.after)).Truncate(time.Second).Add(time.Second) // in few groups
		if later = !at.After(t.Until); !later {
			a.outcome = Expired
		}
	case Refused:
		s.Log.Info("a push service has refused a notification", "device", d.ID, "why", a.why)
	case Gone:
		if err := s.Store.DropPushSubscription(ctx, *d); err != nil {
			s.Log.Warn("a device that is gone is not removed", "device", d.ID, "err", err)
		}
	case Sent, Expired:
	}
	s.Observe(d.Type, a.outcome, t.Back != nil)
	return at, later
}

// targets are the devices that a task is for now, and the tasks for others.
func (s *Service) targets(ctx context.Context, t *task) (targets []target, followers []*task, err error) {
	switch {
	case t.Back != nil:
		targets, err = s.backTargets(ctx, t)
		return targets, nil, err
	case t.Said != nil:
		return s.messageTargets(ctx, t)
	}
	devices, later, err := s.devices(ctx, t, t.Users)
	if err != nil {
		return nil, nil, err
	}
	if later != nil {
		followers = append(followers, later)
	}
	wishes, err := s.wishesOf(ctx, usersOf(devices), "")
	if err != nil {
		return nil, nil, err
	}
	now := s.Now()
	for i := range devices {
		if wishes[devices[i].UserID].told(true, true, now) {
			targets = append(targets, target{Subscription: devices[i], fields: t.Fields})
		}
	}
	return targets, followers, nil
}

// usersOf are those whose devices some are.
func usersOf(devices []Subscription) (users []account.UserID) {
	for i := range devices {
		if !slices.Contains(users, devices[i].UserID) {
			users = append(users, devices[i].UserID)
		}
	}
	return users
}

// devices are those that could not be reached before, or else those of users who do not look. Who has some connected is left to the
// later task, which is due when they may have looked; that is nil where there is nobody.
func (s *Service) devices(ctx context.Context, t *task, users []account.UserID) (devices []Subscription, later *task, err error) {
	if len(t.Devices) > 0 {
		devices, err = s.Store.PushSubscriptionsByID(ctx, t.Devices)
		// Somebody has subscribed there meanwhile, who may be somebody else.
		return slices.DeleteFunc(devices, func(d Subscription) bool { return d.CreatedAt.After(t.Tried) }), nil, err
	}
	if t.Hidden != nil {
		users = t.Hidden
	}
	looking, hidden := s.Presence.Attention(users)
	if t.Hidden == nil && len(hidden) > 0 {
		next := *t
		next.Hidden, next.Users = hidden, nil
		looking, later = append(looking, hidden...), &next
	}
	away := slices.DeleteFunc(slices.Clone(users), func(id account.UserID) bool { return slices.Contains(looking, id) })
	if len(away) == 0 {
		return nil, later, nil
	}
	devices, err = s.Store.PushSubscriptions(ctx, away)
	return devices, later, err
}

// tellAll tells devices, some at a time. An error says that not all were tried.
func (s *Service) tellAll(ctx context.Context, targets []target, t *task) ([]attempt, error) {
	attempts, errs := make([]attempt, len(targets)), make([]error, len(targets))
	places := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range targets {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			by := s.carriers[targets[i].Type]
			if by == nil {
				attempts[i] = attempt{outcome: Refused, why: "this server has no credentials for it"}
				return
			}
			n := notice{fields: targets[i].fields, id: targets[i].id, at: t.At, until: t.Until, back: t.Back != nil}
			if n.id == "" {
				n.id = t.ID
			}
			attempts[i], errs[i] = by.tell(ctx, &targets[i].Subscription, &n)
		})
	}
	all.Wait()
	return attempts, errors.Join(errs...)
}

// backoff is how long a device waits that could not be reached so often before, varied by a quarter.
func backoff(failed int) time.Duration {
	wait := firstBackoff
	for n := 0; n < failed && wait < maxBackoff; n++ {
		wait *= 4
	}
	wait = min(wait, maxBackoff)
	return wait*3/4 + time.Duration(rand.Int64N(int64(wait)/2+1))
}
