package gateway_test

import (
	"context"
	"encoding/json"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/chat"
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
			n.hub.Notify([]string{"orders.7.ada"}, nil, map[string]string{"title": "x"})
			back := n.recover(ada, n.sign("ada", c.young))
			heard := slices.ContainsFunc(back.unread(), func(p packet) bool { return p.name == "notification" })
			if recovered := back.sid == ada.sid; recovered != c.recovered || heard != c.recovered {
				t.Errorf("recovered %v, heard %v, want %v", recovered, heard, c.recovered)
			}
		})
	}
}

func TestRecoveryNeedsAGoodToken(t *testing.T) {
	t.Parallel() // it waits
	n := serve(t)
	short := n.tokenFor("ada", 4*time.Second)
	watch := n.deviceWith(short)
	lost := n.deviceWith(short)
	n.lose(lost)
	watch.closed() // the token has expired
	const want = `{"message":"Authentication failed","data":{"code":"authentication_failed","message":"Authentication failed"}}`
	for _, token := range []string{short, "", "nonsense"} {
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

// stale holds up the answer to one of the next questions for a user's rooms, so
// that it is no longer true when it comes.
type stale struct {
	chat.Store
	countdown atomic.Int32 // which question it is
	asked     chan struct{}
	release   chan struct{}
}

func (s *stale) Memberships(ctx context.Context, user chat.UserID) ([]string, error) {
	rooms, err := s.Store.Memberships(ctx, user)
	if s.countdown.Add(-1) == 0 {
		close(s.asked)
		<-s.release
	}
	return rooms, err
}

// Whatever the server has found out about a user's rooms while a device signs in,
// the device is in those that it is told of meanwhile.
func TestRoomsThatChangeDuringSignIn(t *testing.T) {
	for question := range int32(2) {
		held := &stale{asked: make(chan struct{}), release: make(chan struct{})}
		n := serve(t, func(s *setup) {
			s.store = func(inner chat.Store) chat.Store {
				held.Store = inner
				return held
			}
		})
		ada, bob := n.device("ada"), n.device("bob")
		n.hall(ada, bob)
		ada.must("room:create", `{"id":"yard","name":"Yard"}`)
		bob.must("room:join", `{"roomId":"yard"}`)
		n.told()
		held.countdown.Store(question + 1)
		second := n.mustDial(4, nil, nil)
		second.send("0" + text(map[string]string{"token": n.token("bob")}))
		<-held.asked
		bob.must("room:create", `{"id":"attic","name":"Attic"}`)
		bob.must("room:leave", `{"roomId":"yard"}`)
		n.told()
		close(held.release)
		second.welcomed()
		ada.must("room:message", `{"roomId":"yard","content":"not for bob"}`)
		sent := bob.must("room:message", `{"roomId":"attic","content":"to all devices"}`)
		n.told()
		second.settle()
		var got []string
		for _, p := range second.unread() {
			var m message
			if p.name == "room:message" && json.Unmarshal(p.arg, &m) == nil {
				got = append(got, m.ID)
			}
		}
		if !slices.Equal(got, []string{sent.ID}) {
			t.Errorf("question %d: got messages %q, want %q", question, got, sent.ID)
		}
	}
}

// A connection that is lost before the server has put it into its rooms has
// missed what no recovery can tell.
func TestRecoveryOfWhatWasNeverSubscribed(t *testing.T) {
	held := &slow{asked: make(chan struct{}), release: make(chan struct{})}
	n := serve(t, func(s *setup) {
		s.store = func(inner chat.Store) chat.Store {
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
