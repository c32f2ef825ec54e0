package account

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/deps"
)

// Service carries out what concerns users: accounts and tokens, friends and blocks, API keys. All methods may be called
// concurrently. It has no goroutines.
type Service struct {
	cfg       Config
	store     Store
	verifier  Verifier
	issuer    *Issuer
	now       func() time.Time
	passwords *passwords
	revoked   *revoked
	issuing   stripes
	issued    *issued
	addresses *addresses
	audits    audits
	beside    bool
	heeded    func(context.Context) error
	nodes     bool
	tell      Sink
	inStep    func(context.Context) error
}

// Verifier tells who a token speaks for, see [Verifiers].
type Verifier interface {
	Verify(ctx context.Context, token string) (Identity, error)
}

// Deps are what a Service works with; all are required, but for the last five.
type Deps struct {
	Store    Store
	Verifier Verifier
	Issuer   *Issuer
	Now      func() time.Time // the clock, time.Now outside tests
	Beside   bool             // another process serves from the same store, see Heed
	Nodes    bool             // other processes serve from the same store, and what they commit is heard
	// Heeded waits until the processes that serve have heard of what is stored by now. nil: what another process says in the
	// store that it serves from is looked for, see Heed.
	Heeded func(context.Context) error `need:"optional"`
	Tell   Sink                        `need:"optional"` // is told what Heed finds, which another process has committed; nil is nobody
	// InStep fails while it is not known what other processes have revoked: nobody is let in then. nil never does.
	InStep func(context.Context) error `need:"optional"`
}

// New returns a service that knows all revocations in the store; ctx bounds only the reading of them.
func New(ctx context.Context, cfg Config, d Deps) (*Service, error) {
	if err := errors.Join(deps.Check(d), cfg.Validate()); err != nil {
		return nil, err
	}
	s := &Service{
		cfg: cfg, store: d.Store, verifier: d.Verifier, issuer: d.Issuer, now: d.Now,
		passwords: newPasswords(cfg.Hashing), revoked: newRevoked(), issuing: stripes{seed: maphash.MakeSeed()}, issued: newIssued(),
		addresses: &addresses{blocked: make(map[netip.Addr]BlockedAddress)}, beside: d.Beside, heeded: d.Heeded, nodes: d.Nodes, tell: d.Tell,
		inStep: d.InStep,
	}
	if s.inStep == nil {
		s.inStep = func(context.Context) error { return nil }
	}
	if err := d.Store.Revoked(ctx, s.timestamp(), func(r Revocation) { s.revoked.add(r, s.now()) }); err != nil {
		return nil, fmt.Errorf("account: read revocations: %w", err)
	}
	disabled, err := d.Store.Disabled(ctx)
	if err != nil {
		return nil, fmt.Errorf("account: read who is disabled: %w", err)
	}
	for i := range disabled {
		s.revoked.bar(disabled[i].ID, true)
	}
	blocked, err := d.Store.BlockedAddresses(ctx, s.timestamp())
	if err != nil {
		return nil, fmt.Errorf("account: read blocked addresses: %w", err)
	}
	for _, b := range blocked {
		s.addresses.set(b)
	}
	return s, nil
}

// Heard takes in what any node has committed: what is revoked and blocked holds here when it returns.
func (s *Service) Heard(events []Event) {
	for i := range events {
		switch e := &events[i]; e.Kind {
		case TokensRevoked:
			s.hear(e.Revocation)
		case UserReassigned:
			s.revoked.reassign(e.Actor.ID, e.Issuer)
		case UserDisabled, UserEnabled:
			s.revoked.bar(e.Actor.ID, e.Kind == UserDisabled)
		case AddressBlocked:
			s.addresses.set(*e.Address)
		case AddressUnblocked:
			s.addresses.remove(e.Address.Address)
		}
	}
}

// Verify tells who a token speaks for, if it is good, not revoked and of a kind of account that is on. Every error
// matches [ErrUnauthenticated] and tells the client no more, see [Refusal]; only whose token is good otherwise, and is disabled,
// may know that: the error matches [ErrAccountDisabled] too.
func (s *Service) Verify(ctx context.Context, token string) (Identity, error) {
	identity, err := s.verifier.Verify(ctx, token)
	if err != nil {
		return Identity{}, err
	}
	if err := s.admits(&identity); err != nil {
		return Identity{}, err
	}
	return identity, nil
}

func (s *Service) admits(identity *Identity) error {
	switch {
	case identity.Local() && !s.cfg.Local:
		return refuse("local accounts are off")
	case !identity.Local() && !s.cfg.External:
		return refuse("external accounts are off")
	case s.revoked.bars(identity.UserID):
		return refuseDisabled(identity.UserID)
	case s.revoked.has(identity):
		return refuse("token is revoked")
	}
	return nil
}

// SignIn makes the user of a verified token known and returns what is stored. A user of another application is created
// when first seen, and renamed when the token has another name; a local account has its name here, and must exist. Of
// two issuers with the same user id the first one has the user.
// A refusal matches [ErrUnauthenticated]; nobody is let in while this process is not in step with others, see [Deps].
func (s *Service) SignIn(ctx context.Context, identity Identity) (User, error) {
	if err := s.inStep(ctx); err != nil {
		return User{}, err
	}
	if err := s.admits(&identity); err != nil {
		return User{}, err
	}
	if identity.Local() {
		user, found, err := s.store.User(ctx, identity.UserID)
		if err != nil {
			return User{}, fmt.Errorf("look up user: %w", err)
		}
		if !found {
			return User{}, refuse("there is no local account %s", identity.UserID)
		}
		if user.Disabled() {
			return User{}, refuseDisabled(user.ID)
		}
		return user, nil
	}
	user, _, err := s.store.EnsureUser(ctx, EnsureUser{
		ID: identity.UserID, Name: identity.Name, Rename: identity.Name != nameOfID(identity.UserID),
		Issuer: identity.UsersOf, At: s.timestamp(),
	})
	if errors.Is(err, ErrOtherIssuer) {
		return User{}, refuse("user %q of issuer %q: %w", identity.UserID, identity.Issuer, err)
	}
	if err != nil {
		return User{}, fmt.Errorf("ensure user: %w", err)
	}
	if user.Disabled() {
		return User{}, refuseDisabled(user.ID)
	}
	return user, nil
}

// Local tells whether the identity is that of an account on this server.
func (i *Identity) Local() bool { return i.UserID.Local() }

// timestamp is the present in the precision that is stored.
func (s *Service) timestamp() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// stripes are locks by user, which keep tokens from being issued while they are revoked: who issues one holds the user's
// for reading from the last look at what permits it until it has a time of issue; who revokes holds it for writing. Users
// share locks, which only costs time.
type stripes struct {
	seed  maphash.Seed
	locks [64]sync.RWMutex
}

func (s *stripes) of(userID UserID) *sync.RWMutex {
	return &s.locks[maphash.String(s.seed, string(userID))%uint64(len(s.locks))]
}
