package engineio_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/engineio"
)

// rig is a session in some state, and its client.
type rig struct {
	*server
	t       *testing.T
	session *engineio.Session
	query   string        // of a client on polling
	c       *socket       // of a client on a WebSocket
	waiting <-chan answer // the poll that waits
	held    <-chan answer // the data request that waits
	stop    func()        // ends the poll that waits, as a client does that goes away
	probe   *socket       // the WebSocket that an upgrade is to move to
	paused  bool
	release func() // lets go on what holds the session in its state
	gone    bool   // the session had ended before
	deaf    bool   // the server reads no more
}

// sessionStates makes sessions of each state there is.
var sessionStates = map[string]func(t *testing.T) *rig{
	"opening": func(t *testing.T) *rig { // OnSession has not returned
		inside, leave := make(chan *engineio.Session, 1), make(chan struct{})
		r := newRig(t, engineio.Config{OnSession: before(func(s *engineio.Session) { inside <- s; <-leave })})
		dialled := make(chan *socket, 1)
		go func() { dialled <- r.dial(t, "EIO=4&transport=websocket") }()
		r.session, r.c = next(t, inside), next(t, dialled)
		parseOpen(t, r.c.text()) // or its end would be a reset, with that unread
		r.release = func() { close(leave) }
		return r
	},
	"polling": func(t *testing.T) *rig { return newRig(t, engineio.Config{}).polls() },
	"waiting": func(t *testing.T) *rig { return newRig(t, engineio.Config{}).polls().waits() },
	"probing": func(t *testing.T) *rig { return newRig(t, engineio.Config{}).polls().probes() },
	"websocket": func(t *testing.T) *rig {
		r := newRig(t, engineio.Config{})
		r.session, r.c = r.openSocket(t, "4")
		return r
	},
	"polling, paused": func(t *testing.T) *rig { return newRig(t, engineio.Config{}).polls().pauses() },
	"probing, paused": func(t *testing.T) *rig { return newRig(t, engineio.Config{}).polls().probes().pauses() },
	"websocket, paused": func(t *testing.T) *rig {
		r := newRig(t, engineio.Config{})
		r.session, r.c = r.openSocket(t, "4")
		return r.pauses()
	},
	"overflowed": func(t *testing.T) *rig { // and about to end, which is a task of the wheel
		r := newRig(t, engineio.Config{}).polls().probes()
		release := sync.OnceFunc(r.HoldWheel())
		t.Cleanup(release)
		r.overflow()
		r.release = func() {
			_ = r.session.Send(engineio.NewText([]byte("behind"))) // what was dropped
			release()
		}
		return r
	},
	"lingering": func(t *testing.T) *rig { // it has ended, and owes the answers to two polls
		r := newRig(t, engineio.Config{}).polls()
		send(t, r.session, "last")
		r.session.Close()
		return r.ended(engineio.ForcedClose)
	},
	"closing": func(t *testing.T) *rig { // the WebSocket's closing handshake has begun
		r := newRig(t, engineio.Config{})
		r.session, r.c = r.openSocket(t, "4")
		r.session.Close()
		return r.ended(engineio.ForcedClose)
	},
	"closed": func(t *testing.T) *rig {
		r := newRig(t, engineio.Config{}).polls()
		r.post(t, r.query, "1")
		r.get(t, r.query) // the last answer that it owes
		return r.ended(engineio.TransportClose)
	},
}

func newRig(t *testing.T, cfg engineio.Config) *rig {
	t.Helper()
	cfg.MaxQueuedBytes = 100_000
	return &rig{server: serve(t, cfg), t: t, release: func() {}}
}

func (r *rig) polls() *rig {
	r.t.Helper()
	r.session, r.query = r.open(r.t, "4")
	return r
}

func (r *rig) waits() *rig {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	answers := make(chan answer, 1)
	go func() {
		a, _ := r.try(ctx, "GET", r.query, "") // one that fails has status 0
		answers <- a
	}()
	until(r.t, "a waiting poll", r.session.Writable)
	r.waiting, r.stop = answers, cancel
	return r
}

func (r *rig) probes() *rig {
	r.t.Helper()
	r.probe = r.dial(r.t, r.socketQuery())
	r.probe.sendText("2probe")
	r.probe.expect("3probe")
	return r
}

func (r *rig) socketQuery() string {
	return "EIO=4&transport=websocket&sid=" + r.session.ID()
}

func (r *rig) pauses() *rig {
	r.session.Pause()
	r.paused = true
	return r
}

func (r *rig) ended(reason engineio.Reason) *rig {
	r.t.Helper()
	r.expectEnd(r.t, reason)
	r.gone = true
	return r
}

func (r *rig) overflow() {
	r.t.Helper()
	for n := 0; r.session.Send(engineio.NewText(make([]byte, 50_000))) == nil; n++ {
		if n > 10_000 {
			r.t.Fatal("no limit")
		}
	}
}

