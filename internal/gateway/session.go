package gateway

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/socketio"
)

// session is a connection whose token was good, whatever protocol it speaks.
type session struct {
	gateway  *Gateway
	link     link              // nil before enter and after leave
	identity *account.Identity // as it came in; nil once there is an entry
	user     chat.UserID
	from     netip.Addr
	since    uint32        // when it signed in, see Gateway.seconds
	active   atomic.Uint32 // when it was last touched; 0 before it is counted

	underWay underWay
	expires  deadline
	entry    *account.Connection
	// counted: it takes part in the count of connections. Its commands and its end
	// look at it, which come one after the other.
	counted bool
	// subscribed tells that the device was put into its rooms and shown what is
	// unread. Read by the connection that continues this one.
	subscribed atomic.Bool
}

// link is the connection under a session. Its methods may be called concurrently
// and do not block.
type link interface {
	ID() string
	// Emit sends an event; nothing when the connection is gone.
	Emit(event string, payload any)
	Rooms() []string
	Join(rooms ...string)
	Leave(rooms ...string)
	// Connected tells whether the rooms are still kept.
	Connected() bool
	// Recovered tells that the connection was sent what it missed, and is in its
	// former rooms.
	Recovered() bool
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
	endedByOperator = ending{closeCode: closeDisconnected, refusal: command.Refusal{
		Code: command.CodeDisconnected, Message: "Disconnected by the server",
	}}
	endedTooManyHere = ending{closeCode: closeTurnedAway, refusal: command.Refusal{
		Code: command.CodeTooManyConnections, Message: errTooManyHere.Error(),
	}}
	endedBlocked = ending{closeCode: closeDisconnected, refusal: command.Refusal{
		Code: command.CodeDisconnected, Message: errBlocked.Error(),
	}}
	endedFull = ending{closeCode: closeTurnedAway, refusal: command.Refusal{
		Code: command.CodeServerAtCapacity, Message: errFull.Error(),
	}}
	// endedFault: without its rooms a device would miss messages without knowing.
	// It has to come back.
	endedFault = ending{closeCode: closeFault, retry: true, refusal: command.Refusal{
		Code: string(chat.CodeInternal), Message: "Failed to sign in",
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
	return &session{gateway: g, identity: &identity, user: chat.UserID(user.ID), from: from, since: g.seconds()}, nil
}

func (g *Gateway) signedInUser(ctx context.Context, identity account.Identity) (account.User, error) {
	g.signIns.take()
	defer g.signIns.give()
	return g.Accounts.SignIn(ctx, identity)
}

// enter gives a session its place and calls welcome, or ends its connection. leave
// must be called once the connection is gone, whatever came of it.
func (s *session) enter(ctx context.Context, l link, welcome func()) {
	g := s.gateway
	s.link = l
	if err := g.admission.enter(s.from); err != nil {
		g.Metrics.ConnectionRefused(refusalNames[err])
		l.End(turnedAway(err))
		return
	}
	open := g.sessions.Add(1)
	if open > int64(g.cfg.MaxConnections) {
		g.sessions.Add(-1)
		g.admission.leave(s.from)
		g.Metrics.ConnectionRefused(refusedCapacity)
		l.End(endedFull)
		return
	}
	s.counted = true
	g.topped(open)
	s.touch()
	g.Metrics.ConnectionOpened()
	entry, err := g.Accounts.Connect(*s.identity, func(why account.EndReason) { l.End(endingBy(why)) })
	if err != nil {
		l.End(endedRevoked)
		return
	}
	s.entry = entry
	s.expires.due = func() { l.End(endedExpired) }
	g.expiry.set(&s.expires, s.identity.ExpiresAt)
	s.identity = nil
	welcome()
	if err := s.subscribe(ctx); err != nil {
		g.Log.Error("connection could not be subscribed", "user", string(s.user), "err", err)
		l.End(endedFault)
		return
	}
	// A connection that has gone meanwhile could not join its rooms.
	s.subscribed.Store(l.Connected())
	g.Presence.Connect(s.person(), l.ID())
}

// leave undoes enter; why is one of Ends. What is left is what a connection that continues this one
// asks for, and may be kept for long: it holds no connection.
func (s *session) leave(why socketio.Reason) {
	s.settle()
	l := s.link
	s.link = nil
	if !s.counted {
		return
	}
	s.counted = false
	g := s.gateway
	g.sessions.Add(-1)
	g.activity.move(s.active.Load(), 0)
	g.Metrics.ConnectionClosed(string(why))
	if why == socketio.SlowConsumer {
		g.slow.Add(1)
	}
	g.admission.leave(s.from)
	if s.entry == nil {
		return
	}
	s.entry.Leave()
	g.expiry.clear(&s.expires)
	g.Presence.Disconnect(string(s.user), l.ID())
	if g.Presence.Devices(string(s.user)) == 0 {
		g.Typing.EndAll(string(s.user))
	}
}

// turnedAway is how a connection ends that admission does not let in.
func turnedAway(why error) ending {
	if errors.Is(why, errBlocked) {
		return endedBlocked
	}
	return endedTooManyHere
}

// endingBy is how the accounts end a connection.
func endingBy(why account.EndReason) ending {
	if why == account.EndDisconnected {
		return endedByOperator
	}
	return endedRevoked
}

func (s *session) person() account.Person {
	return account.Person{ID: string(s.user), Name: s.entry.Name()}
}

// continues reports whether a connection of that identity may go on where this
// one was lost. One that was lost before it was subscribed would have holes, and
// what was told about topics meanwhile is only for who may hear them.
func (s *session) continues(by account.Identity) bool {
	return s.user == chat.UserID(by.UserID) && s.subscribed.Load() && s.entry.HeardBy(by)
}

// subscribe puts a device into the rooms of its user, and sends what is unread.
func (s *session) subscribe(ctx context.Context) error {
	rules := s.gateway.Chat
	s.gateway.subscriptions.take()
	defer s.gateway.subscriptions.give()
	s.link.Join(hub.UserRoom(s.user))
	if err := s.joinRooms(ctx); err != nil || !s.link.Connected() {
		return err // whoever is gone has nothing to be shown
	}
	heads, err := rules.Heads(ctx, s.user)
	if err != nil {
		return err
	}
	if len(heads) > 0 {
		s.link.Emit("conversation:heads", hub.HeadsOf(heads))
	}
	if s.link.Recovered() {
		return nil // it has been sent what it missed
	}
	unread, err := rules.Unread(ctx, s.user, chat.MaxUnread)
	if err == nil && len(unread) > 0 {
		s.link.Emit("messages:unread", hub.MessagesOf(unread))
	}
	return err
}

// joinRooms puts a device into the chat rooms that its user is in, and takes it
// out of those that the user has left: a recovered one may be in such, and a
// membership may end before the answer is used. From when the device is in its
// user's room the hub does both too, at its own time. So this asks until there is
// nothing to change, and each time looks first at where the device is: a room that
// the hub adds behind the question is no former one.
func (s *session) joinRooms(ctx context.Context) error {
	for s.link.Connected() {
		in := s.link.Rooms()
		rooms, err := s.gateway.Chat.Memberships(ctx, s.user)
		if err != nil {
			return err
		}
		missing, former := s.compareRooms(in, hub.ChatRooms(rooms))
		if len(missing) == 0 && len(former) == 0 {
			return nil
		}
		s.link.Leave(former...)
		s.link.Join(missing...)
	}
	return nil // whoever is gone has no rooms
}

// compareRooms returns what is missing in the rooms that the device is in, and
// what is no room of its user's any more. Topics stay: who was not permitted them
// did not recover, see continues.
func (s *session) compareRooms(in, chats []string) (missing, former []string) {
	known := make(map[string]bool, len(in)+2)
	for _, room := range in {
		known[room] = true
	}
	for _, room := range chats {
		if !known[room] {
			missing = append(missing, room)
		}
		delete(known, room)
	}
	delete(known, s.link.ID())
	delete(known, hub.UserRoom(s.user))
	for room := range known {
		if !strings.HasPrefix(room, hub.Topic("")) {
			former = append(former, room)
		}
	}
	return missing, former
}

// caller is the user behind a session.
func (s *session) caller() *command.Caller {
	return &command.Caller{
		Actor:  chat.Actor{ID: s.user, Name: s.entry.Name(), Origin: s.link.ID()},
		Device: s,
	}
}

// Emit, Refresh, MayHear, Topics, Subscribe and Unsubscribe are for commands.
func (s *session) Emit(event string, payload any) { s.link.Emit(event, payload) }

// Refresh takes a new token for the connection, which must be the same user's.
func (s *session) Refresh(ctx context.Context, token string) (time.Time, error) {
	identity, err := s.gateway.Accounts.Verify(ctx, token)
	if err != nil {
		return time.Time{}, err
	}
	if chat.UserID(identity.UserID) != s.user {
		return time.Time{}, account.ErrUnauthenticated
	}
	if _, err := s.gateway.Accounts.SignIn(ctx, identity); err != nil { // the name may be new
		return time.Time{}, err
	}
	if err := s.entry.Refresh(identity); err != nil {
		return time.Time{}, err
	}
	s.gateway.expiry.set(&s.expires, identity.ExpiresAt)
	s.Unsubscribe(slices.DeleteFunc(s.Topics(), s.MayHear))
	return identity.ExpiresAt, nil
}

// MayHear tells whether the token permits a topic.
func (s *session) MayHear(topic string) bool { return s.entry.MayHear(topic) }

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

// Unsubscribe removes topics.
func (s *session) Unsubscribe(topics []string) { s.link.Leave(topicRooms(topics)...) }

func topicRooms(topics []string) []string {
	rooms := make([]string, len(topics))
	for i, topic := range topics {
		rooms[i] = hub.Topic(topic)
	}
	return rooms
}
