package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/gateway"
)

// lose breaks a connection and waits until the server knows.
func (n *node) lose(d *device) {
	n.t.Helper()
	before := n.count("websocket_connections_total", "status", "disconnected")
	d.drop()
	eventually(n.t, "the loss to be seen", func() bool {
		return n.count("websocket_connections_total", "status", "disconnected") > before
	})
}

func TestRecoveredDevicesGetWhatTheyMissed(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	n.hall(ada, bob)
	n.lose(bob)
	room := ada.must("room:message", `{"roomId":"hall","content":"one"}`)
	direct := ada.must("message:send", `{"recipientId":"bob","content":"two"}`)
	n.told()
	back := n.recover(bob, n.token("bob"))
	if back.sid != bob.sid {
		t.Fatal("not recovered")
	}
	if m := back.message("room:message"); m.ID != room.ID {
		t.Errorf("got %+v", m)
	}
	if m := back.message("message:received"); m.ID != direct.ID {
		t.Errorf("got %+v", m)
	}
	back.quiet(n, "unread messages are not shown twice")
	after := ada.must("room:message", `{"roomId":"hall","content":"three"}`)
	if m := back.message("room:message"); m.ID != after.ID {
		t.Errorf("got %+v", m)
	}
	// It counts once, and its actions are its own.
	back.must("room:message", `{"roomId":"hall","content":"four"}`)
	if got := n.gateway.Connections(); got != 3 {
		t.Errorf("%d connections", got)
	}
}

func TestRecoveryByAnotherUserStartsAfresh(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	n.hall(ada, bob)
	n.lose(bob)
	ada.must("message:send", `{"recipientId":"bob","content":"for bob alone"}`)
	ada.must("room:message", `{"roomId":"hall","content":"for members alone"}`)
	n.told()
	eve := n.recover(bob, n.token("eve"))
	if eve.sid == bob.sid {
		t.Error("eve has bob's id")
	}
	ada.must("room:message", `{"roomId":"hall","content":"and this"}`)
	ada.must("message:send", `{"recipientId":"bob","content":"and that"}`)
	eve.quiet(n, "another user")
	eve.mustFail("room:message", `{"roomId":"hall","content":"x"}`, "not_in_room", "Not in room")
}

// What a device has missed of its topics is for who may hear them now.
func TestRecoveryWithOtherTopics(t *testing.T) {
	for _, c := range []struct {
		name       string
		old, young jwt.MapClaims
		recovered  bool
	}{
		{"fewer", nil, jwt.MapClaims{"topics": []string{"news"}}, false},
		{"none", jwt.MapClaims{"topics": []string{"orders.*.ada"}}, jwt.MapClaims{"topics": []string{}}, false},
		{"others", jwt.MapClaims{"topics": []string{"orders.*.ada"}}, jwt.MapClaims{"topics": []string{"orders.9.*"}}, false},
		{"the same", jwt.MapClaims{"topics": []string{"orders.*.ada"}}, jwt.MapClaims{"topics": []string{"orders.*.ada"}}, true},
		{"more", jwt.MapClaims{"topics": []string{"orders.*.ada"}}, jwt.MapClaims{"topics": []string{"news", "orders.*"}}, true},
		{"all", jwt.MapClaims{"topics": []string{"orders.*.ada"}}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := serve(t)
			ada := n.deviceWith(n.sign("ada", c.old))
			ada.must("notification:subscribe", `{"topics":["orders.7.ada"]}`)
			n.lose(ada)
			n.notify([]string{"orders.7.ada"}, nil, map[string]string{"title": "x"})
			back := n.recover(ada, n.sign("ada", c.young))
			heard := slices.ContainsFunc(back.unread(), func(p packet) bool { return p.name == "notification" })
			if recovered := back.sid == ada.sid; recovered != c.recovered || heard != c.recovered {
				t.Errorf("recovered %v, heard %v, want %v", recovered, heard, c.recovered)
			}
		})
	}
}

func TestRecoveryNeedsAGoodToken(t *testing.T) {
	n := serve(t)
	expired := n.sign("ada", jwt.MapClaims{"iat": time.Now().Add(-2 * time.Hour).Unix(), "exp": time.Now().Add(-time.Hour).Unix()})
	lost := n.device("ada")
	n.lose(lost)
	const want = `{"message":"Authentication failed","data":{"code":"authentication_failed","message":"Authentication failed"}}`
	for _, token := range []string{expired, "", "nonsense"} {
		d := n.mustDial(4, nil, nil)
		if got := d.refused(text(map[string]string{"token": token, "pid": lost.pid, "offset": lost.offset})); got != want {
			t.Errorf("got %s", got)
		}
	}
	// The refusals have cost it nothing.
	if back := n.recover(lost, n.token("ada")); back.sid != lost.sid {
		t.Error("not recovered")
	}
}

