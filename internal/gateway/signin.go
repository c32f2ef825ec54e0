package gateway

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/socketio"
)

// refused is all that a client learns of a sign-in that failed. The data has the
// message too because it is all that clients of version 2 are shown.
var refused = &socketio.ConnectError{
	Message: "Authentication failed",
	Data:    command.Refusal{Code: command.CodeUnauthenticated, Message: "Authentication failed"},
}

// refusedDisabled is for whose token would be good if the user were not disabled. The message is the one that clients know a
// refusal by.
var refusedDisabled = &socketio.ConnectError{Message: "Authentication failed", Data: endedDisabled.refusal}

// refusalOf is what a client learns of an error that matches account.ErrUnauthenticated.
func refusalOf(err error) *socketio.ConnectError {
	if errors.Is(err, account.ErrAccountDisabled) {
		return refusedDisabled
	}
	return refused
}

// fault is all that a client learns of a sign-in that the server could not do:
// errors of middlewares are told as they are.
var fault = &socketio.ConnectError{
	Message: "Internal server error",
	Data:    command.Refusal{Code: string(refusal.Internal), Message: "Internal server error"},
}

// signInFailed is what the log says when the server could not sign users in.
const signInFailed = "sign-in failed"

// signIn is the middleware that lets a socket in by its token. It runs on
// recovery too: a client that comes back may do so only as the same user, with
// a token that is still good.
func (g *Gateway) signIn(ctx context.Context, s *socketio.Socket) error {
	// A client that leaves half-way is let in and then leaves, as others do.
	ctx = context.WithoutCancel(ctx)
	from := g.admission.clientIP(s.Handshake().RemoteAddr, s.Handshake().Header())
	identity, err := g.deps.Accounts.Verify(ctx, tokenOf(s))
	if err != nil {
		g.refuseSignIn(s, from, err)
		return refusalOf(err)
	}
	// The client has done its part. When everybody comes back at once its turn may take
	// longer than it has, and if it had to come again it would be the last.
	s.HoldConnectTimeout()
	previous, recovered := s.Data().(*session)
	if recovered && !previous.continues(identity) {
		s.RefuseRecovery()
	}
	signedIn, err := g.newSession(ctx, identity, from)
	switch {
	case errors.Is(err, account.ErrUnauthenticated):
		g.refuseSignIn(s, from, err)
		return refusalOf(err)
	case err != nil:
		// After a refusal clients do not try again by themselves; after a loss
		// they do.
		g.deps.Metrics.ConnectionRefused(refusedFault)
		s.Drop()
		g.complaints.fault(signInFailed, err)
		return fault
	}
	signedIn.unread.again = recovered && previous.unread.lost(g.cfg.Heartbeat)
	s.SetData(signedIn)
	return nil
}

// refuseSignIn counts a token that was refused. On one connection a client may
// try again, which counts as if it had opened a new one.
func (g *Gateway) refuseSignIn(s *socketio.Socket, from netip.Addr, err error) {
	g.deps.Metrics.ConnectionRefused(refusedToken)
	if g.admission.connects.Take(from) > 0 {
		s.Drop()
		return
	}
	g.complaints.refused(from, err)
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
