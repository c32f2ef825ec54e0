package gateway

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/socketio"
)

// session is what the gateway keeps of a signed-in connection.
type session struct {
	actor   chat.Actor
	from    netip.Addr
	expires deadline
	counted bool // it takes part in the count of connections
}

// refused is all that a client learns of a sign-in that failed.
var refused = &socketio.ConnectError{Message: "Authentication failed", Data: map[string]string{"code": "authentication_failed"}}

// signIn is the middleware that lets a socket in by its token. It runs on
// recovery too: a client that comes back may do so only as the same user, with
// a token that is still good.
func (g *Gateway) signIn(ctx context.Context, s *socketio.Socket) error {
	identity, err := g.verifier.Verify(ctx, tokenOf(s))
	if err != nil {
		g.log.Info("sign-in refused", "from", s.Handshake().RemoteAddr, "err", err)
		g.metrics.ConnectionRefused(refusedToken)
		return refused
	}
	if previous, ok := s.Data().(*session); ok && previous.actor.ID != chat.UserID(identity.UserID) {
		s.RefuseRecovery()
	}
	user, err := g.chat.EnsureUser(ctx, chat.Actor{ID: chat.UserID(identity.UserID), Name: identity.Name})
	if err != nil {
		g.metrics.ConnectionRefused(refusedToken)
		if public := chat.Public(err, "Authentication failed"); public.Code != chat.CodeInternal {
			return &socketio.ConnectError{Message: public.Message, Data: errorOf(public)}
		}
		return err
	}
	signedIn := &session{
		actor: chat.Actor{ID: user.ID, Name: user.Name},
		from:  g.admission.clientIP(s.Handshake().RemoteAddr, s.Handshake().Header()),
	}
	signedIn.expires.at = identity.ExpiresAt
	s.SetData(signedIn)
	return nil
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
	if g.sessions.Add(1) > int64(g.cfg.MaxConnections) {
		g.sessions.Add(-1)
		g.metrics.ConnectionRefused(refusedCapacity)
		_ = s.Emit("error", wireError{Code: "server_at_capacity", Message: "Server at capacity"})
		s.Disconnect(true)
		return
	}
	signedIn.counted = true
	g.metrics.ConnectionOpened()
	g.admission.enter(signedIn.from)
	signedIn.expires.due = func() { g.expired(s) }
	g.expiry.set(&signedIn.expires, signedIn.expires.at)
	if err := g.subscribe(ctx, s, signedIn.actor); err != nil {
		// Without its rooms it would miss messages without knowing: it has to
		// come back.
		g.log.Error("connection could not be subscribed", "user", string(signedIn.actor.ID), "err", err)
		s.Drop()
	}
}

// subscribe puts a device into the rooms of its user, and sends what is unread.
func (g *Gateway) subscribe(ctx context.Context, s *socketio.Socket, actor chat.Actor) error {
	s.Join(hub.UserRoom(actor.ID))
	rooms, err := g.chat.Memberships(ctx, actor.ID)
	if err != nil {
		return err
	}
	s.Join(rooms...)
	if len(rooms) > 0 || s.Recovered() {
		// A membership may have ended between the question and the joining,
		// before the hub could find the device here; or, for a recovered socket,
		// while it was away.
		if err := g.leaveFormerRooms(ctx, s, actor); err != nil {
			return err
		}
	}
	if s.Recovered() {
		return nil // it has been sent what it missed
	}
	unread, err := g.chat.Unread(ctx, actor.ID, chat.MaxUnread)
	if err != nil {
		return err
	}
	if len(unread) > 0 {
		return s.Emit("messages:unread", hub.MessagesOf(unread))
	}
	return nil
}

func (g *Gateway) leaveFormerRooms(ctx context.Context, s *socketio.Socket, actor chat.Actor) error {
	rooms, err := g.chat.Memberships(ctx, actor.ID)
	if err != nil {
		return err
	}
	member := make(map[string]bool, len(rooms)+2)
	member[s.ID()], member[hub.UserRoom(actor.ID)] = true, true
	for _, room := range rooms {
		member[room] = true
	}
	for _, room := range s.Rooms() {
		if !member[room] {
			s.Leave(room)
		}
	}
	return nil
}

// disconnected is called for each socket that connected was called for.
func (g *Gateway) disconnected(s *socketio.Socket, _ socketio.Reason) {
	signedIn, ok := s.Data().(*session)
	if !ok || !signedIn.counted {
		return
	}
	g.sessions.Add(-1)
	g.metrics.ConnectionClosed()
	g.admission.leave(signedIn.from)
	g.expiry.clear(&signedIn.expires)
}

// expired ends a connection whose token has run out.
func (g *Gateway) expired(s *socketio.Socket) {
	_ = s.Emit("error", wireError{Code: "token_expired", Message: "Authentication failed"})
	s.Disconnect(true)
}

// refresh takes a new token for a connection, which must be the same user's.
func (g *Gateway) refresh(ctx context.Context, signedIn *session, token string) (time.Time, error) {
	identity, err := g.verifier.Verify(ctx, token)
	if err != nil {
		return time.Time{}, err
	}
	if chat.UserID(identity.UserID) != signedIn.actor.ID {
		return time.Time{}, account.ErrUnauthenticated
	}
	g.expiry.set(&signedIn.expires, identity.ExpiresAt)
	return identity.ExpiresAt, nil
}