func TestMembershipThatEndedMeanwhile(t *testing.T) {
	n := serve(t)
	ada, bob, bobs := n.device("ada"), n.device("bob"), n.device("bob")
	n.hall(ada, bob)
	bobs.message("room:user_joined")
	n.lose(bob)
	bobs.must("room:leave", `{"roomId":"hall"}`)
	ada.must("room:message", `{"roomId":"hall","content":"secret"}`)
	n.told()
	back := n.recover(bob, n.token("bob"))
	if back.sid != bob.sid {
		t.Fatal("not recovered")
	}
	ada.must("room:message", `{"roomId":"hall","content":"secret too"}`)
	n.told()
	back.settle()
	for _, p := range back.unread() {
		if p.name == "room:message" {
			t.Errorf("got %s", p)
		}
	}
}

func TestMembershipThatBeganMeanwhile(t *testing.T) {
	n := serve(t)
	ada, bob, bobs := n.device("ada"), n.device("bob"), n.device("bob")
	n.hall(ada)
	n.lose(bob)
	bobs.must("room:join", `{"roomId":"hall"}`)
	ada.must("room:message", `{"roomId":"hall","content":"welcome"}`)
	n.told()
	back := n.recover(bob, n.token("bob"))
	if m := back.message("room:user_joined"); m.UserID != "bob" || m.Seq != 2 {
		t.Errorf("got %+v", m)
	}
	if m := back.message("room:message"); m.Content != "welcome" || m.Seq != 3 {
		t.Errorf("got %+v", m)
	}
}

// slow holds up the next question for a user's rooms, once armed.
type slow struct {
	chat.Store
	armed   atomic.Bool
	asked   chan struct{}
	release chan struct{}
}

func (s *slow) Memberships(ctx context.Context, user chat.UserID) ([]string, error) {
	if s.armed.CompareAndSwap(true, false) {
		close(s.asked)
		<-s.release
	}
	return s.Store.Memberships(ctx, user)
}

func (s *slow) MembershipsAmong(ctx context.Context, user chat.UserID, rooms []string) ([]chat.Stay, error) {
	if s.armed.CompareAndSwap(true, false) {
		close(s.asked)
		<-s.release
	}
	return s.Store.MembershipsAmong(ctx, user, rooms)
}

// stale holds up the answers to the next questions for a user's rooms, so that they are
// no longer true when they come.
type stale struct {
	chat.Store
	countdown atomic.Int32 // how many
	asked     chan struct{}
	release   chan struct{}
}

func (s *stale) Memberships(ctx context.Context, user chat.UserID) ([]string, error) {
	rooms, err := s.Store.Memberships(ctx, user)
	s.hold()
	return rooms, err
}

func (s *stale) MembershipsAmong(ctx context.Context, user chat.UserID, rooms []string) ([]chat.Stay, error) {
	among, err := s.Store.MembershipsAmong(ctx, user, rooms)
	s.hold()
	return among, err
}

func (s *stale) hold() {
	if s.countdown.Add(-1) >= 0 {
		s.asked <- struct{}{}
		<-s.release
	}
}

