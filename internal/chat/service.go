// Package chat holds the rules of conversations: who may write where, what a
// valid message is, how rooms are joined and left, what counts as read. Every
// gateway calls the one [Service]; nothing here knows a socket, a request or a
// database driver.
//
// Rules live here, atomicity lives in the driver behind [Store]: a rule that
// must hold at the moment of writing (a room's capacity, a ban, a client's own
// message id) is a part of the command that the driver carries out in one
// transaction, and comes back as one of this package's errors.
//
// Refusals are always a *[refusal.Error] with a stable code and a message that is
// safe to show. Any other error is a fault; [refusal.Public] maps it once, at the
// edge.
package chat

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/sockeye-im/sockeye/internal/deps"
)

// Service carries out the commands of signed-in users. What it keeps of its own makes
// answers cheaper, never different; all methods may be called concurrently.
type Service struct {
	cfg    Config
	store  Store
	now    func() time.Time
	newID  func() string
	filter Filter
	unread *unreadMemory
	recent *recent
}

// Filter looks at a draft before it is stored and may change its content. An
// *refusal.Error refuses the message, any other error is a fault. It is not asked about
// a repeated clientMsgId, whose message is already stored. It may be called
// concurrently.
type Filter func(ctx context.Context, d *Draft) error

// Deps are what a Service works with; all are required, but for Filter.
type Deps struct {
	Store Store
	Now   func() time.Time // the clock, time.Now outside tests
	// NewID makes the ids of messages and rooms, which must be unique across all nodes
	// and at most 64 bytes of [A-Za-z0-9_.-], see [NewID].
	NewID  func() string
	Filter Filter `need:"optional"` // nil: everything passes
}

// New returns a service.
func New(cfg Config, d Deps) (*Service, error) {
	if err := errors.Join(deps.Check(d), cfg.Validate()); err != nil {
		return nil, err
	}
	if cfg.EditWindow == 0 {
		cfg.EditWindow = DefaultEditWindow
	}
	return &Service{cfg: cfg, store: d.Store, now: d.Now, newID: d.NewID, filter: d.Filter, unread: newUnreadMemory(), recent: newRecent()}, nil
}

// NewID returns a version 7 UUID: unique, and ordered by time, which keeps
// indexes on it compact.
func NewID() string {
	return uuid.Must(uuid.NewV7()).String()
}

// timestamp is the present in the precision that is stored and sent.
func (s *Service) timestamp() time.Time {
	return s.now().UTC().Truncate(time.Millisecond)
}
