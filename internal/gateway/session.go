package gateway

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/wire"
	"github.com/sockeye-im/sockeye/socketio"
)

// session is a connection whose token was good, whatever protocol it speaks.
type session struct {
	gateway  *Gateway
	link     link              // nil before enter and after leave; guarded by the roster
	identity *account.Identity // of the token that it has now; guarded by the roster
	user     account.UserID
	from     netip.Addr
	since    uint32        // when it signed in, see Gateway.seconds
	absent   uint32        // when the user's last device went before; 0 if none has
	active   atomic.Uint32 // when it was last touched; 0 before it is counted

	underWay underWay
	expires  deadline
	idling   *idling // nil where connections may be idle for ever
	// here: it is in the roster. Its commands and its end look at it, which come one
	// after the other.
	here bool
	// subscribed tells that the device was put into its rooms and shown what is
	// unread. Read by the connection that continues this one.
	subscribed atomic.Bool
	unread     unread
}

// link is the connection under a session. Its methods may be called concurrently
// and do not block, but for AwaitRoom.
type link interface {
	ID() string
	// AwaitRoom returns once little waits to be sent; an error when the connection is
	// gone.
	AwaitRoom(ctx context.Context) error
	// Emit sends an event; nothing when the connection is gone.
	Emit(event string, payload any)
	// Greet sends one that is not kept for a connection that continues this one.
	Greet(wire.Event)
	Rooms() []string
	Join(rooms ...string)
	Leave(rooms ...string)
	Traffic() engineio.Traffic
	Transport() string
	Protocol() monitor.Protocol
	// Connected tells whether the rooms are still kept.
	Connected() bool
	// Recovered tells that the connection was sent what it missed, and is in its
	// former rooms.
	Recovered() bool
	// Retire closes in a way that the client comes back from, behind what was read of it and
	// then last, which may block and send.
	Retire(last func())
	// End tells why, as an error event, and closes.
	End(why ending)
}

// ending is why the server ends a connection.
type ending struct {
	closeCode uint16 // of a native connection
	refusal   command.Refusal
	// retry: the client may come back by itself.
	retry bool
}

var (
	endedExpired = ending{closeCode: closeUnauthenticated, refusal: command.Refusal{
		Code: command.CodeTokenExpired, Message: "Authentication failed",
	}}
	endedRevoked = ending{closeCode: closeUnauthenticated, refusal: command.Refusal{
		Code: command.CodeTokenRevoked, Message: "Authentication failed",
	}}
	endedDisabled = ending{closeCode: closeUnauthenticated, refusal: command.Refusal{
		Code: string(account.CodeAccountDisabled), Message: account.ErrAccountDisabled.Message,
	}}
	endedByOperator = ending{closeCode: closeDisconnected, refusal: command.Refusal{
		Code: command.CodeDisconnected, Message: "Disconnected by the server",
	}}
	endedTooManyHere = ending{closeCode: closeTurnedAway, refusal: command.Refusal{
		Code: command.CodeTooManyConnections, Message: deniedTooMany.text,
	}}
	endedBlocked = ending{closeCode: closeDisconnected, refusal: command.Refusal{
		Code: command.CodeDisconnected, Message: deniedBarred.text,
	}}
	endedFull = ending{closeCode: closeTurnedAway, refusal: command.Refusal{
		Code: command.CodeServerAtCapacity, Message: deniedFull.text,
	}}
	// endedFault: without its rooms a device would miss messages without knowing.
	// It has to come back.
	endedFault = ending{closeCode: closeFault, retry: true, refusal: command.Refusal{
		Code: string(refusal.Internal), Message: "Failed to sign in",
	}}
	// endedBehind: the server has not heard for long what happened at others.
	endedBehind = ending{closeCode: closeFault, retry: true, refusal: command.Refusal{
		Code: string(refusal.Unavailable), Message: "The server has lost touch with the others",
	}}
)

