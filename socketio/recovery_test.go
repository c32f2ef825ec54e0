package socketio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/socketio"
)

// survivor is a client that loses its connection and comes back.
type survivor struct {
	*testClient
	h      *harness
	nsp    string
	id     connected
	offset string
	seen   []string // first arguments of the events it got
}

func (h *harness) survivor(nsp string) *survivor {
	h.t.Helper()
	v := &survivor{testClient: h.dial(4), h: h, nsp: nsp}
	v.id = v.connect(nsp, "")
	return v
}

// lose drops the connection, with what has arrived by now read.
func (v *survivor) lose() {
	v.drop()
	v.note()
}

// note reads what has arrived.
func (v *survivor) note() {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range v.arrived {
		if p.kind != '2' {
			continue
		}
		var args []any
		if err := json.Unmarshal([]byte(p.data), &args); err != nil || len(args) < 3 {
			v.t.Fatalf("event %s, %v", p, err)
		}
		v.seen = append(v.seen, fmt.Sprint(args[1]))
		v.offset = args[len(args)-1].(string)
	}
	v.arrived = nil
}

// claim is what the client sends to be recovered.
func (v *survivor) claim() string {
	if v.offset == "" {
		return fmt.Sprintf(`{"pid":%q}`, v.id.PID)
	}
	return fmt.Sprintf(`{"pid":%q,"offset":%q}`, v.id.PID, v.offset)
}

// back connects again and tells whether the server went on with the session.
func (v *survivor) back() bool {
	v.t.Helper()
	v.testClient = v.h.dial(4)
	before := v.id.SID
	v.id = v.connect(v.nsp, v.claim())
	return v.id.SID == before
}

// until reads events up to the one with that first argument.
func (v *survivor) until(last string) {
	v.t.Helper()
	v.await("event "+last, func() bool {
		return slices.ContainsFunc(v.arrived, func(p clientPacket) bool { return strings.HasPrefix(p.data, `["e","`+last+`"`) })
	})
	v.note()
}

func (v *survivor) got(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(v.seen, want) {
		t.Errorf("got %v, want %v", v.seen, want)
	}
	v.seen = nil
}

func emitter(t *testing.T) func(b socketio.BroadcastOperator, args ...any) {
	return func(b socketio.BroadcastOperator, args ...any) {
		t.Helper()
		if err := b.Emit("e", args...); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOffsetsOnlyWithPID(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	root := h.Of("/")
	emit := emitter(t)
	old := h.dial(3)
	old.packet('0', "/")
	v := h.survivor("/")
	if len(v.id.PID) != 40 {
		t.Fatalf("private id %q", v.id.PID)
	}
	emit(root.All(), "a")
	old.expect(`["e","a"]`)
	v.until("a")
	if v.offset == "" {
		t.Error("no offset")
	}
	emit(root.Volatile(), "b")
	v.expect(`["e","b"]`)
	go func() { _, _ = root.All().Timeout(patience).EmitWithAck(t.Context(), "ask", "c") }()
	if p := v.next(); p.data != `["ask","c"]` {
		t.Errorf("got %s", p)
	}

	plain := serve(t, socketio.Config{})
	c := plain.dial(4)
	if id := c.connect("/", `{"pid":"x"}`); id.PID != "" {
		t.Errorf("private id %q without recovery", id.PID)
	}
	emit(plain.Of("/").All(), "a")
	c.expect(`["e","a"]`)
}

func TestRecovery(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	root := h.Of("/")
	emit := emitter(t)
	admitted := make(chan bool, 10)
	root.Use(func(_ context.Context, s *socketio.Socket) error { admitted <- s.Recovered(); return nil })
	joined := sockets(root)
	v := h.survivor("/")
	s := receive(t, joined, "the socket")
	receive(t, admitted, "the middleware")
	s.SetData("data")
	s.Join("r")
	emit(root.All(), "before")
	v.until("before")
	v.lose()

	emit(root.To("r"), "1")
	emit(root.To("other"), "not for it")
	emit(root.All(), "2")
	emit(root.Except("r"), "not for it")
	emit(root.To(s.ID()), "3")
	emit(root.All().Volatile(), "volatile")
	if err := s.Emit("e", "4"); err != nil {
		t.Error(err)
	}
	if !v.back() {
		t.Fatal("not recovered")
	}
	v.until("4")
	v.got(t, "before", "1", "2", "3", "4")
	s2 := receive(t, joined, "the socket")
	rooms := s2.Rooms()
	if s2 == s || !s2.Recovered() || s2.ID() != s.ID() || s2.Data() != "data" || !slices.Equal(sorted(rooms), sorted([]string{s.ID(), "r"})) {
		t.Errorf("recovered %v, data %v, rooms %v", s2.Recovered(), s2.Data(), s2.Rooms())
	}
	if !receive(t, admitted, "the middleware, again") {
		t.Error("the middleware does not know")
	}
	emit(root.To("r"), "after")
	v.until("after")
	v.got(t, "after")
}

// A client that got nothing yet has no offset, and may lose its connection
// again before it has read what it missed.
func TestRecoveryWithoutOffset(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	root := h.Of("/")
	emit := emitter(t)
	emit(root.All(), "before its time")
	v := h.survivor("/")
	v.lose()
	emit(root.All(), "1")
	for range 3 {
		if !v.back() {
			t.Fatal("not recovered")
		}
		v.drop() // unread
	}
	emit(root.All(), "2")
	if !v.back() {
		t.Fatal("not recovered")
	}
	v.until("2")
	v.got(t, "1", "2")
}

// What is told anew on each connect takes no room from what is not, and does not come twice.
func TestTransientEventsToASocket(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{MaxPackets: 2}})
	h.Of("/").OnConnect(func(_ context.Context, s *socketio.Socket) {
		for range 3 {
			if err := s.Transient().Emit("hello"); err != nil {
				t.Error(err)
			}
		}
	})
	lost := h.survivor("/")
	lost.expect(`["hello"]`)
	lost.expect(`["hello"]`)
	lost.expect(`["hello"]`)
	if err := h.Of("/").Emit("e", "before"); err != nil {
		t.Fatal(err)
	}
	lost.until("before")
	lost.lose()
	if err := h.Of("/").Emit("e", "missed"); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		other := h.survivor("/")
		for range 3 {
			other.expect(`["hello"]`)
		}
		other.drop()
	}
	if !lost.back() {
		t.Fatal("not recovered")
	}
	if p := lost.event("e"); !strings.HasPrefix(p.data, `["e","missed"`) {
		t.Errorf("got %s", p)
	}
}

func TestNotRecovered(t *testing.T) {
	type setup struct {
		recovery socketio.Recovery
		engine   engineio.Config
		away     func(emit func(args ...any)) // what happens meanwhile
		claim    func(v *survivor)
	}
	tests := map[string]setup{
		"expired":                          {recovery: socketio.Recovery{MaxDisconnection: time.Nanosecond}},
		"packets gone":                     {recovery: socketio.Recovery{MaxPackets: 3}, away: times(4, "x")},
		"bytes gone":                       {recovery: socketio.Recovery{MaxBytes: 1000}, away: times(4, strings.Repeat("x", 300))},
		"more messages than can be queued": {engine: engineio.Config{MaxQueuedBytes: 2000}, away: times(14, "x")},
		"more bytes than can be queued":    {engine: engineio.Config{MaxQueuedBytes: 4000}, away: times(16, strings.Repeat("x", 300))},
		"forged id":                        {claim: func(v *survivor) { v.id.PID = v.id.PID[:39] + flip(v.id.PID[39]) }},
		"another's id":                     {claim: func(v *survivor) { v.id.PID = flip(v.id.PID[0]) + v.id.PID[1:] }},
		"short id":                         {claim: func(v *survivor) { v.id.PID = v.id.PID[:20] }},
		"bad offset":                       {claim: func(v *survivor) { v.offset = "?!" }},
		"future offset":                    {claim: func(v *survivor) { v.offset = "zzzz" }},
		"offset from before its time":      {claim: func(v *survivor) { v.offset = "1" }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := serve(t, socketio.Config{Recovery: &tt.recovery, Engine: tt.engine})
			root := h.Of("/")
			emit := func(args ...any) { t.Helper(); emitter(t)(root.All(), args...) }
			emit("history")
			emit("history")
			joined := sockets(root)
			v := h.survivor("/")
			receive(t, joined, "the socket").Join("r")
			emit("seen")
			v.until("seen")
			v.lose()
			if tt.away != nil {
				tt.away(emit)
			}
			if tt.claim != nil {
				tt.claim(v)
			}
			if v.back() {
				t.Error("recovered")
			}
			s := receive(t, joined, "the socket")
			if s.Recovered() || len(s.Rooms()) != 1 || s.Data() != nil {
				t.Errorf("recovered %v, rooms %v", s.Recovered(), s.Rooms())
			}
			v.seen = nil
			emit("new")
			v.until("new")
			v.got(t, "new")
		})
	}
}

