package gateway

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/socketio"
)

// session is what the gateway keeps of a signed-in connection.
type session struct {
	actor   chat.Actor
	from    netip.Addr
	expires deadline
	counted bool // it takes part in the count of connections
	// subscribed tells that the device was put into its rooms and shown what is
	// unread. Read by the connection that continues this one.
	subscribed atomic.Bool
}

// continues reports whether a connection of that identity may go on where this
// one was lost. One that was lost before it was subscribed would have holes.
func (s *session) continues(by account.Identity) bool {
	return s.actor.ID == chat.UserID(by.UserID) && s.subscribed.Load()
}

// refused is all that a client learns of a sign-in that failed. The data has the
// message too because it is all that clients of version 2 are shown.
var refused = &socketio.ConnectError{
	Message: "Authentication failed",
	Data:    command.Refusal{Code: command.CodeUnauthenticated, Message: "Authentication failed"},
}

// signIn is the middleware that lets a socket in by its token. It runs on
// recovery too: a client that comes back may do so only as the same user, with
// a token that is still good.
func (g *Gateway) signIn(ctx context.Context, s *socketio.Socket) error {
	// A client that leaves half-way is let in and then leaves, as others do.
	ctx = context.WithoutCancel(ctx)
	from := g.admission.clientIP(s.Handshake().RemoteAddr, s.Handshake().Header())
	identity, err := g.Verifier.Verify(ctx, tokenOf(s))
	if err != nil {
		g.refuseSignIn(s, from, err)
		return refused
	}
	if previous, ok := s.Data().(*session); ok && !previous.continues(identity) {
		s.RefuseRecovery()
	}
	user, err := g.Chat.EnsureUser(ctx, chat.Actor{ID: chat.UserID(identity.UserID), Name: identity.Name})
	if err != nil {
		g.Metrics.ConnectionRefused(refusedToken)
		if public := chat.Public(err, "Authentication failed"); public.Code != chat.CodeInternal {
			return &socketio.ConnectError{Message: public.Message, Data: command.RefusalOf(public)}
		}
		return err
	}
	signedIn := &session{actor: chat.Actor{ID: user.ID, Name: user.Name}, from: from}
	signedIn.expires.at = identity.ExpiresAt
	s.SetData(signedIn)
	return nil
}

// refuseSignIn counts a token that was refused. On one connection a client may
// try again, which counts as if it had opened a new one.
func (g *Gateway) refuseSignIn(s *socketio.Socket, from netip.Addr, err error) {
	g.Metrics.ConnectionRefused(refusedToken)
	if g.admission.connects.Take(from) > 0 {
		s.Drop()
		return
	}
	g.Log.Info("sign-in refused", "from", from.String(), "err", err)
}