// newSession makes the user of a verified token known. Its link is still to be
// given.
func (g *Gateway) newSession(ctx context.Context, identity account.Identity, from netip.Addr) (*session, error) {
	user, err := g.signedInUser(ctx, identity)
	if err != nil {
		return nil, err
	}
	identity.Name = user.Name
	return &session{gateway: g, identity: &identity, user: user.ID, from: from, since: g.seconds(), absent: secondsOf(user.LastSeen)}, nil
}

// verifiedSession is newSession for who comes with a token. Its error matches
// account.ErrUnauthenticated when the token is not good.
func (g *Gateway) verifiedSession(ctx context.Context, token string, from netip.Addr) (*session, error) {
	identity, err := g.deps.Accounts.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	return g.newSession(ctx, identity, from)
}

func (g *Gateway) signedInUser(ctx context.Context, identity account.Identity) (account.User, error) {
	g.arrivals.signIns.take()
	defer g.arrivals.signIns.give()
	return g.deps.Accounts.SignIn(ctx, identity)
}

// enter gives a session its place and calls welcome, or ends its connection. leave
// must be called once the connection is gone, whatever came of it.
func (s *session) enter(ctx context.Context, l link, welcome func()) {
	g := s.gateway
	if denied := g.roster.enter(s, l); denied != nil {
		g.deps.Metrics.ConnectionRefused(denied.reason)
		l.End(endings[denied])
		return
	}
	s.touch()
	g.deps.Metrics.ConnectionOpened()
	s.expires.due = func() { l.End(endedExpired) }
	g.expiry.set(&s.expires, s.identity.ExpiresAt)
	s.endWhenIdle(l)
	welcome()
	if err := s.subscribe(ctx); err != nil {
		g.complaints.fault("connections could not be subscribed", err, "user", string(s.user))
		l.End(endedFault)
		return
	}
	// A connection that has gone meanwhile could not join its rooms.
	s.subscribed.Store(l.Connected())
	g.deps.Presence.Connect(s.person(), l.ID())
}

// endings are how connections end that the roster does not let in.
var endings = map[*denial]ending{
	deniedBarred: endedBlocked, deniedTooMany: endedTooManyHere, deniedFull: endedFull, deniedOfUser: endedTooManyHere, deniedRevoked: endedRevoked,
}

// leave undoes enter; why is one of Ends. What is left is what a connection that continues this one
// asks for, and may be kept for long: it holds no connection.
func (s *session) leave(why socketio.Reason) {
	s.settle()
	s.unread.left.Store(s.gateway.seconds())
	if !s.here {
		return
	}
	g, device := s.gateway, s.link.ID()
	g.roster.leave(s, why)
	g.expiry.clear(&s.expires)
	if s.idling != nil {
		g.expiry.clear(&s.idling.deadline)
	}
	g.deps.Presence.Disconnect(s.user, device)
	if g.deps.Presence.Devices(s.user) == 0 {
		g.deps.Typing.EndAll(s.user)
	}
	g.deps.Metrics.ConnectionClosed(string(s.whyIdle(why))) // what is counted has gone from everywhere
}

func (s *session) person() account.Person {
	return account.Person{ID: s.user, Name: s.bearer().Name}
}

// bearer is who the session speaks for, by the token that it has now.
func (s *session) bearer() account.Identity { return s.gateway.roster.bearer(s) }

// continues reports whether a connection of that identity may go on where this
// one was lost. One that was lost before it was subscribed would have holes, and
// what was told about topics meanwhile is only for who may hear them.
func (s *session) continues(by account.Identity) bool {
	bearer := s.bearer()
	return s.user == by.UserID && s.subscribed.Load() && bearer.HeardBy(&by)
}

// subscribe puts a device into the rooms of its user, and sends what is unread. A
// device that takes slowly keeps none of the others waiting for their turn.
func (s *session) subscribe(ctx context.Context) error {
	unread, err := s.takePlace(ctx)
	if err == nil && len(unread) > 0 && s.link.AwaitRoom(ctx) == nil {
		s.unread.shown.Store(s.gateway.seconds())
		s.link.Greet(wire.MessagesUnread.Of(unread))
	}
	return err
}

