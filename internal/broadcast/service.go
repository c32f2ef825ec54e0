package broadcast

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Notifier brings notifications to devices, as the event notification. It is best effort and does not block for long.
type Notifier interface {
	// Notify tells the subscribers of topics and all devices of users; a device that is meant twice gets it once.
	Notify(topics []string, users []account.UserID, notification any)
}

// Pusher brings notifications to devices that are not connected.
type Pusher interface {
	// Notification returns the jobs that do so, for at most [Portion] users. id tells notifications apart.
	Notification(ctx context.Context, id string, fields push.Fields, users []account.UserID, priority job.Priority) ([]job.Job, error)
}

// Deps are what a Service works with; all are required.
type Deps struct {
	Store    Store
	Chat     *chat.Service
	Accounts *account.Service
	Notifier Notifier
	Pusher   Pusher
	MaxText  int // characters of a message
	Log      *slog.Logger
	Now      func() time.Time
	NewID    func() string
}

// Service takes broadcasts, and brings them to who is to get them. Its methods may be called concurrently.
type Service struct{ Deps }

// New returns a service.
func New(d Deps) (*Service, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	return &Service{d}, nil
}

// Create is a broadcast to be taken.
type Create struct {
	Kind     Kind
	Spec     Spec
	Priority job.Priority
	// Key lets somebody ask again who does not know whether it was taken: the same key is the same broadcast.
	Key string
	// SendAt is when it is due, Delay how long from now; one of them at most, and by default it is due now.
	SendAt time.Time
	Delay  time.Duration
}

// Create takes a broadcast. When it returns it is durable.
func (s *Service) Create(ctx context.Context, cmd Create) (Broadcast, error) {
	spec := cmd.Spec
	spec.Topics, spec.Users, spec.Rooms = distinct(spec.Topics), distinct(spec.Users), distinct(spec.Rooms)
	if err := spec.check(s.MaxText); err != nil {
		return Broadcast{}, err
	}
	now := s.timestamp()
	at, err := job.When("sendAt", now, cmd.SendAt, cmd.Delay)
	switch {
	case err != nil:
		return Broadcast{}, err
	case len(cmd.Key) > MaxKey:
		return Broadcast{}, refusal.TooMuch("key", MaxKey, "bytes")
	case !utf8.ValidString(cmd.Key) || strings.ContainsRune(cmd.Key, 0):
		return Broadcast{}, refusal.Invalid("key", "must be valid UTF-8 without the character U+0000")
	case !slices.Contains(job.Priorities, cmd.Priority):
		return Broadcast{}, refusal.Invalid("priority", "must be high, normal or low")
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return Broadcast{}, fmt.Errorf("encode a broadcast: %w", err)
	}
	fingerprint := sha256.Sum256(append([]byte(cmd.Kind+" "), text...))
	b := Broadcast{
		ID: "bc_" + s.NewID(), Kind: cmd.Kind, Key: cmd.Key, Priority: cmd.Priority, Spec: spec, CreatedAt: now, SendAt: at,
		Progress: Progress{State: Waiting},
	}
	return s.Store.CreateBroadcast(ctx, b, fingerprint[:], b.job(b.ID, at, now))
}

// Get returns a broadcast of a kind.
func (s *Service) Get(ctx context.Context, kind Kind, id string) (Broadcast, error) {
	b, err := s.Store.Broadcast(ctx, id)
	if err == nil && b.Kind != kind {
		return Broadcast{}, ErrNotFound
	}
	return b, err
}

// Cancel has a broadcast of a kind end: of one that waits nothing is said, of one that runs nothing behind the present portion.
func (s *Service) Cancel(ctx context.Context, kind Kind, id string) (Broadcast, error) {
	if _, err := s.Get(ctx, kind, id); err != nil {
		return Broadcast{}, err
	}
	return s.Store.CancelBroadcast(ctx, id, s.timestamp())
}

// pruneAtOnce is how many are removed by one transaction.
const pruneAtOnce = 100

// Prune removes those that ended long ago, and returns how many.
func (s *Service) Prune(ctx context.Context) (removed int, err error) {
	for {
		n, err := s.Store.PruneBroadcasts(ctx, s.timestamp().Add(-Kept), pruneAtOnce)
		if removed += n; err != nil || n < pruneAtOnce {
			return removed, err
		}
	}
}

// timestamp is the present in the precision that is stored.
func (s *Service) timestamp() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// distinct is a list without what it has already had.
func distinct[T comparable](list []T) []T {
	seen := make(map[T]bool, len(list))
	var out []T
	for _, one := range list {
		if !seen[one] {
			seen[one] = true
			out = append(out, one)
		}
	}
	return out
}
