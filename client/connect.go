package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// connection is the part of the loop that has one, or tries to.
type connection struct {
	link     *link         // nil: none
	results  chan attempt  // of the attempt that is under way
	trying   bool          // there is one
	resting  bool          // until the application says Connect
	failures int           // attempts since all was well
	refusal  *Error        // what the server has said before it ended the connection
	advice   *advice       // what it has said of coming back, because it goes; nil: nothing
	patience time.Duration // how long the server may be silent
	user     string        // whose client this is; empty: not known yet
}

// attempt is how one has ended.
type attempt struct {
	link     *link
	token    string
	fresh    bool // the token was asked for
	userID   string
	id       string // the server's of the connection
	node     string // which server that is, where it has said so already
	patience time.Duration
	err      error
}

// advice is what a server says that goes, while others stay, before it ends the connection.
type advice struct {
	Node        string `json:"node"`        // which one goes
	ReturnAfter int64  `json:"returnAfter"` // milliseconds
}

// longestAdvice is the longest time that the server can have a client wait.
const longestAdvice = time.Minute

// advised notes advice.
func (l *loop) advised(payload json.RawMessage) {
	told := new(advice)
	if err := json.Unmarshal(payload, told); err != nil {
		l.cfg.Logger.Error("an event could not be read", "event", eventLeaving, "err", err)
		return
	}
	l.advice = told
}

// pause is how long to wait: so long that others who were told the same do not come at the same time.
func (a *advice) pause() time.Duration {
	after := min(max(time.Duration(a.ReturnAfter), 0), longestAdvice/time.Millisecond) * time.Millisecond
	return after + rand.N(after/2+1)
}

// probeAfter is after how long a silence a server that does not say how often it is
// heard is asked whether it is there. It should be heard every 30 s.
const probeAfter = 40 * time.Second

// connect begins an attempt.
func (l *loop) connect() {
	l.alarms.clear(alarmConnect)
	if l.trying || l.link != nil {
		return
	}
	l.trying, l.resting = true, false
	l.client.update(func() { l.client.state = Connecting })
	token, user := l.current, l.user
	l.helpers.Go(func() { l.connection.results <- l.attempt(token, user) })
}

// attempt runs beside the loop: it uses nothing of it that changes. The token has to
// be for a user, if that is not empty.
func (l *loop) attempt(token, user string) (a attempt) {
	a.token = token
	if token == "" {
		a.fresh = true
		if a.token, a.err = l.askSource(l.ctx, l.cfg.Token); a.err != nil {
			a.err = fmt.Errorf("get a token: %w", a.err)
			return a
		}
	}
	a.userID = readToken(a.token).userID
	if a.err = a.isFor(user); a.err != nil {
		return a
	}
	ctx, cancel := context.WithTimeout(l.ctx, l.cfg.Timeout)
	defer cancel()
	if a.link, a.err = dialLink(ctx, l.cfg.URL, l.speaks, l.cfg.HTTPClient, a.token, l.cfg.Timeout); a.err != nil {
		return a
	}
	if a.err = a.signIn(ctx); a.err == nil {
		a.err = a.isFor(user)
	}
	if a.err != nil {
		a.link.drop()
		a.link = nil
	}
	return a
}

// isFor fails if the token is known to be for another user.
func (a *attempt) isFor(user string) error {
	if user == "" || a.userID == "" || a.userID == user {
		return nil
	}
	return stoppedBy(fmt.Errorf("%w: %s instead of %s", ErrUserChanged, a.userID, user))
}

// signIn waits until the server has let the client in.
func (a *attempt) signIn(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("sign in: %w", ctx.Err())
		case in, open := <-a.link.in:
			if !open {
				return fmt.Errorf("sign in: %w", a.link.err)
			}
			switch in.kind {
			case opening:
				a.patience = in.patience
				if err := a.link.send(a.link.speaks.hello(a.token)); err != nil {
					return err
				}
			case welcome:
				a.id, a.node = in.id, in.node
				var me Connected
				if json.Unmarshal(in.payload, &me) == nil && me.UserID != "" {
					a.userID = me.UserID
				}
				return nil
			case refused:
				return readError(in.payload)
			case event:
				if in.name == eventError {
					return readError(in.payload)
				}
			case farewell:
				return errFarewell
			}
		}
	}
}

