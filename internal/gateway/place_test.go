package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/presence"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

func actorOf(user chat.UserID) chat.Actor { return chat.Actor{ID: user, Name: nameOf(string(user))} }

// coldHall serves a database with a room of ada's, bob's and cyd's in which a message was
// said before the node started: all is cold. It returns the message.
func coldHall(t *testing.T, options ...apptest.Option) (*node, chat.Message) {
	t.Helper()
	folder := t.TempDir()
	store, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(folder), func([]chat.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := chat.New(chat.DefaultConfig(), chat.Deps{Store: store, Now: time.Now, NewID: chat.NewID})
	if err != nil {
		t.Fatal(err)
	}
	_, err = rules.CreateRoom(t.Context(), actorOf("ada"), chat.CreateRoom{ID: "hall", Name: "Hall"})
	for _, user := range []chat.UserID{"bob", "cyd"} {
		if err == nil {
			_, err = rules.JoinRoom(t.Context(), actorOf(user), "hall")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	old, err := rules.SendToRoom(t.Context(), actorOf("ada"), chat.SendToRoom{RoomID: "hall", Content: "old"})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return serveFrom(t, folder, options...), old
}

// say has ada say something in the hall.
func (n *node) say(content string) {
	n.t.Helper()
	if _, err := n.chat.SendToRoom(n.t.Context(), actorOf("ada"), chat.SendToRoom{RoomID: "hall", Content: content}); err != nil {
		n.t.Fatal(err)
	}
}

// heard are the events of a name that a device has got of all that was done before.
func (d *device) heard(n *node, name string) (got []message) {
	d.t.Helper()
	n.told()
	d.settle()
	for _, p := range d.unread() {
		var m message
		if p.name == name && json.Unmarshal(p.arg, &m) == nil {
			got = append(got, m)
		}
	}
	return got
}

// heard is how often a plain WebSocket got an event since it was asked last.
func (p *plain) heard(n *node, name string) (times int) {
	p.t.Helper()
	n.told()
	p.send(`{"type":"ping","ref":"heard"}`)
	for f := range p.frames {
		if f["type"] == "pong" {
			return times
		}
		if f["type"] == name {
			times++
		}
	}
	p.t.Fatal("the connection ended")
	return 0
}

// What happens in a room in which nothing has happened since the node started reaches all
// members who are here, on both protocols, once, and nobody else.
func TestEventsInColdRooms(t *testing.T) {
	hall := chat.ConversationRef{RoomID: "hall"}
	name := "New"
	for event, happens := range map[string]func(*node, *chat.Message) error{
		"room:message": func(n *node, _ *chat.Message) error {
			_, err := n.chat.SendToRoom(n.t.Context(), actorOf("ada"), chat.SendToRoom{RoomID: "hall", Content: "new"})
			return err
		},
		"message:edited": func(n *node, old *chat.Message) error {
			_, err := n.chat.EditMessage(n.t.Context(), actorOf("ada"), old.ID, "edited")
			return err
		},
		"message:deleted": func(n *node, old *chat.Message) error {
			_, err := n.chat.DeleteMessage(n.t.Context(), actorOf("ada"), old.ID)
			return err
		},
		"message:pinned": func(n *node, old *chat.Message) error {
			_, err := n.chat.PinMessage(n.t.Context(), actorOf("ada"), old.ID, true)
			return err
		},
		"reaction:added": func(n *node, old *chat.Message) error {
			return n.chat.React(n.t.Context(), actorOf("bob"), old.ID, "👍", true)
		},
		"room:user_joined": func(n *node, _ *chat.Message) error {
			_, err := n.chat.JoinRoom(n.t.Context(), actorOf("eve"), "hall")
			return err
		},
		"room:members_added": func(n *node, _ *chat.Message) error {
			_, err := n.chat.AddMembers(n.t.Context(), actorOf("ada"), "hall", []chat.UserID{"eve"})
			return err
		},
		"room:user_left": func(n *node, _ *chat.Message) error {
			_, err := n.chat.LeaveRoom(n.t.Context(), actorOf("bob"), "hall")
			return err
		},
		"room:user_left by a kick":      func(n *node, _ *chat.Message) error { return n.chat.Kick(n.t.Context(), actorOf("ada"), "hall", "cyd") },
		"room:user_left by a ban":       func(n *node, _ *chat.Message) error { return n.chat.Ban(n.t.Context(), actorOf("ada"), "hall", "cyd") },
		"room:user_banned for a reason": func(n *node, _ *chat.Message) error { return n.chat.Ban(n.t.Context(), actorOf("ada"), "hall", "eve") },
		"room:role": func(n *node, _ *chat.Message) error {
			return n.chat.Promote(n.t.Context(), actorOf("ada"), "hall", "bob")
		},
		"room:updated": func(n *node, _ *chat.Message) error {
			_, err := n.chat.UpdateRoom(n.t.Context(), actorOf("ada"), chat.UpdateRoom{RoomID: "hall", Name: &name})
			return err
		},
		"room:deleted": func(n *node, _ *chat.Message) error { return n.chat.DeleteRoom(n.t.Context(), actorOf("ada"), "hall") },
		"typing:start": func(n *node, _ *chat.Message) error {
			return n.typing.Start(n.t.Context(), account.Person{ID: "eve", Name: "Eve"}, presence.Place{RoomID: "hall"})
		},
		"conversation:head": func(n *node, old *chat.Message) error {
			n.feed.Publish(feed.Facts{Heads: []chat.Head{{ConversationID: old.ConversationID, Seq: old.Seq, Audience: chat.Audience{RoomID: hall.RoomID}}}})
			return nil
		},
	} {
		t.Run(event, func(t *testing.T) {
			t.Parallel()
			n, old := coldHall(t)
			n.known("eve")
			kind, _, _ := strings.Cut(event, " ")
			ada, bob, dan := n.device("ada"), n.device("bob"), n.device("dan")
			cyd := n.plain(n.token("cyd"), "sockeye.v1")
			cyd.next("connection")
			cyd.heard(n, kind)
			if got := n.hub.OnlyWarm([]string{"hall"}); len(got) != 0 {
				t.Fatal("the room is warm before anything has happened")
			}
			if err := happens(n, &old); err != nil {
				t.Fatal(err)
			}
			for user, times := range map[string]int{
				"ada": len(ada.heard(n, kind)), "bob": len(bob.heard(n, kind)), "cyd": cyd.heard(n, kind),
			} {
				if times != 1 {
					t.Errorf("%s got it %d times", user, times)
				}
			}
			if got := dan.heard(n, kind); len(got) != 0 {
				t.Errorf("dan, who is no member, got %+v", got)
			}
		})
	}
}

// Who has left a cold room, of whatever's doing, hears nothing more of it.
func TestColdRoomsAreLeft(t *testing.T) {
	n, _ := coldHall(t)
	bob := n.device("bob")
	cyd := n.plain(n.token("cyd"), "sockeye.v1")
	cyd.next("connection")
	if err := n.chat.Kick(t.Context(), actorOf("ada"), "hall", "cyd"); err != nil {
		t.Fatal(err)
	}
	if _, err := n.chat.LeaveRoom(t.Context(), actorOf("bob"), "hall"); err != nil {
		t.Fatal(err)
	}
	n.say("not for them")
	if got := bob.heard(n, "room:message"); len(got) != 0 {
		t.Errorf("bob got %+v", got)
	}
	if got := cyd.heard(n, "room:message"); got != 0 {
		t.Error("cyd got a message")
	}
}

// heldMembers holds up the hub before it reads who is in a room, once it is closed.
type heldMembers struct {
	hub.Members
	gate barrier
}

func (h *heldMembers) MembersBy(ctx context.Context, room chat.ConversationRef, seq int64) ([]chat.UserID, int64, error) {
	h.gate.pass()
	return h.Members.MembersBy(ctx, room, seq)
}

func held(t *testing.T) (*node, *heldMembers) {
	h := new(heldMembers)
	n, _ := coldHall(t, func(s *setup) {
		s.Members = func(inner hub.Members) hub.Members {
			h.Members = inner
			return h
		}
	})
	t.Cleanup(h.gate.release)
	return n, h
}

// contentsOf are what messages say.
func contentsOf(messages []message) (contents []string) {
	for _, m := range messages {
		contents = append(contents, m.Content)
	}
	return contents
}

// Whatever happens to a user's devices and memberships while a room becomes warm, each
// device gets each message that was said after the user came, once.
func TestWhileRoomsBecomeWarm(t *testing.T) {
	for name, c := range map[string]struct {
		user  string
		happy []string
		while func(*node) *device
	}{
		"a member signs in":   {"bob", []string{"first", "second"}, func(n *node) *device { return n.device("bob") }},
		"a stranger signs in": {"dan", nil, func(n *node) *device { return n.device("dan") }},
		"a user joins": {"dan", []string{"second"}, func(n *node) *device {
			d := n.device("dan")
			_, err := n.chat.JoinRoom(n.t.Context(), actorOf("dan"), "hall")
			if err != nil {
				n.t.Fatal(err)
			}
			return d
		}},
		"a user joins and signs in": {"dan", []string{"second"}, func(n *node) *device {
			if _, err := n.chat.JoinRoom(n.t.Context(), actorOf("dan"), "hall"); err != nil {
				n.t.Fatal(err)
			}
			return nil
		}},
		"a member is kicked": {"bob", nil, func(n *node) *device {
			d := n.device("bob")
			if err := n.chat.Kick(n.t.Context(), actorOf("ada"), "hall", "bob"); err != nil {
				n.t.Fatal(err)
			}
			return d
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, h := held(t)
			ada := n.device("ada")
			h.gate.close()
			n.say("first")
			<-h.gate.reached
			d := c.while(n)
			h.gate.release()
			n.told()
			if d == nil {
				d = n.device(c.user)
			}
			n.say("second")
			got := contentsOf(d.heard(n, "room:message"))
			if strings.Contains(name, "kicked") { // was a member, and is none: nobody can tell which comes first
				got = slices.DeleteFunc(got, func(content string) bool { return content == "first" })
			}
			if !slices.Equal(got, c.happy) {
				t.Errorf("got %q, want %q", got, c.happy)
			}
			if got := contentsOf(ada.heard(n, "room:message")); !slices.Equal(got, []string{"first", "second"}) {
				t.Errorf("ada got %q", got)
			}
		})
	}
}

// A room that becomes warm while a device that signs in has asked which rooms are.
func TestRoomsThatBecomeWarmDuringSignIn(t *testing.T) {
	stalled := &stale{asked: make(chan struct{}), release: make(chan struct{})}
	n, _ := coldHall(t, func(s *setup) {
		s.Chats = func(inner chat.Store) chat.Store {
			stalled.Store = inner
			return stalled
		}
	})
	if _, err := n.chat.CreateRoom(t.Context(), actorOf("bob"), chat.CreateRoom{ID: "den", Name: "Den"}); err != nil {
		t.Fatal(err) // without a warm room nothing is asked
	}
	n.told()
	stalled.countdown.Store(1)
	bob := n.mustDial(4, nil, nil)
	bob.send("0" + text(map[string]string{"token": n.token("bob")}))
	<-stalled.asked
	n.say("first")
	n.told()
	stalled.release <- struct{}{}
	bob.welcomed()
	n.say("second")
	if got := contentsOf(bob.heard(n, "room:message")); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("got %q", got)
	}
}

// A client that was away as a room became warm recovers what was said.
func TestRecoveryFromColdRooms(t *testing.T) {
	n, _ := coldHall(t)
	bob := n.device("bob")
	bob.must("message:send", `{"recipientId":"ada","content":"so that there is an offset"}`)
	n.lose(bob)
	n.say("missed")
	n.told()
	back := n.recover(bob, n.token("bob"))
	if back.sid != bob.sid {
		t.Fatal("not recovered")
	}
	n.say("live")
	if got := contentsOf(back.heard(n, "room:message")); !slices.Equal(got, []string{"missed", "live"}) {
		t.Errorf("got %q", got)
	}
}

// With many warm rooms on the server a device joins its user's, and keeps what it recovers.
func TestSignInWithManyWarmRooms(t *testing.T) {
	n, _ := coldHall(t, func(s *setup) { s.Rules.Quota = chat.Quota{} })
	n.inRooms("ada", 501)
	n.say("warm")
	for _, user := range []chat.UserID{"bob", "cyd"} {
		if _, err := n.chat.JoinRoom(t.Context(), actorOf(user), n.roomOf("ada")); err != nil {
			t.Fatal(err)
		}
	}
	n.told()
	if _, ok := n.hub.Warm(500); ok {
		t.Fatal("few rooms are warm")
	}
	bob, dan := n.device("bob"), n.device("dan")
	n.say("one")
	if got := contentsOf(bob.heard(n, "room:message")); !slices.Equal(got, []string{"one"}) {
		t.Errorf("got %q", got)
	}
	n.lose(bob)
	n.say("two")
	back := n.recover(bob, n.token("bob"))
	n.say("three")
	if got := contentsOf(back.heard(n, "room:message")); !slices.Equal(got, []string{"two", "three"}) {
		t.Errorf("got %q", got)
	}
	if got := dan.heard(n, "room:message"); len(got) != 0 {
		t.Errorf("dan got %+v", got)
	}
}

// roomOf is a room of a user's that is not the hall.
func (n *node) roomOf(user chat.UserID) string {
	n.t.Helper()
	rooms, err := n.chat.Memberships(n.t.Context(), user)
	if err != nil {
		n.t.Fatal(err)
	}
	return rooms[slices.IndexFunc(rooms, func(id string) bool { return id != "hall" })]
}

// Administrators see who is in a cold room, and of which rooms a connection is.
func TestOverviewOfColdRooms(t *testing.T) {
	w := openOverviewOn(t, func(options ...apptest.Option) *node { n, _ := coldHall(t, options...); return n })
	w.from("203.0.113.7", "ada").must("notification:subscribe", `{"topics":["news"]}`)
	w.plainly("bob")
	w.from("203.0.113.7", "dan")
	for range 2 {
		if got := w.Online([]string{"hall"})[0]; got != (monitor.Presence{Users: 2, Connections: 2}) {
			t.Errorf("in the room: %+v", got)
		}
		_, page := w.page(monitor.ConnectionQuery{Order: monitor.ByUser})
		for i, want := range []string{"hall notification:news", "hall", ""} {
			if got := page.Connections[i]; strings.Join(got.Rooms, " ") != want || got.RoomCount != len(strings.Fields(want)) {
				t.Errorf("rooms of %s: %q, %d", got.UserID, got.Rooms, got.RoomCount)
			}
		}
		w.say("warm")
		w.told()
	}
	if err := w.chat.DeleteRoom(t.Context(), actorOf("ada"), "hall"); err != nil {
		t.Fatal(err)
	}
	w.told()
	if got := w.Online([]string{"hall"})[0]; got != (monitor.Presence{}) {
		t.Errorf("in no room: %+v", got)
	}
}

// Devices come and go, users join and leave, and rooms cool and become warm, all at once.
// A device that stays gets all that is said, once and in order; and in the end everybody is
// where they belong.
func TestRoomsUnderWay(t *testing.T) {
	const rooms, rounds = 4, 60
	n := serve(t, func(s *setup) {
		s.Hub.Idle, s.Rules.Quota, s.Sockets.Recovery.MaxPackets = 10*time.Millisecond, chat.Quota{}, 100_000
	})
	ada := n.device("ada")
	stays := n.plain(n.token("ada"), "sockeye.v1")
	stays.next("connection")
	room := func(i int) string { return fmt.Sprint("room-", i%rooms) }
	for i := range rooms {
		ada.must("room:create", `{"id":"`+room(i)+`","name":"Room"}`)
	}
	ctx := t.Context()
	var busy sync.WaitGroup
	for i, user := range []chat.UserID{"bob", "cyd", "dan"} {
		busy.Go(func() { // memberships
			for round := range rounds {
				id := room(i + round)
				_, _ = n.chat.JoinRoom(ctx, actorOf(user), id)
				_, _ = n.chat.SendToRoom(ctx, actorOf(user), chat.SendToRoom{RoomID: id, Content: "hi"})
				switch round % 3 {
				case 0:
					_ = n.chat.Kick(ctx, actorOf("ada"), id, user)
				case 1:
					_, _ = n.chat.LeaveRoom(ctx, actorOf(user), id)
				}
				_ = n.typing.Start(ctx, account.Person{ID: user}, presence.Place{RoomID: id})
			}
		})
		busy.Go(func() { // devices
			for round := range rounds / 4 {
				d, err := n.dial(4, nil, nil)
				if err != nil {
					t.Error(err)
					return
				}
				d.connect(map[string]string{"token": n.token(string(user))})
				if round%2 == 0 {
					d.drop()
					<-d.done
				} else {
					defer d.drop()
				}
			}
		})
	}
	busy.Wait()
	last := map[string]int64{}
	for _, m := range ada.heard(n, "room:message") {
		if m.Seq <= last[m.ConversationID] {
			t.Fatalf("%d came after %d", m.Seq, last[m.ConversationID])
		}
		last[m.ConversationID] = m.Seq
	}
	got, said := len(ada.heard(n, "room:message")), 0
	for i := range rooms {
		page, err := n.chat.History(ctx, actorOf("ada"), chat.HistoryQuery{RoomID: room(i), Limit: chat.MaxHistory})
		if err != nil || page.More {
			t.Fatal(err, page.More)
		}
		said += len(page.Messages)
	}
	if plainly := stays.heard(n, "room:message"); got != said || plainly != said || said == 0 {
		t.Errorf("got %d and %d of %d messages", got, plainly, said)
	}
	devices := map[string]*device{}
	for _, user := range cast {
		devices[string(user)] = n.device(string(user))
	}
	for i := range rooms {
		if _, err := n.chat.SendToRoom(ctx, actorOf("ada"), chat.SendToRoom{RoomID: room(i), Content: "in the end"}); err != nil {
			t.Fatal(err)
		}
	}
	for user, d := range devices {
		in, err := n.chat.Memberships(ctx, chat.UserID(user))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.heard(n, "room:message"); len(got) != len(in) {
			t.Errorf("%s got %d messages in the end, of %d rooms", user, len(got), len(in))
		}
	}
}

// signingIn is a hall that bob is in, and a second device of his that is on its way in: it waits where it asks for its rooms.
func signingIn(t *testing.T) (n *node, stalled *stale, bob, second *device) {
	t.Helper()
	stalled = &stale{asked: make(chan struct{}), release: make(chan struct{})}
	n = serve(t, func(s *setup) {
		s.Chats = func(inner chat.Store) chat.Store {
			stalled.Store = inner
			return stalled
		}
	})
	bob = n.device("bob")
	n.hall(n.device("ada"), bob)
	n.told()
	stalled.countdown.Store(2)
	second = n.mustDial(4, nil, nil)
	second.send("0" + text(map[string]string{"token": n.token("bob")}))
	return n, stalled, bob, second
}

// A user who leaves and comes back while a device signs in: it is put into the room, taken
// out again, and has to be put in once more.
func TestComingBackDuringSignIn(t *testing.T) {
	n, stalled, bob, second := signingIn(t)
	for _, command := range []string{"room:leave", "room:join"} {
		<-stalled.asked
		bob.must(command, `{"roomId":"hall"}`)
		n.told()
		stalled.release <- struct{}{}
	}
	second.welcomed()
	n.say("welcome back")
	if got := contentsOf(second.heard(n, "room:message")); !slices.Equal(got, []string{"welcome back"}) {
		t.Errorf("got %q", got)
	}
}

// A user who leaves while a device signs in: what is said behind that is not for the device, though it has
// asked before in which rooms it is to be.
func TestLeavingDuringSignIn(t *testing.T) {
	n, stalled, bob, second := signingIn(t)
	<-stalled.asked
	bob.must("room:leave", `{"roomId":"hall"}`)
	n.told()
	stalled.release <- struct{}{}
	<-stalled.asked
	n.say("behind his back")
	n.told()
	stalled.release <- struct{}{}
	second.welcomed()
	if got := contentsOf(second.heard(n, "room:message")); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

// A user has left and come back, and the coming back is not told here yet, as it may be where another node has stored
// it: a device that signs in meanwhile is told what comes behind that, and nothing of what was said before.
func TestSigningInBeforeComingBackIsTold(t *testing.T) {
	for name, rooms := range map[string]int{"few rooms are warm": 0, "many rooms are warm": 501} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := new(heldMembers)
			n, _ := coldHall(t, func(s *setup) {
				s.Rules.Quota = chat.Quota{}
				s.Members = func(inner hub.Members) hub.Members {
					h.Members = inner
					return h
				}
			})
			t.Cleanup(h.gate.release)
			n.inRooms("ada", rooms)
			n.say("warm")
			if _, err := n.chat.LeaveRoom(t.Context(), actorOf("bob"), "hall"); err != nil {
				t.Fatal(err)
			}
			n.told()
			h.gate.close()
			n.feed.Publish(feed.Facts{Passing: []feed.Passing{{Kind: feed.TypingStarted, Who: account.Person{ID: "ada"}, RoomID: "attic"}}})
			<-h.gate.reached
			n.say("behind his back")
			if _, err := n.chat.JoinRoom(t.Context(), actorOf("bob"), "hall"); err != nil {
				t.Fatal(err)
			}
			bob, bobs := n.device("bob"), n.plain(n.token("bob"), "sockeye.v1")
			bobs.next("connection")
			bobs.send(`{"type":"ping"}`)
			bobs.next("pong") // it has taken its place
			h.gate.release()
			n.say("welcome back")
			if got := contentsOf(bob.heard(n, "room:message")); !slices.Equal(got, []string{"welcome back"}) {
				t.Errorf("got %q", got)
			}
			if got := bobs.heard(n, "room:message"); got != 1 {
				t.Errorf("the plain device got %d messages", got)
			}
		})
	}
}