// send has the client send a packet, and tells what it is answered.
func (r *rig) send(packet string) (answered func() string) {
	r.t.Helper()
	if r.c != nil {
		_ = ws.WriteFrame(r.c, ws.MaskFrame(ws.NewTextFrame([]byte(packet)))) // a lost one shows otherwise
		return func() string { return "" }
	}
	posted := r.later(r.t, "POST", r.pollQuery(), packet)
	var got *answer
	until(r.t, "the data request", func() bool {
		select {
		case a := <-posted:
			got = &a
		default:
		}
		return got != nil || r.paused && r.session.Posting()
	})
	if got == nil {
		r.held = posted
		return func() string { return "held" }
	}
	return func() string { return got.words() }
}

// pollQuery is that of a request of the long-polling transport, whatever the session is
// on.
func (r *rig) pollQuery() string { return "EIO=4&transport=polling&sid=" + r.session.ID() }

// words are the message of a refusal, or else the body.
func (a answer) words() string {
	var refusal struct{ Message string }
	if a.status != 200 && json.Unmarshal([]byte(a.body), &refusal) == nil {
		return refusal.Message
	}
	return a.body
}

// read is what the client reads next, on either transport.
func (r *rig) read() string {
	r.t.Helper()
	if r.c == nil {
		if r.waiting != nil {
			a := next(r.t, r.waiting)
			r.waiting = nil
			return a.words()
		}
		return r.get(r.t, r.pollQuery()).words()
	}
	for {
		switch text := r.c.next(); {
		case strings.HasPrefix(text, "0{"): // the open packet
		default:
			return text
		}
	}
}

// next is the next text; "closed" for a close frame and the end of the stream.
func (c *socket) next() string {
	f, err := ws.ReadFrame(c.r)
	if err != nil || f.Header.OpCode == ws.OpClose {
		return "closed"
	}
	return string(f.Payload)
}

// dials opens a second WebSocket for the session, sends, and tells what it reads.
func (r *rig) dials(text string) string {
	r.t.Helper()
	answer, c := r.tries(r.t, r.socketQuery(), text)
	if answer == "3probe" {
		r.probe = c
	}
	return answer
}

// tries opens a WebSocket if it may, sends, and tells what it reads.
func (s *server) tries(t *testing.T, query, text string) (answer string, c *socket) {
	t.Helper()
	d := ws.Dialer{Timeout: patience}
	conn, buffered, _, err := d.Dial(t.Context(), "ws"+strings.TrimPrefix(s.http.URL, "http")+"/engine.io/?"+query)
	if err != nil {
		return "refused", nil
	}
	t.Cleanup(func() { _ = conn.Close() })
	if buffered == nil {
		buffered = bufio.NewReader(conn)
	}
	c = &socket{conn, t, buffered}
	_ = ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame([]byte(text))))
	return c.next(), c
}

// lives says that the session is open: what is sent either way arrives, once it is read.
func (r *rig) lives() {
	r.t.Helper()
	none(r.t, r.closes)
	if r.paused && !r.deaf {
		r.send("4held")
		r.reads(r.t)
		none(r.t, r.messages)
		r.resume()
		expect(r.t, r.messages, "held")
	}
	send(r.t, r.session, "out")
	for n := 0; !strings.Contains(r.read(), "4out"); n++ {
		if n > 10 {
			r.t.Fatal("what is sent does not arrive")
		}
	}
	if r.deaf {
		r.session.Resume() // a handler's, which is not the server's
		r.paused = true
		r.send("4in")
		r.reads(r.t)
		none(r.t, r.messages)
		return
	}
	r.send("4in")
	expect(r.t, r.messages, "in")
	none(r.t, r.closes)
}

// resume has a session that was paused read on, with what was held.
func (r *rig) resume() {
	r.t.Helper()
	if !r.paused {
		return
	}
	r.paused = false
	r.session.Resume()
	if r.held != nil {
		next(r.t, r.held)
		r.held = nil
	}
}

// over says that the session has ended, for one of those reasons unless that was told
// before, and is no more than that.
func (r *rig) over(reasons ...engineio.Reason) {
	r.t.Helper()
	if !r.gone {
		if got := next(r.t, r.closes); !slices.Contains(reasons, got.reason) {
			r.t.Fatalf("it has ended with %q (%v), want %q", got.reason, got.err, reasons)
		}
	}
	if err := r.session.Send(engineio.NewText(nil)); !errors.Is(err, engineio.ErrClosed) {
		r.t.Errorf("Send behind the end: %v", err)
	}
	until(r.t, "no session is open", func() bool { return r.Len() == 0 }) // of one being opened the handler may hear first
	if r.waiting != nil && strings.Contains(next(r.t, r.waiting).body, "behind") {
		r.t.Error("something was delivered behind the end")
	}
	for _, c := range []*socket{r.c, r.probe} {
		if c == nil {
			continue
		}
		_ = ws.WriteFrame(c, ws.MaskFrame(ws.NewTextFrame([]byte("4behind the end"))))
		_ = ws.WriteFrame(c, ws.MaskFrame(ws.NewCloseFrame(nil)))
		for text := c.next(); text != "closed"; text = c.next() {
			if text == "4behind" {
				r.t.Error("something was delivered behind the end")
			}
		}
		_, _ = io.Copy(io.Discard, c.r) // until the server has read it all
	}
	none(r.t, r.messages)
	none(r.t, r.closes)
}