// readError reads a refusal of the server's.
func readError(payload json.RawMessage) error {
	refusal := new(Error)
	if err := json.Unmarshal(payload, refusal); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	return refusal
}

// attempted takes the end of an attempt.
func (l *loop) attempted(a attempt) {
	l.trying = false
	if a.err != nil {
		l.failed(a)
		return
	}
	l.link, l.refusal, l.advice = a.link, nil, nil
	if a.userID != "" {
		l.user = a.userID
	}
	l.patience = a.patience
	l.accepted(a.token, a.fresh)
	l.client.update(func() {
		l.client.userID, l.client.lost = a.userID, nil
		l.client.status = ConnectionStatus{ID: a.id, Node: a.node, Transport: "websocket", Attempts: l.failures}
	})
	l.listen()
	l.tell(&Connected{UserID: a.userID})
	l.signedIn()
}

// signedIn begins a connection: everything may be missing.
func (l *loop) signedIn() {
	l.suspect()
	l.sync()
	l.subscribeAgain()
	l.transmitWaiting()
	l.pump()
}

// failed says what to do after an attempt that came to nothing.
func (l *loop) failed(a attempt) {
	l.failures++
	l.cfg.Logger.Info("could not connect", "attempt", l.failures, "err", a.err)
	if errors.Is(a.err, ErrStopped) {
		l.halted = a.err
		return
	}
	if l.tokenRefused(a.token, a.err) {
		return
	}
	l.wait(a.err)
}

// lost is the end of a connection.
func (l *loop) lost(cause error) {
	l.link.drop()
	l.link = nil
	l.alarms.clear(alarmSilence)
	l.alarms.clear(alarmOverdue)
	switch {
	case l.refusal != nil:
		cause = l.refusal
	case l.advice != nil:
		cause = fmt.Errorf("%w: node %s goes", errFarewell, l.advice.Node)
	}
	if !l.caughtUp {
		l.failures++ // let in and sent away at once
	}
	l.cfg.Logger.Info("connection lost", "err", cause)
	token := l.current // a lost answer may bring the next one
	l.loseAnswers()
	l.inFlight = false
	l.syncing = false
	l.tell(&Disconnected{Err: cause})
	if Code(cause) == codeDisconnected {
		l.halted = stoppedBy(cause)
		return
	}
	if l.tokenRefused(token, cause) {
		return
	}
	l.wait(cause)
}

// wait sets the time of the next attempt, if there is to be one.
func (l *loop) wait(cause error) {
	state := Waiting
	if l.cfg.NoReconnection {
		state, l.resting = Idle, true
	} else {
		l.waitForNext(cause)
	}
	l.client.update(func() {
		l.client.state, l.client.lost, l.client.status = state, cause, ConnectionStatus{Attempts: l.failures}
	})
}

func (l *loop) waitForNext(cause error) {
	b := l.cfg.Backoff
	if l.failures == b.Attempts {
		l.tell(&ReconnectFailed{Attempts: l.failures, Err: cause})
	}
	if l.advice != nil {
		l.alarms.in(alarmConnect, l.advice.pause())
		l.advice = nil // it is of one attempt
		return
	}
	pause := b.Slow
	if l.failures < b.Attempts {
		pause = b.Longest
		if l.failures < 30 && b.First<<l.failures < b.Longest {
			pause = b.First << l.failures
		}
		pause = pause/2 + rand.N(pause/2+1)
	}
	l.alarms.in(alarmConnect, pause)
}

// listen looks whether the server is still there. One that says how often it will
// be heard is believed; the other one is asked.
func (l *loop) listen() {
	silent, probe := l.link.silent(), l.speaks.probe()
	limit := l.patience
	if limit == 0 {
		limit = probeAfter + l.cfg.Timeout
	}
	next := limit
	if probe != nil && silent < probeAfter {
		next = probeAfter
	} else if probe != nil && silent < limit {
		_ = l.link.send(probe) // one that takes nothing is silent too
	}
	if silent >= limit {
		l.lost(fmt.Errorf("nothing was heard for %s", silent.Round(time.Second)))
		return
	}
	l.alarms.in(alarmSilence, next-silent)
}