func times(n int, text string) func(func(...any)) {
	return func(emit func(...any)) {
		for range n {
			emit(text)
		}
	}
}

// flip returns another character of base64.
func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func TestPIDOfAnotherNamespace(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	h.Of("/a")
	h.Of("/b")
	v := h.survivor("/a")
	v.lose()
	v.nsp = "/b"
	if v.back() {
		t.Error("recovered")
	}
}

// Rooms are recovered with what was sent to them since they were joined, not
// before.
func TestRecoveryOfALaterRoom(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	root := h.Of("/")
	emit := emitter(t)
	joined := sockets(root)
	v := h.survivor("/")
	s := receive(t, joined, "the socket")
	emit(root.All(), "seen")
	v.until("seen")
	emit(root.To("private"), "not for it")
	s.Join("private")
	v.lose()
	emit(root.To("private"), "1")
	for range 2 { // also when it is lost and recovered again
		if !v.back() {
			t.Fatal("not recovered")
		}
		v.drop()
	}
	emit(root.To("later"), "not for it")
	if err := root.To("private").SocketsJoin("later"); err != nil {
		t.Fatal(err)
	}
	emit(root.To("later"), "2")
	if !v.back() {
		t.Fatal("not recovered")
	}
	v.until("2")
	v.got(t, "seen", "1", "2")
}

func TestRefuseRecovery(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	root := h.Of("/")
	root.Use(func(_ context.Context, s *socketio.Socket) error {
		if s.Recovered() {
			s.RefuseRecovery()
		}
		return nil
	})
	joined := sockets(root)
	v := h.survivor("/")
	s := receive(t, joined, "the socket")
	s.Join("r")
	s.SetData("data")
	v.lose()
	emitter(t)(root.All(), "missed")
	if v.back() {
		t.Error("the same id")
	}
	s = receive(t, joined, "the socket")
	if s.Recovered() || s.Data() != nil || len(s.Rooms()) != 1 {
		t.Errorf("recovered %v, data %v, rooms %v", s.Recovered(), s.Data(), s.Rooms())
	}
	emitter(t)(root.All(), "new")
	v.until("new")
	v.got(t, "new")
}

func TestReasonsThatCannotBeRecovered(t *testing.T) {
	for name, leave := range map[string]func(*survivor, *socketio.Socket){
		"client disconnect": func(v *survivor, _ *socketio.Socket) { v.send("1") },
		"server disconnect": func(_ *survivor, s *socketio.Socket) { s.Disconnect(false) },
		"server closes":     func(_ *survivor, s *socketio.Socket) { s.Disconnect(true) },
		"parse error":       func(v *survivor, _ *socketio.Socket) { v.send("9") },
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
			joined := sockets(h.Of("/"))
			left := make(chan struct{}, 2)
			h.Of("/").OnDisconnect(func(*socketio.Socket, socketio.Reason) { left <- struct{}{} })
			v := h.survivor("/")
			leave(v, receive(t, joined, "the socket"))
			receive(t, left, "the disconnect")
			v.lose()
			if v.back() {
				t.Error("recovered")
			}
		})
	}
}
