package gateway_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// What happens to a native connection, in each state that it can be in. Faults sit where two timers or states meet:
// a pair that nobody has thought about is a failure of the test.
var nativeTable = map[string]map[string]result{
	"unauthenticated": {
		"auth":          {admitted, "a token is what it waits for"},
		"wrong auth":    {closedWith(4401, "authentication_failed"), "the first token decides"},
		"message":       {closedWith(4401, "authentication_failed"), "the first frame has to be the token"},
		"ping":          {pongs, "clients may look whether the server is there, as long as AuthTimeout lasts"},
		"missed pong":   {closedWith(4401, "authentication_failed"), "there are no pings yet: the one timer that fires is the token's"},
		"auth time-out": {closedWith(4401, "authentication_failed"), "the token did not come"},
		"token expiry":  {admittedLater, "the token that comes may be a newer one"},
		"revocation":    {admittedLater, "the token that comes may be a newer one"},
		"capacity":      {turnedAwayAtSignIn, "it takes no place until it signs in, and then there is none"},
		"shutdown":      {closedWith(1001, ""), "to come back to the next server"},
		"end":           {gone, "nothing was begun"},
		"slow consumer": {closedWith(4008, ""), "strangers may hold no more than others"},
	},
	"verifying": {
		"auth":          {both(welcomed, refuses("unknown_command")), "the first token decides, and signed in there is no such command"},
		"wrong auth":    {both(welcomed, refuses("unknown_command")), "the first token decides, and signed in there is no such command"},
		"message":       {both(welcomed, answers), "it waits its turn behind the token"},
		"ping":          {both(welcomed, pongs), "it waits its turn behind the token"},
		"missed pong":   {gone, "it was read and is silent: it need not be let in"},
		"auth time-out": {admitted, "the token came in time, the rest is the server's"},
		"token expiry":  {closedWith(4401, "token_expired"), "a token counts until it expires, however it was used"},
		"revocation":    {closedWith(4401, "authentication_failed"), "signing in looks at revocations again"},
		"capacity":      {closedWith(1013, "server_at_capacity"), "others came first"},
		"shutdown":      {both(welcomed, closedWith(1001, "")), "what was received is finished first"},
		"end":           {gone, "one that closed does not enter"},
		"slow consumer": {closedWith(4008, ""), "a token gives no right to memory"},
	},
	"waiting for admission": {
		"auth":          {both(welcomed, refuses("unknown_command")), "the first token decides, and signed in there is no such command"},
		"wrong auth":    {both(welcomed, refuses("unknown_command")), "the first token decides, and signed in there is no such command"},
		"message":       {both(welcomed, answers), "it waits its turn behind the token"},
		"ping":          {both(welcomed, pongs), "it waits its turn behind the token"},
		"missed pong":   {gone, "it was read and is silent: it need not be let in"},
		"auth time-out": {admitted, "the token came in time, the rest is the server's"},
		"token expiry":  {closedWith(4401, "token_expired"), "a token counts until it expires, however it was used"},
		"revocation":    {closedWith(4401, "token_revoked"), "it is too late for a refusal of the sign-in, and ends as an open one does"},
		"capacity":      {closedWith(1013, "server_at_capacity"), "others came first"},
		"shutdown":      {both(welcomed, closedWith(1001, "")), "what was received is finished first"},
		"end":           {gone, "it enters and leaves"},
		"slow consumer": {closedWith(4008, ""), "a token gives no right to memory"},
	},
	"open": {
		"auth":          {refuses("unknown_command"), "a newer token is for auth:refresh"},
		"wrong auth":    {refuses("unknown_command"), "a newer token is for auth:refresh"},
		"message":       {answers, "what it is for"},
		"ping":          {pongs, "what it is for"},
		"missed pong":   {gone, "who is silent is not there, and may not keep friends believing so"},
		"auth time-out": {lives, "it is the time of a ping by now"},
		"token expiry":  {closedWith(4401, "token_expired"), "it could have refreshed it"},
		"revocation":    {closedWith(4401, "token_revoked"), "at once, whatever it does"},
		"capacity":      {lives, "who is in stays in"},
		"shutdown":      {closedWith(1001, ""), "to come back to the next server"},
		"end":           {gone, "and its user is offline"},
		"slow consumer": {closedWith(4008, ""), "it does not take what it asked for"},
	},
	"paused": {
		"auth":          {both(answersTheQueue, refuses("unknown_command")), "it is read once there is room"},
		"wrong auth":    {both(answersTheQueue, refuses("unknown_command")), "it is read once there is room"},
		"message":       {both(answersTheQueue, answers), "it is read once there is room"},
		"ping":          {both(answersTheQueue, pongs), "it is read once there is room"},
		"missed pong":   {catchesUp, "its pong may be there, unread: it is the server that is slow"},
		"auth time-out": {catchesUp, "it is the time of a ping by now"},
		"token expiry":  {closedWith(4401, "token_expired"), "what waits in the queue is not carried out"},
		"revocation":    {closedWith(4401, "token_revoked"), "what waits in the queue is not carried out"},
		"capacity":      {catchesUp, "who is in stays in"},
		"shutdown":      {both(answersTheQueue, closedWith(1001, "")), "what was received is carried out and answered"},
		"end":           {gone, "what was received is carried out, for nobody to hear"},
		"slow consumer": {closedWith(4008, ""), "that it is not read is no excuse for not reading"},
	},
	"draining": {
		"auth":          {unheard, "nothing more is read, so that nothing is cut off half-way"},
		"wrong auth":    {unheard, "nothing more is read, so that nothing is cut off half-way"},
		"message":       {unheard, "nothing more is read: without an answer the client sends it again elsewhere"},
		"ping":          {unheard, "nothing more is read, so that nothing is cut off half-way"},
		"missed pong":   {unheard, "its pong may be there, unread: it is told of the end like the others"},
		"auth time-out": {unheard, "it is the time of a ping by now"},
		"token expiry":  {closedWith(4401, "token_expired"), "the drain lends no time to a token"},
		"revocation":    {closedWith(4401, "token_revoked"), "the drain lends no time to a token"},
		"capacity":      {unheard, "who is in stays in"},
		"shutdown":      {unheard, "the second half of a drain"},
		"end":           {gone, "it is noticed with the first byte that is written"},
		"slow consumer": {closedWith(4008, ""), "the drain must not wait for it"},
	},
	"closing": {
		"auth":          {silence, "what comes behind the end is not heard"},
		"wrong auth":    {silence, "what comes behind the end is not heard"},
		"message":       {silence, "what comes behind the end is not heard"},
		"ping":          {silence, "what comes behind the end is not heard"},
		"missed pong":   {silence, "the closing handshake has a deadline of its own"},
		"auth time-out": {silence, "the closing handshake has a deadline of its own"},
		"token expiry":  {silence, "one reason is told, the first"},
		"revocation":    {silence, "one reason is told, the first"},
		"capacity":      {silence, "it takes no place any more"},
		"shutdown":      {silence, "it was told to go, and for a better reason"},
		"end":           {gone, "a peer need not finish the closing handshake"},
		"slow consumer": {silence, "nothing more is sent to it"},
	},
}

// result is what has to come of a pair, and why that is right.
type result struct {
	check func(*situation)
	why   string
}

// The states, by how a connection comes into them, and the events.
var (
	nativeStates = map[string]func(*situation){
		"unauthenticated":       (*situation).stranger,
		"verifying":             func(s *situation) { s.stranger(); s.present(&s.verify) },
		"waiting for admission": func(s *situation) { s.stranger(); s.present(&s.admit) },
		"open":                  (*situation).open,
		"paused":                (*situation).pause,
		"draining":              (*situation).drain,
		"closing":               (*situation).sendAway,
	}
	nativeEvents = map[string]func(*situation){
		"auth":          func(s *situation) { s.send(`{"type":"auth","ref":"event","token":"` + s.fresh() + `"}`) },
		"wrong auth":    func(s *situation) { s.send(`{"type":"auth","ref":"event","token":"wrong"}`) },
		"message":       func(s *situation) { s.send(`{"type":"sync","ref":"event","conversations":{}}`) },
		"ping":          func(s *situation) { s.send(`{"type":"ping","ref":"event"}`) },
		"missed pong":   func(s *situation) { s.handle.Tick(); s.handle.Tick() },
		"auth time-out": func(s *situation) { s.handle.Tick() },
		"token expiry":  func(s *situation) { s.clock.Add(int64(2 * time.Hour)); s.gateway.Wake() },
		"revocation":    (*situation).revoke,
		"capacity":      (*situation).fill,
		"shutdown":      (*situation).shutDown,
		"end":           func(s *situation) { _ = s.conn.Close() },
		"slow consumer": func(s *situation) { s.handle.Flood() },
	}
)

func TestEveryEventInEveryState(t *testing.T) {
	for state, reach := range nativeStates {
		for event, happens := range nativeEvents {
			want, known := nativeTable[state][event]
			if !known {
				t.Errorf("nobody says what %q does to a connection that is %q", event, state)
				continue
			}
			t.Run(state+"/"+event, func(t *testing.T) {
				s := situate(t)
				reach(s)
				happens(s)
				want.check(s)
				if t.Failed() {
					t.Logf("but: %s", want.why)
				}
			})
		}
	}
	for state, events := range nativeTable {
		for event := range events {
			if nativeStates[state] == nil || nativeEvents[event] == nil {
				t.Errorf("there is no state %q or no event %q", state, event)
			}
		}
	}
}

// The results.

func both(first, then func(*situation)) func(*situation) {
	return func(s *situation) { first(s); then(s) }
}

func welcomed(s *situation) {
	s.release()
	s.frame("connection")
}

// admitted: and then goes on.
func admitted(s *situation) { both(welcomed, lives)(s) }

// admittedLater: by a token that comes after the event.
func admittedLater(s *situation) {
	s.t.Helper()
	s.send(`{"type":"auth","ref":"late","token":"` + s.fresh() + `"}`)
	admitted(s)
}

func lives(s *situation) {
	s.t.Helper()
	s.send(`{"type":"ping","ref":"alive"}`)
	for s.frame("pong")["ref"] != "alive" {
	}
}

func pongs(s *situation) {
	s.t.Helper()
	if s.frame("pong")["ref"] != "event" {
		s.t.Error("another ping was answered")
	}
	lives(s)
}

func answers(s *situation) {
	s.t.Helper()
	for {
		if f := s.frame("ack"); f["ref"] == "event" {
			if f["ok"] != true {
				s.t.Errorf("answered %v", f)
			}
			break
		}
	}
	lives(s)
}

func refuses(code string) func(*situation) {
	return func(s *situation) {
		s.t.Helper()
		for {
			if f := s.frame("ack"); f["ref"] == "event" {
				if refusal, _ := f["error"].(map[string]any); refusal["code"] != code {
					s.t.Errorf("answered %v", f)
				}
				break
			}
		}
		lives(s)
	}
}

// answersTheQueue: all that was received is carried out.
func answersTheQueue(s *situation) {
	s.t.Helper()
	s.release()
	for len(s.acks) <= s.queued {
		s.frame("ack")
	}
	if !slices.Contains(s.acks, fmt.Sprintf("queued %d", s.queued-1)) {
		s.t.Errorf("answered were %q", s.acks)
	}
}

// catchesUp: and then goes on.
func catchesUp(s *situation) { both(answersTheQueue, lives)(s) }

// closedWith: there is an error first, if it is not empty.
func closedWith(want ws.StatusCode, wantRefusal string) func(*situation) {
	return func(s *situation) {
		s.t.Helper()
		s.release()
		if code, refusal := s.untilClose(); code != want || refusal != wantRefusal {
			s.t.Errorf("closed with %d %q, want %d %q", code, refusal, want, wantRefusal)
		}
		silence(s)
	}
}

func turnedAwayAtSignIn(s *situation) {
	s.t.Helper()
	s.send(`{"type":"auth","token":"` + s.fresh() + `"}`)
	closedWith(1013, "server_at_capacity")(s)
}

// silence: nothing comes but the end of the closing handshake.
func silence(s *situation) {
	s.t.Helper()
	_ = ws.WriteFrame(s.conn, ws.MaskFrame(ws.NewCloseFrame(nil)))
	if f, code, err := s.read(); err == nil {
		s.t.Errorf("behind the end came %v, %d", f, code)
	} else if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		s.t.Error("the closing handshake does not end")
	}
	s.forgotten()
}

// unheard: the next that comes is the end of the server.
func unheard(s *situation) {
	s.t.Helper()
	if s.down == nil {
		s.shutDown()
	}
	if f, code, err := s.read(); code != 1001 || err != nil {
		s.t.Errorf("first came %v, %d, %v", f, code, err)
	}
	silence(s)
}

// gone: the server lets go without a word.
func gone(s *situation) {
	s.t.Helper()
	s.release()
	if s.native.Stopping() && s.down == nil {
		s.shutDown()
	}
	s.forgotten()
}
