package push

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Config is what an operator may choose.
type Config struct {
	// AllowPrivate permits endpoints on addresses of every kind, by plain HTTP and at any port: for tests.
	AllowPrivate bool
	// Subject is whom a push service may turn to: a mailto: or https: address (RFC 8292, section 2.1).
	Subject string
	// LookFor is how long a user is left to look at a device that is connected, before others are told.
	LookFor time.Duration
	// APNs and FCM are how Apple's and Google's services are reached. Without a key, or credentials, apps cannot subscribe there.
	APNs APNs
	FCM  FCM
}

// DefaultLookFor is the default of LookFor.
const DefaultLookFor = 10 * time.Second

// Presence knows who is connected, on any node, and who looks.
type Presence interface {
	// Attention sorts users: those who look at one of their devices, and those who have some and look at none. Others have none.
	Attention(users []account.UserID) (looking, hidden []account.UserID)
}

// Deps are what a Service works with; all are required.
type Deps struct {
	Store    Store
	Sender   Sender // to services that users name
	Phones   Sender // to those of Apple and Google, which the operator does
	Presence Presence
	Chats    Chats
	Blocks   chat.Blocks
	// Observe is told what came of telling a device; back is that it was to take something back. It must not block.
	Observe func(of Type, outcome Outcome, back bool)
	Log     *slog.Logger
	Now     func() time.Time
	NewID   func() string // of jobs
}

// Service is what devices do, and what brings them notifications. Its methods may be called concurrently.
type Service struct {
	Deps
	cfg Config
	key *Key
	// carriers are by the types of devices that they tell; of those alone for which there are credentials.
	carriers map[Type]carrier
	// known is that somebody has ever subscribed, as far as this node knows: else there is nothing to do.
	known atomic.Bool
	// rooms is that somebody has ever wanted to be told of all messages of a room, likewise.
	rooms atomic.Bool

	stop context.CancelFunc
	done sync.WaitGroup
}

// New returns a service, which Stop ends. The key for push services is made where the database has none.
func New(ctx context.Context, cfg Config, d Deps) (*Service, error) {
	if err := deps.Check(d); err != nil {
		return nil, err
	}
	s := &Service{Deps: d, cfg: cfg}
	made, err := newKey()
	if err != nil {
		return nil, err
	}
	kept, err := d.Store.PushKey(ctx, made, s.timestamp())
	if err != nil {
		return nil, fmt.Errorf("push: keep the key for push services: %w", err)
	}
	if s.key, err = parseKey(kept, cfg.Subject); err != nil {
		return nil, err
	}
	s.carriers = map[Type]carrier{TypeWebPush: &webPush{newClient(d.Sender, d.Now), s.key}}
	if len(cfg.APNs.Key) > 0 {
		if s.carriers[TypeAPNs], err = newAPNs(cfg.APNs, newClient(d.Phones, d.Now)); err != nil {
			return nil, err
		}
	}
	if len(cfg.FCM.Credentials) > 0 {
		if s.carriers[TypeFCM], err = newFCM(cfg.FCM, newClient(d.Phones, d.Now)); err != nil {
			return nil, err
		}
	}
	if err := s.Refresh(ctx); err != nil {
		return nil, err
	}
	ctx, s.stop = context.WithCancel(context.Background())
	s.done.Go(func() { s.keep(ctx) })
	return s, nil
}

// Stop ends what New has begun.
func (s *Service) Stop() {
	s.stop()
	s.done.Wait()
}

// Refresh looks whether anybody has subscribed, on whatever node, or wants to be told of all messages of a room.
func (s *Service) Refresh(ctx context.Context) error {
	if !s.rooms.Load() {
		wanted, err := s.Store.AnyPushWanting(ctx)
		if err != nil {
			return fmt.Errorf("push: look for settings: %w", err)
		}
		if wanted {
			s.rooms.Store(true)
		}
	}
	if s.known.Load() {
		return nil
	}
	counts, err := s.Store.CountPushSubscriptions(ctx)
	if err != nil {
		return fmt.Errorf("push: count devices: %w", err)
	}
	for _, n := range counts {
		if n > 0 {
			s.known.Store(true)
		}
	}
	return nil
}

// PublicKey is what browsers want as applicationServerKey.
func (s *Service) PublicKey() string { return s.key.Public() }

// Subscribe has a user's device get notifications from now on. Again it changes nothing but the keys, or the app.
func (s *Service) Subscribe(ctx context.Context, user account.UserID, g Given) (Subscription, error) {
	sub, err := g.parse(s.cfg.AllowPrivate)
	if err != nil {
		return Subscription{}, err
	}
	if s.carriers[sub.Type] == nil {
		return Subscription{}, refusal.Invalid("type", fmt.Sprintf("must be another one: this server has no credentials for %s", sub.Type))
	}
	sub.UserID, sub.CreatedAt = user, s.timestamp()
	err = s.Store.AddPushSubscription(ctx, sub)
	if e := refusal.Of(err); e != nil && e.Code == CodeTooMany && sub.Type != TypeWebPush {
		return Subscription{}, e.In("token")
	}
	if err != nil {
		return Subscription{}, err
	}
	s.known.Store(true)
	return sub, nil
}

// Which names one device, by its endpoint or its token; without either it is all of a user's.
type Which struct{ Endpoint, Token string }

// Unsubscribe has one of the user's devices get nothing any more, or all of them, and returns how many these were. Where there is
// none nothing happens.
func (s *Service) Unsubscribe(ctx context.Context, user account.UserID, w Which) (int, error) {
	switch {
	case len(w.Endpoint) > maxEndpoint:
		return 0, refusal.TooMuch("endpoint", maxEndpoint, "bytes")
	case len(w.Token) > maxToken:
		return 0, refusal.TooMuch("token", maxToken, "bytes")
	case w.Endpoint != "" && w.Token != "":
		return 0, refusal.Invalid("token", "must not be there beside an endpoint")
	case w.Endpoint != "":
		return s.Store.RemovePushSubscriptions(ctx, user, subscriptionID(TypeWebPush, w.Endpoint))
	case w.Token == "":
		return s.Store.RemovePushSubscriptions(ctx, user, "")
	}
	apple, err := s.Store.RemovePushSubscriptions(ctx, user, subscriptionID(TypeAPNs, appleToken(w.Token)))
	if err != nil {
		return 0, err
	}
	google, err := s.Store.RemovePushSubscriptions(ctx, user, subscriptionID(TypeFCM, w.Token))
	return apple + google, err
}

// Stats counts devices, by type.
func (s *Service) Stats(ctx context.Context) (map[Type]int, error) {
	return s.Store.CountPushSubscriptions(ctx)
}

// timestamp is the present in the precision that is stored.
func (s *Service) timestamp() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }
