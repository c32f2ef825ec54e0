package engineio_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/engineio"
)

// sessionEvents are all that can happen to a session. Each returns how to learn what its
// client sees of it.
var sessionEvents = map[string]func(r *rig) (sees func() string){
	"message":       func(r *rig) func() string { return r.send("4hello") },
	"pong":          func(r *rig) func() string { return r.send("3") },
	"bad packet":    func(r *rig) func() string { return r.send("9") },
	"client closes": func(r *rig) func() string { return r.send("1") },
	"ping is due": func(r *rig) func() string {
		r.session.Expire(nil)
		return r.read
	},
	"pong is overdue": func(r *rig) func() string {
		r.session.Expire(nil)
		r.session.Expire(nil)
		return r.read
	},
	"overflow": func(r *rig) func() string {
		r.overflow()
		return r.read
	},
	"transport ends": func(r *rig) func() string {
		if r.waiting != nil {
			r.stop()
		}
		for _, c := range []*socket{r.c, r.probe} {
			if c != nil {
				_ = c.Close()
			}
		}
		r.client.CloseIdleConnections()
		return nil
	},
	"probe": func(r *rig) func() string {
		answer := r.dials("2probe")
		return func() string { return answer }
	},
	"upgrade": func(r *rig) func() string {
		if r.probe == nil {
			answer := r.dials("5")
			return func() string { return answer }
		}
		_ = ws.WriteFrame(r.probe, ws.MaskFrame(ws.NewTextFrame([]byte("5"))))
		until(r.t, "an end of the upgrade", func() bool { return !r.session.Upgrading() })
		if r.session.Transport() == engineio.WebSocket {
			r.c = r.probe
		}
		return func() string { return r.session.Transport() }
	},
	"poll": func(r *rig) func() string {
		asked := time.Now()
		polled := r.later(r.t, "GET", r.pollQuery(), "")
		sees := ""
		until(r.t, "the poll", func() bool {
			select {
			case a := <-polled:
				sees = a.words()
				if sees == "6" && time.Since(asked) >= engineio.UpgradeHold { // so long it waits during an upgrade
					sees = "waits"
				}
			default:
				if r.c == nil && r.waiting == nil && r.session.Writable() {
					sees, r.waiting = "waits", polled
				}
			}
			return sees != ""
		})
		return func() string { return sees }
	},
	"Send": func(r *rig) func() string {
		err := r.session.Send(engineio.NewText([]byte("news")))
		return func() string {
			if err != nil {
				return err.Error()
			}
			return r.read()
		}
	},
	"Close": func(r *rig) func() string {
		r.session.Close()
		return r.read
	},
	"Fail": func(r *rig) func() string {
		r.session.Fail(engineio.ParseError, errors.New("no such packet"))
		return r.read
	},
	"Pause": func(r *rig) func() string {
		r.pauses()
		return nil
	},
	"Resume": func(r *rig) func() string {
		r.session.Resume()
		r.paused = false
		return nil
	},
	"Quiesce": func(r *rig) func() string {
		quiet := make(chan struct{})
		go func() { r.Quiesce(); close(quiet) }()
		until(r.t, "new sessions are refused", r.Stopping)
		r.deaf = true
		return func() string { next(r.t, quiet); return "quiet" }
	},
	"Shutdown": func(r *rig) func() string {
		done := make(chan struct{})
		go func() { _ = r.Shutdown(r.t.Context()); close(done) }() // ends with the test where a closing handshake does not
		until(r.t, "new sessions are refused", r.Stopping)
		return func() string {
			if r.c == nil && r.waiting == nil && r.probe == nil { // the loop stops at once, and a poll with it that comes just then
				next(r.t, done)
			}
			return r.read()
		}
	},
}

// outcome is what must come of an event.
type outcome struct {
	ends  []engineio.Reason // one of them; a session without any lives on
	heard string            // what the handler gets
	sees  string            // what the client sees; not looked at when empty
	later bool              // ends and heard wait until the session is read again
	loose bool              // the handler may get something or not
	never bool              // the event cannot come in this state
}

// rule is an outcome in some states.
type rule struct {
	states []string
	outcome
}

func in(states ...string) []string { return states }

func ends(reasons ...engineio.Reason) []engineio.Reason { return reasons }

// slow are the ends of a session that has overflowed: it is about to end as a slow
// consumer, unless something else ends it in the same moment. What its client asks for
// then may be answered or not, but for messages: nothing comes behind what was dropped.
func slow(or ...engineio.Reason) outcome {
	return outcome{ends: append(or, engineio.SlowConsumer), loose: true}
}

var (
	never   = outcome{never: true}
	unheard = outcome{}                           // of a session that has ended: nothing more comes of anything
	refused = outcome{sees: "Bad request"}        // a session that lingers takes nothing more
	unknown = outcome{sees: "Session ID unknown"} // one that has ended on a WebSocket, or was heard out, is forgotten
	closed  = outcome{sees: "engineio: session closed"}
)

// sessionTable says what comes of each event in each state, and why.
var sessionTable = map[string][]rule{
	"message": {
		// What comes before OnSession has returned is for the handler that it returns.
		{in("opening", "websocket"), outcome{heard: "hello"}},
		// A client may post until its upgrade is through.
		{in("polling", "waiting", "probing"), outcome{heard: "hello", sees: "ok"}},
		// Nothing is read during a pause, and nothing of that is lost.
		{in("polling, paused", "probing, paused"), outcome{heard: "hello", sees: "held", later: true}},
		{in("websocket, paused"), outcome{heard: "hello", later: true}},
		{in("overflowed"), slow()},
		{in("lingering"), refused},
		{in("closing"), unheard},
		{in("closed"), unknown},
	},
	"pong": { // a sign of life, also one that nobody has asked for
		{in("opening", "websocket"), outcome{}},
		{in("polling", "waiting", "probing"), outcome{sees: "ok"}},
		{in("polling, paused", "probing, paused"), outcome{sees: "held", later: true}},
		{in("websocket, paused"), outcome{later: true}},
		{in("overflowed"), slow()}, // no sign of life saves it
		{in("lingering"), refused},
		{in("closing"), unheard},
		{in("closed"), unknown},
	},
	"bad packet": { // ends the session as soon as it is read
		{in("opening", "websocket"), outcome{ends: ends(engineio.ParseError)}},
		{in("polling", "waiting", "probing"), outcome{ends: ends(engineio.ParseError), sees: "Bad request"}},
		{in("polling, paused", "probing, paused"), outcome{ends: ends(engineio.ParseError), sees: "held", later: true}},
		{in("websocket, paused"), outcome{ends: ends(engineio.ParseError), later: true}},
		{in("overflowed"), slow(engineio.ParseError)},
		{in("lingering"), refused},
		{in("closing"), unheard},
		{in("closed"), unknown},
	},
	"client closes": { // as a packet, and so in the order of what it has sent
		{in("opening", "websocket"), outcome{ends: ends(engineio.TransportClose)}},
		{in("polling", "waiting", "probing"), outcome{ends: ends(engineio.TransportClose), sees: "ok"}},
		{in("polling, paused", "probing, paused"), outcome{ends: ends(engineio.TransportClose), sees: "held", later: true}},
		{in("websocket, paused"), outcome{ends: ends(engineio.TransportClose), later: true}},
		{in("overflowed"), slow(engineio.TransportClose)},
		{in("lingering"), refused},
		{in("closing"), unheard},
		{in("closed"), unknown},
	},
	"ping is due": {
		{in("opening"), never}, // the heartbeat begins when OnSession has returned
		// A client that is not pinged gives up, so a pause does not matter.
		{in("polling", "waiting", "probing", "websocket", "polling, paused", "probing, paused", "websocket, paused"), outcome{sees: "2"}},
		{in("overflowed"), slow()},
		{in("lingering", "closing", "closed"), unheard},
	},
	"pong is overdue": {
		{in("opening"), never},
		{in("polling", "waiting", "probing", "websocket"), outcome{ends: ends(engineio.PingTimeout)}},
		// The pong may have come, and not been read: it is given time after the pause.
		{in("polling, paused", "probing, paused", "websocket, paused"), outcome{}},
		{in("overflowed"), slow()},
		{in("lingering", "closing", "closed"), unheard},
	},
	"overflow": {
		// Whoever does not take what is sent is closed, on either transport, read or not.
		{in("opening", "polling", "waiting", "probing", "websocket", "polling, paused", "probing, paused", "websocket, paused", "overflowed"), outcome{ends: ends(engineio.SlowConsumer)}},
		{in("lingering", "closing", "closed"), unheard}, // nothing is queued any more
	},
	"transport ends": {
		{in("opening", "websocket"), outcome{ends: ends(engineio.TransportClose)}},
		// Between two polls there is nothing that could end: the heartbeat finds out.
		{in("polling", "polling, paused"), outcome{}},
		{in("waiting"), outcome{ends: ends(engineio.TransportError)}},
		{in("probing", "probing, paused"), outcome{}}, // the upgrade has failed, and may be tried again
		// Who does not read cannot see the end of what there is to read.
		{in("websocket, paused"), outcome{ends: ends(engineio.TransportClose), later: true}},
		{in("overflowed"), slow()},
		{in("lingering", "closing", "closed"), unheard},
	},
	"probe": {
		{in("polling", "waiting", "polling, paused"), outcome{sees: "3probe"}},
		{in("probing", "probing, paused"), outcome{sees: "closed"}},                // one at a time
		{in("opening", "websocket", "websocket, paused"), outcome{sees: "closed"}}, // it has moved already
		{in("overflowed"), slow()},
		{in("lingering"), outcome{sees: "closed"}},
		{in("closing", "closed"), outcome{sees: "refused"}},
	},
	"upgrade": {
		{in("probing", "probing, paused"), outcome{sees: engineio.WebSocket}}, // and a pause goes along
		// Not without a probe.
		{in("opening", "polling", "waiting", "websocket", "polling, paused", "websocket, paused"), outcome{sees: "closed"}},
		{in("overflowed"), slow()}, // what is sent now would hide what was dropped
		{in("lingering"), outcome{sees: "closed"}},
		{in("closing", "closed"), outcome{sees: "refused"}},
	},
	"poll": {
		{in("polling", "probing", "polling, paused", "probing, paused"), outcome{sees: "waits"}},
		{in("waiting"), outcome{ends: ends(engineio.TransportError), sees: "Bad request"}}, // one at a time, as Node has it
		{in("opening", "websocket", "websocket, paused"), outcome{sees: "Bad request"}},    // it has moved
		{in("overflowed"), slow()},
		{in("lingering"), outcome{sees: "4last"}}, // what it lingers for
		{in("closing", "closed"), unknown},
	},
	"Send": {
		{in("opening", "polling", "waiting", "probing", "websocket", "polling, paused", "probing, paused", "websocket, paused"), outcome{sees: "4news"}},
		{in("overflowed"), slow()},
		{in("lingering", "closing", "closed"), closed},
	},
	"Close": {
		{in("opening", "websocket", "websocket, paused"), outcome{ends: ends(engineio.ForcedClose), sees: "closed"}},
		{in("polling", "waiting", "probing", "polling, paused", "probing, paused"), outcome{ends: ends(engineio.ForcedClose), sees: "1"}},
		{in("overflowed"), slow(engineio.ForcedClose)},
		{in("lingering", "closing", "closed"), unheard}, // once is enough
	},
	"Fail": {
		{in("opening", "websocket", "websocket, paused"), outcome{ends: ends(engineio.ParseError), sees: "closed"}},
		{in("polling", "waiting", "probing", "polling, paused", "probing, paused"), outcome{ends: ends(engineio.ParseError), sees: "1"}},
		{in("overflowed"), slow(engineio.ParseError)},
		{in("lingering", "closing", "closed"), unheard},
	},
	"Pause": {
		{in("opening", "polling", "waiting", "probing", "websocket", "polling, paused", "probing, paused", "websocket, paused"), outcome{}},
		{in("overflowed"), slow()}, // though a pause excuses much
		{in("lingering", "closing", "closed"), unheard},
	},
	"Resume": {
		{in("opening", "polling", "waiting", "probing", "websocket", "polling, paused", "probing, paused", "websocket, paused"), outcome{}},
		{in("overflowed"), slow()}, // and the time it gives for a pong is none for reading
		{in("lingering", "closing", "closed"), unheard},
	},
	"Quiesce": {
		// Also of a session that is being opened nothing is read; all can be sent to.
		{in("opening", "polling", "waiting", "probing", "websocket", "polling, paused", "probing, paused", "websocket, paused"), outcome{sees: "quiet"}},
		{in("overflowed"), slow()},
		{in("lingering", "closing", "closed"), outcome{sees: "quiet"}},
	},
	"Shutdown": {
		{in("opening", "websocket", "websocket, paused"), outcome{ends: ends(engineio.ShuttingDown), sees: "closed"}},
		{in("polling", "waiting", "probing", "polling, paused", "probing, paused"), outcome{ends: ends(engineio.ShuttingDown), sees: "1"}},
		{in("overflowed"), slow(engineio.ShuttingDown)},
		{in("lingering", "closing", "closed"), unheard},
	},
}