// tokenOf finds the token where clients of all versions can put it.
func tokenOf(s *socketio.Socket) string {
	var auth struct {
		Token string `json:"token"`
	}
	if err := s.Auth(&auth); err == nil && auth.Token != "" {
		return strings.TrimPrefix(auth.Token, "Bearer ")
	}
	if scheme, token, ok := strings.Cut(s.Handshake().Header().Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return s.Handshake().Query().Get("token")
}

// connected is called for each socket that was let in.
func (g *Gateway) connected(ctx context.Context, s *socketio.Socket) {
	signedIn := s.Data().(*session)
	signedIn.actor.Origin = s.ID()
	if !g.admission.enter(signedIn.from) {
		g.turnAway(s, refusalNames[errTooManyHere], command.Refusal{Code: command.CodeTooManyConnections, Message: errTooManyHere.Error()})
		return
	}
	if g.sessions.Add(1) > int64(g.cfg.MaxConnections) {
		g.sessions.Add(-1)
		g.admission.leave(signedIn.from)
		g.turnAway(s, refusedCapacity, command.Refusal{Code: command.CodeServerAtCapacity, Message: errFull.Error()})
		return
	}
	signedIn.counted = true
	g.Metrics.ConnectionOpened()
	signedIn.expires.due = func() { g.expired(s) }
	g.expiry.set(&signedIn.expires, signedIn.expires.at)
	if err := g.subscribe(context.WithoutCancel(ctx), s, signedIn.actor); err != nil {
		// Without its rooms it would miss messages without knowing: it has to
		// come back.
		g.Log.Error("connection could not be subscribed", "user", string(signedIn.actor.ID), "err", err)
		s.Drop()
		return
	}
	// A socket that has left meanwhile could not join its rooms.
	signedIn.subscribed.Store(s.Connected())
}

// turnAway ends a connection that signed in and for which there is no place.
func (g *Gateway) turnAway(s *socketio.Socket, reason string, why command.Refusal) {
	g.Metrics.ConnectionRefused(reason)
	_ = s.Emit("error", why)
	s.Disconnect(true)
}

// subscribe puts a device into the rooms of its user, and sends what is unread.
func (g *Gateway) subscribe(ctx context.Context, s *socketio.Socket, actor chat.Actor) error {
	s.Join(hub.UserRoom(actor.ID))
	rooms, err := g.Chat.Memberships(ctx, actor.ID)
	if err != nil {
		return err
	}
	s.Join(hub.ChatRooms(rooms)...)
	if len(rooms) > 0 || s.Recovered() {
		// A membership may have ended between the question and the joining,
		// before the hub could find the device here; or, for a recovered socket,
		// while it was away.
		if err := g.leaveFormerRooms(ctx, s, actor); err != nil {
			return err
		}
	}
	if err := g.sendHeads(ctx, s, actor); err != nil {
		return err
	}
	if s.Recovered() {
		return nil // it has been sent what it missed
	}
	unread, err := g.Chat.Unread(ctx, actor.ID, chat.MaxUnread)
	if err != nil {
		return err
	}
	if len(unread) > 0 {
		return s.Emit("messages:unread", hub.MessagesOf(unread))
	}
	return nil
}

// sendHeads tells a device how far the logs of its user's conversations go, so
// that it knows whether it has missed something.
func (g *Gateway) sendHeads(ctx context.Context, s *socketio.Socket, actor chat.Actor) error {
	heads, err := g.Chat.Heads(ctx, actor.ID)
	if err != nil || len(heads) == 0 {
		return err
	}
	return s.Emit("conversation:heads", hub.HeadsOf(heads))
}

func (g *Gateway) leaveFormerRooms(ctx context.Context, s *socketio.Socket, actor chat.Actor) error {
	rooms, err := g.Chat.Memberships(ctx, actor.ID)
	if err != nil {
		return err
	}
	member := make(map[string]bool, len(rooms)+2)
	member[s.ID()], member[hub.UserRoom(actor.ID)] = true, true
	for _, room := range hub.ChatRooms(rooms) {
		member[room] = true
	}
	for _, room := range s.Rooms() {
		if !member[room] {
			s.Leave(room)
		}
	}
	return nil
}

// disconnected is called for each socket that connected was called for. There is
// one namespace: a connection that has left it is of no use to anybody, and no
// limit would count it.
func (g *Gateway) disconnected(s *socketio.Socket, _ socketio.Reason) {
	s.Drop()
	signedIn, ok := s.Data().(*session)
	if !ok || !signedIn.counted {
		return
	}
	g.sessions.Add(-1)
	g.Metrics.ConnectionClosed()
	g.admission.leave(signedIn.from)
	g.expiry.clear(&signedIn.expires)
}

// expired ends a connection whose token has run out.
func (g *Gateway) expired(s *socketio.Socket) {
	_ = s.Emit("error", command.Refusal{Code: command.CodeTokenExpired, Message: "Authentication failed"})
	s.Disconnect(true)
}

// refresh takes a new token for a connection, which must be the same user's.
func (g *Gateway) refresh(ctx context.Context, signedIn *session, token string) (time.Time, error) {
	identity, err := g.Verifier.Verify(ctx, token)
	if err != nil {
		return time.Time{}, err
	}
	if chat.UserID(identity.UserID) != signedIn.actor.ID {
		return time.Time{}, account.ErrUnauthenticated
	}
	g.expiry.set(&signedIn.expires, identity.ExpiresAt)
	return identity.ExpiresAt, nil
}
