package socketio_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

// A middleware finds the id that the client will have, and the rooms that it has
// the socket join are entered with the namespace: what is sent to them from then
// on arrives.
func TestMiddlewaresJoinRooms(t *testing.T) {
	for name, cfg := range map[string]socketio.Config{"plain": {}, "recovery": {Recovery: &socketio.Recovery{}}} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, cfg)
			root := h.Of("/")
			seen := make(chan []string, 2)
			root.Use(func(_ context.Context, s *socketio.Socket) error {
				s.Join("a", "b", "a", s.ID())
				s.Leave("b", "never joined")
				return s.Emit("early", s.ID())
			})
			root.Use(func(_ context.Context, s *socketio.Socket) error {
				if socketio.RoomNames(root) != nil {
					t.Errorf("rooms %v before the socket is let in", socketio.RoomNames(root))
				}
				seen <- append([]string{s.ID()}, s.Rooms()...)
				return nil
			})
			root.OnConnect(func(_ context.Context, s *socketio.Socket) {
				if err := root.To("a").Emit("in a", s.Rooms()); err != nil {
					t.Error(err)
				}
				if err := root.To("b").Emit("in b"); err != nil {
					t.Error(err)
				}
			})
			c := h.dial(4)
			sid := c.connect("/", "").SID
			if got := receive(t, seen, "the middleware"); !slices.Equal(got, []string{sid, sid, "a"}) {
				t.Errorf("a middleware saw id and rooms %q, the client has id %s", got, sid)
			}
			c.expect(`["early","` + sid + `"]`)
			if p := c.next(); p.data[:8] != `["in a",` {
				t.Errorf("got %s", p)
			}
			if err := root.Socket(sid).Emit("end"); err != nil {
				t.Fatal(err)
			}
			if p := c.next(); p.data[:6] != `["end"` {
				t.Errorf("got %s", p)
			}
		})
	}
}

// A socket that is refused is in no room.
func TestRefusedSocketsAreInNoRoom(t *testing.T) {
	h := serve(t, socketio.Config{})
	root := h.Of("/")
	refused := make(chan *socketio.Socket, 1)
	root.Use(func(_ context.Context, s *socketio.Socket) error {
		s.Join("a")
		refused <- s
		return errors.New("no")
	})
	c := h.dial(4)
	c.send("0")
	c.packet('4', "/")
	s := receive(t, refused, "the socket")
	s.Join("b")
	if rooms := s.Rooms(); len(rooms) != 0 || socketio.RoomNames(root) != nil {
		t.Errorf("in %v, there are %v", rooms, socketio.RoomNames(root))
	}
}

// A middleware may change the rooms of a socket that recovers.
func TestMiddlewaresOfARecovery(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	root := h.Of("/")
	ids := make(chan string, 2)
	root.Use(func(_ context.Context, s *socketio.Socket) error {
		ids <- s.ID()
		if s.Recovered() {
			if rooms := s.Rooms(); !slices.Equal(rooms, []string{s.ID(), "kept", "left"}) {
				t.Errorf("rooms %v", rooms)
			}
			s.Leave("left")
			s.Join("kept", "new")
		}
		return nil
	})
	joined := sockets(root)
	v := h.survivor("/")
	s := receive(t, joined, "the socket")
	s.Join("kept", "left")
	v.lose()
	emitter(t)(root.To("kept"), "missed")
	if !v.back() {
		t.Fatal("not recovered")
	}
	s2 := receive(t, joined, "the socket")
	if first, second := <-ids, <-ids; first != s.ID() || second != s.ID() {
		t.Errorf("middlewares saw ids %s and %s of %s", first, second, s.ID())
	}
	if rooms := s2.Rooms(); !slices.Equal(rooms, []string{s.ID(), "kept", "new"}) {
		t.Errorf("rooms %v", rooms)
	}
	emitter(t)(root.To("left"), "not for it")
	emitter(t)(root.To("new"), "for it")
	v.until("for it")
	v.got(t, "missed", "for it")
}

// After RefuseRecovery the id is a new one at once, and rooms are those that are
// joined then.
func TestMiddlewaresAfterRefuseRecovery(t *testing.T) {
	h := serve(t, socketio.Config{Recovery: &socketio.Recovery{}})
	root := h.Of("/")
	ids := make(chan [2]string, 1)
	root.Use(func(_ context.Context, s *socketio.Socket) error {
		before := s.ID()
		if s.Recovered() {
			s.RefuseRecovery()
			s.Join("new")
			ids <- [2]string{before, s.ID()}
			return s.Emit("early")
		}
		return nil
	})
	joined := sockets(root)
	v := h.survivor("/")
	s := receive(t, joined, "the socket")
	s.Join("old")
	v.lose()
	if v.back() {
		t.Error("the same id")
	}
	s2 := receive(t, joined, "the socket")
	if got := receive(t, ids, "the ids"); got != [2]string{s.ID(), s2.ID()} || got[0] == got[1] {
		t.Errorf("ids %v", got)
	}
	if rooms := s2.Rooms(); !slices.Equal(rooms, []string{s2.ID(), "new"}) {
		t.Errorf("rooms %v", rooms)
	}
}