// takePlace puts a device into the rooms of its user, and returns what it is to be
// shown.
func (s *session) takePlace(ctx context.Context) (unread []chat.Message, err error) {
	rules := s.gateway.deps.Chat
	defer s.gateway.arrivals.subscribe()()
	s.link.Join(hub.UserRoom(s.user))
	if err := s.joinRooms(ctx); err != nil || !s.link.Connected() {
		return nil, err // whoever is gone has nothing to be shown
	}
	heads, err := rules.Heads(ctx, s.user, s.missedSince())
	if err != nil {
		return nil, err
	}
	if len(heads) > 0 {
		s.link.Greet(wire.ConversationHeads.Of(heads))
	}
	if s.link.Recovered() && !s.unread.again {
		return nil, nil // it has been sent what it missed
	}
	return rules.Unread(ctx, s.user, chat.MaxUnread)
}

// leastHeads is for how long back a device is told how far the logs go, at least: for
// longer than a lost connection can be continued. One that was away for longer asks
// for what it missed.
const leastHeads = time.Hour

// missedSince is from when on the user may have missed something.
func (s *session) missedSince() time.Time {
	if s.absent == 0 {
		return time.Time{}
	}
	before := s.gateway.deps.Now().Add(-leastHeads)
	if gone := time.Unix(int64(s.absent), 0).Add(-time.Minute); gone.Before(before) {
		return gone
	}
	return before
}

// caller is the user behind a session.
func (s *session) caller() *command.Caller {
	return &command.Caller{
		Actor:  chat.Actor{ID: s.user, Name: s.bearer().Name, Origin: s.link.ID()},
		Device: s,
	}
}

// Emit, Refresh, MayHear, Topics, Subscribe and Unsubscribe are for commands.
func (s *session) Emit(event string, payload any) { s.link.Emit(event, payload) }

// Refresh takes a new token for the connection, which must be the same user's.
func (s *session) Refresh(ctx context.Context, token string) (time.Time, error) {
	identity, err := s.gateway.deps.Accounts.Verify(ctx, token)
	if err != nil {
		return time.Time{}, err
	}
	if identity.UserID != s.user {
		return time.Time{}, account.ErrUnauthenticated
	}
	if _, err := s.gateway.deps.Accounts.SignIn(ctx, identity); err != nil { // the name may be new
		return time.Time{}, err
	}
	if err := s.gateway.roster.refresh(s, identity); err != nil {
		return time.Time{}, err
	}
	s.gateway.expiry.set(&s.expires, identity.ExpiresAt)
	s.Unsubscribe(slices.DeleteFunc(s.Topics(), s.MayHear))
	return identity.ExpiresAt, nil
}

// MayHear tells whether the token permits a topic.
func (s *session) MayHear(topic string) bool {
	bearer := s.bearer()
	return bearer.MayHear(topic)
}

// Topics are those that the device is subscribed to, sorted.
func (s *session) Topics() []string {
	topics := []string{}
	for _, room := range s.link.Rooms() {
		if topic, ok := strings.CutPrefix(room, hub.Topic("")); ok {
			topics = append(topics, topic)
		}
	}
	slices.Sort(topics)
	return topics
}

// Subscribe adds topics.
func (s *session) Subscribe(topics []string) { s.link.Join(topicRooms(topics)...) }

// Look notes whether somebody looks at the device.
func (s *session) Look(looking bool) { s.gateway.deps.Presence.Look(s.user, s.link.ID(), looking) }

// Unsubscribe removes topics.
func (s *session) Unsubscribe(topics []string) { s.link.Leave(topicRooms(topics)...) }

func topicRooms(topics []string) []string {
	rooms := make([]string, len(topics))
	for i, topic := range topics {
		rooms[i] = hub.Topic(topic)
	}
	return rooms
}