// Whatever the server has found out about a user's rooms while a device signs in,
// the device is in those that it is told of meanwhile. It asks again when the user has
// left a room meanwhile.
func TestRoomsThatChangeDuringSignIn(t *testing.T) {
	for _, questions := range []int{1, 2} {
		held := &stale{asked: make(chan struct{}), release: make(chan struct{})}
		n := serve(t, func(s *setup) {
			s.Chats = func(inner chat.Store) chat.Store {
				held.Store = inner
				return held
			}
		})
		ada, bob := n.device("ada"), n.device("bob")
		n.hall(ada, bob)
		for _, yard := range []string{"yard-1", "yard-2"} {
			ada.must("room:create", `{"id":"`+yard+`","name":"Yard"}`)
			bob.must("room:join", `{"roomId":"`+yard+`"}`)
		}
		n.told()
		held.countdown.Store(int32(questions))
		second := n.mustDial(4, nil, nil)
		second.send("0" + text(map[string]string{"token": n.token("bob")}))
		for question := range questions {
			<-held.asked
			id := fmt.Sprint(question + 1)
			bob.must("room:create", `{"id":"attic-`+id+`","name":"Attic"}`)
			bob.must("room:leave", `{"roomId":"yard-`+id+`"}`)
			n.told()
			held.release <- struct{}{}
		}
		second.welcomed()
		var want []string
		for question := range questions {
			id := fmt.Sprint(question + 1)
			ada.must("room:message", `{"roomId":"yard-`+id+`","content":"not for bob"}`)
			want = append(want, bob.must("room:message", `{"roomId":"attic-`+id+`","content":"to all devices"}`).ID)
		}
		n.told()
		second.settle()
		var got []string
		for _, p := range second.unread() {
			var m message
			if p.name == "room:message" && json.Unmarshal(p.arg, &m) == nil {
				got = append(got, m.ID)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("after %d questions: got messages %q, want %q", questions, got, want)
		}
	}
}

// A connection that is lost before the server has put it into its rooms has
// missed what no recovery can tell.
func TestRecoveryOfWhatWasNeverSubscribed(t *testing.T) {
	held := &slow{asked: make(chan struct{}), release: make(chan struct{})}
	n := serve(t, func(s *setup) {
		s.Chats = func(inner chat.Store) chat.Store {
			held.Store = inner
			return held
		}
	})
	ada, bob := n.device("ada"), n.device("bob")
	n.hall(ada, bob)
	n.told()
	held.armed.Store(true)
	early := n.mustDial(4, nil, nil)
	early.send("0" + text(map[string]string{"token": n.token("bob")}))
	p := early.find("the connect packet", func(p *packet) bool { return p.kind == '0' })
	var answer struct{ PID string }
	if err := json.Unmarshal(p.data, &answer); err != nil {
		t.Fatal(err)
	}
	early.pid = answer.PID
	<-held.asked
	open, ended := n.sockets.Connections(), n.count("websocket_connections_total", "status", "disconnected")
	early.drop()
	eventually(t, "the loss to be seen", func() bool { return n.sockets.Connections() < open })
	close(held.release)
	eventually(t, "its handlers to return", func() bool {
		return n.count("websocket_connections_total", "status", "disconnected") > ended
	})
	missed := ada.must("room:message", `{"roomId":"hall","content":"missed"}`)
	n.told()

	back := n.recover(early, n.token("bob"))
	var unread []message
	back.event("messages:unread", &unread)
	if len(unread) != 1 || unread[0].ID != missed.ID {
		t.Errorf("unread %+v", unread)
	}
}

// Who may come back costs a session, not a connection.
func TestLostConnectionsAreLetGo(t *testing.T) {
	n := serve(t)
	ada := n.device("ada")
	ada.settle()
	lost := weak.Make(n.sockets.Of("/").Socket(ada.sid))
	n.lose(ada)
	eventually(t, "the lost socket to be let go", func() bool {
		runtime.GC()
		return lost.Value() == nil
	})
	if back := n.recover(ada, n.token("ada")); back.sid != ada.sid {
		t.Error("not recovered")
	}
}

// What everybody is told on each connect pushes nothing out of the log that others come back for.
func TestConnectsTakeNoRoomInTheLog(t *testing.T) {
	n := serve(t, func(s *setup) { s.Sockets.Recovery.MaxPackets = 8 })
	ada, bob := n.device("ada"), n.device("bob")
	n.hall(ada, bob)
	ada.must("message:send", `{"recipientId":"cyd","content":"unread"}`)
	ada.must("room:message", `{"roomId":"hall","content":"seen"}`)
	bob.message("room:message") // from here on he misses
	n.lose(bob)
	sent := ada.must("room:message", `{"roomId":"hall","content":"missed"}`)
	n.told()
	for range 20 {
		cyd := n.device("cyd")
		cyd.find("the heads", func(p *packet) bool { return p.name == "conversation:heads" })
		cyd.find("what is unread", func(p *packet) bool { return p.name == "messages:unread" })
		cyd.drop()
	}
	back := n.recover(bob, n.token("bob"))
	if back.sid != bob.sid {
		t.Fatal("not recovered")
	}
	if m := back.message("room:message"); m.ID != sent.ID {
		t.Errorf("got %+v", m)
	}
}

// Unread messages that may have been lost with the connection are shown again on the next one; those that have arrived
// are not.
func TestUnreadThatMayBeLost(t *testing.T) {
	var ahead atomic.Int64
	const heartbeat = time.Minute
	n := serve(t, limits(gateway.Config{Heartbeat: heartbeat}), func(s *setup) {
		s.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	ada := n.device("ada")
	sent := ada.must("message:send", `{"recipientId":"bob","content":"unread"}`)
	n.told()
	bob := n.device("bob")
	for i, c := range []struct {
		lasts time.Duration
		again bool
	}{{time.Second, true}, {2*heartbeat - 2*time.Second, true}, {2*heartbeat + 2*time.Second, false}, {time.Second, false}} {
		ahead.Add(int64(c.lasts))
		n.lose(bob)
		back := n.recover(bob, n.token("bob"))
		if back.sid != bob.sid {
			t.Fatal("not recovered")
		}
		back.settle()
		shown := slices.ContainsFunc(back.unread(), func(p packet) bool {
			return p.name == "messages:unread" && bytes.Contains(p.arg, []byte(sent.ID))
		})
		if shown != c.again {
			t.Errorf("time %d, after %s: shown %v", i, c.lasts, shown)
		}
		bob = back
	}
}
