package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"sync"
	"time"
)

// tokens is the part of the loop that knows the token.
type tokens struct {
	current  string // what the client believes in; empty: it has to ask
	believed string // the last one that the server has accepted
	refused  string // what the server has refused last
	refusals int    // fresh tokens that were refused in a row
	asking   bool
	results  chan freshToken
	source   sync.Mutex // the token source is asked by one at a time
}

func (t *tokens) askSource(ctx context.Context, source TokenSource) (string, error) {
	t.source.Lock()
	defer t.source.Unlock()
	return source(ctx)
}

type freshToken struct {
	token string
	err   error
}

// maxRefusals is how many different tokens in a row the server may refuse.
const maxRefusals = 3

// claims is what a client reads in its own token, without verifying it: that is
// the server's.
type claims struct {
	userID  string
	expires time.Time // zero: never, or the token is no JWT
}

func readToken(token string) claims {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return claims{}
	}
	var in struct {
		Subject any     `json:"sub"`
		ID      any     `json:"id"`
		Expires float64 `json:"exp"` // seconds
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if decoder.Decode(&in) != nil {
		return claims{}
	}
	var out claims
	if out.userID = idOf(in.Subject); out.userID == "" {
		out.userID = idOf(in.ID)
	}
	const year10000 = 253402300800
	if in.Expires > 0 && in.Expires < year10000 {
		whole, part := math.Modf(in.Expires)
		out.expires = time.Unix(int64(whole), int64(part*1e9))
	}
	return out
}

func idOf(claim any) string {
	switch id := claim.(type) {
	case string:
		return id
	case json.Number:
		return id.String()
	}
	return ""
}

// believe takes a token that the server has accepted, and sees that it is
// exchanged in time: when three quarters of its time are over, or a minute before
// the end.
func (l *loop) believe(token string) {
	l.current, l.believed, l.refusals = token, token, 0
	l.expiresAt(readToken(token).expires)
}

func (l *loop) expiresAt(at time.Time) {
	l.alarms.clear(alarmRefresh)
	if at.IsZero() {
		return
	}
	left := time.Until(at)
	l.alarms.in(alarmRefresh, max(left-min(time.Minute, left/4), 0))
}

// accepted takes the token of a new connection. One that came in the meantime takes
// its place.
func (l *loop) accepted(token string, fresh bool) {
	meanwhile := l.current
	if fresh || meanwhile == "" || token != l.believed {
		l.believe(token)
	}
	l.current = token
	if !fresh && meanwhile != "" && meanwhile != token {
		l.offer(meanwhile)
	}
}

// askToken asks the source for a token to take the place of the current one.
func (l *loop) askToken() {
	switch {
	case l.asking:
		return
	case l.link == nil:
		l.current = "" // the next attempt asks
		return
	}
	l.asking = true
	l.helpers.Go(func() {
		token, err := l.askSource(l.ctx, l.cfg.Token)
		l.tokens.results <- freshToken{token, err}
	})
}

// retryRefresh is how long to wait before asking a source that has failed again.
const retryRefresh = 10 * time.Second

// gotToken sends a new token on a live connection. Without one the next attempt
// uses it.
func (l *loop) gotToken(t freshToken) {
	l.asking = false
	switch {
	case t.err != nil:
		l.cfg.Logger.Warn("no new token", "err", t.err)
		l.alarms.in(alarmRefresh, retryRefresh)
	case t.token == l.current:
		// There is none newer; when the server has had enough of it, it says so.
	case l.link == nil:
		l.current = t.token
	default:
		l.offer(t.token)
	}
}

// offer sends a token to take the place of the connection's.
func (l *loop) offer(token string) {
	l.transmit(&call{command: commandRefresh, payload: refreshQuery{token}, then: func(_ json.RawMessage, err error) {
		switch {
		case err == nil || l.halted != nil:
		case errors.Is(err, ErrConnectionLost):
			l.current = token // the next attempt uses it
		default:
			l.cfg.Logger.Warn("the new token was refused", "err", err)
			l.alarms.in(alarmRefresh, retryRefresh)
		}
	}})
}

// refreshed takes the answer to a token that was sent.
func (l *loop) refreshed(token string, answer json.RawMessage) {
	l.believe(token)
	var a refreshAnswer
	if json.Unmarshal(answer, &a) == nil && a.ExpiresAt != nil {
		l.expiresAt(*a.ExpiresAt)
	}
}

// tokenRefused handles an end that was for the token's sake; it is false if it was
// for another. A new token is tried at once; a source that has none, or none that
// the server likes, ends the client.
func (l *loop) tokenRefused(token string, cause error) bool {
	switch Code(cause) {
	case codeUnauthenticated, codeTokenExpired, codeTokenRevoked, codeAccountDisabled:
	default:
		return false
	}
	l.current = ""
	l.refusals++
	if token == l.refused || l.refusals > maxRefusals {
		l.halted = stoppedBy(cause)
		return true
	}
	l.refused = token
	l.client.update(func() { l.client.lost = cause })
	l.connect()
	return true
}