// TestSessionStates tries every event in every state. Whatever comes of it, a session
// that lives on carries messages both ways, and one that has ended is told of once and
// gets and carries nothing more.
func TestSessionStates(t *testing.T) {
	for event, happens := range sessionEvents {
		for state, make := range sessionStates {
			t.Run(event+" while "+state, func(t *testing.T) {
				want := expected(t, event, state)
				r := make(t)
				var sees func() string
				if !want.never {
					sees = happens(r)
				}
				r.release()
				r.holds(want, sees)
			})
		}
	}
}

// expected finds the outcome of a pair, of which there must be one.
func expected(t *testing.T, event, state string) (found outcome) {
	t.Helper()
	n := 0
	for _, rule := range sessionTable[event] {
		if slices.Contains(rule.states, state) {
			found = rule.outcome
			n++
		}
	}
	if n != 1 {
		t.Fatalf("the table has %d outcomes", n)
	}
	return found
}

func (r *rig) holds(want outcome, sees func() string) {
	r.t.Helper()
	if want.sees != "" {
		if got := sees(); got != want.sees {
			r.t.Fatalf("the client sees %q, want %q", got, want.sees)
		}
	}
	if want.later {
		r.reads(r.t)
		none(r.t, r.messages)
		none(r.t, r.closes)
		r.resume()
	}
	if want.heard != "" {
		expect(r.t, r.messages, want.heard)
	}
	if want.ends == nil && !r.gone {
		r.lives()
		return
	}
	if want.loose {
		r.loosely(want)
		return
	}
	r.over(want.ends...)
}

// loosely is over for a session whose last message may have been handled.
func (r *rig) loosely(want outcome) {
	r.t.Helper()
	if got := next(r.t, r.closes); !slices.Contains(want.ends, got.reason) {
		r.t.Fatalf("it has ended with %q (%v), want %q", got.reason, got.err, want.ends)
	}
	select {
	case <-r.messages:
	default:
	}
	r.gone = true
	r.over()
}
