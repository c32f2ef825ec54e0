package hub_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/hub"
	"github.com/sockeye-im/sockeye/socketio"
)

const patience = 30 * time.Second

// outlet is the in-memory adapter of a namespace. It notes what goes out, and
// can hold it up.
type outlet struct {
	*socketio.Local
	gate chan struct{} // receives once for each event, when not nil

	mu  sync.Mutex
	did []string
}

func (o *outlet) note(format string, args ...any) {
	if o.gate != nil {
		<-o.gate
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.did = append(o.did, fmt.Sprintf(format, args...))
}

func (o *outlet) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.did...)
}

func (o *outlet) Broadcast(p *socketio.Packet, to socketio.Selection) error {
	o.note("%s to %v except %v", p.Event, to.Rooms, to.Except)
	return o.Local.Broadcast(p, to)
}

func (o *outlet) JoinAll(of socketio.Selection, rooms []string) error {
	o.note("%v join %v", of.Rooms, rooms)
	return o.Local.JoinAll(of, rooms)
}

func (o *outlet) LeaveAll(of socketio.Selection, rooms []string) error {
	o.note("%v leave %v", of.Rooms, rooms)
	return o.Local.LeaveAll(of, rooms)
}

// open returns a hub whose events go through the outlet, and its log.
func open(t testing.TB, gate chan struct{}) (*hub.Hub, *outlet, *bytes.Buffer) {
	t.Helper()
	var out *outlet
	server, err := socketio.NewServer(socketio.Config{NewAdapter: func(n *socketio.Namespace) socketio.Adapter {
		out = &outlet{Local: socketio.NewLocal(n), gate: gate}
		return out
	}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	log := new(bytes.Buffer)
	return hub.New(server.Of("/"), slog.New(slog.NewTextHandler(log, nil))), out, log
}

func message(i int) chat.Event {
	return chat.NewMessageEvent(&chat.Message{ID: fmt.Sprint(i), RoomID: fmt.Sprint("room-", i), Type: chat.TypeText}, "")
}

// Each kind of event goes to its audience, memberships before and after what
// they let a device see.
func TestWhoIsTold(t *testing.T) {
	at := time.Unix(0, 0)
	own := chat.Place{ConversationID: "c", Seq: 1, At: at, By: "bob", Origin: "socket"}
	others := chat.Place{ConversationID: "c", Seq: 1, At: at, By: "ada", Origin: "socket"}
	member := chat.Membership{RoomID: "hall", UserID: "bob", UserName: "Bob", Role: chat.RoleAdmin}
	named := chat.Membership{RoomID: strings.Repeat("x", 20), UserID: "bob"}
	direct := &chat.Message{SenderID: "ada", RecipientID: "bob"}
	for _, c := range []struct {
		event chat.Event
		want  []string
	}{
		{chat.NewMessageEvent(&chat.Message{RoomID: "hall"}, "socket"), []string{"room:message to [hall] except []"}},
		{chat.NewMessageEvent(direct, "socket"), []string{"message:received to [user:ada user:bob] except [socket]"}},
		{chat.NewMessageEvent(direct, ""), []string{"message:received to [user:ada user:bob] except []"}},
		{
			chat.NewMembershipEvent(chat.MemberJoined, own, member),
			[]string{"[user:bob] join [hall]", "room:user_joined to [hall user:bob] except [socket]"},
		},
		{
			chat.NewMembershipEvent(chat.MemberLeft, own, member),
			[]string{"room:user_left to [hall user:bob] except [socket]", "[user:bob] leave [hall]"},
		},
		{ // the admin who does it remains
			chat.NewMembershipEvent(chat.MemberLeft, others, member),
			[]string{"room:user_left to [hall user:bob] except []", "[user:bob] leave [hall]"},
		},
		{chat.NewMembershipEvent(chat.MemberBanned, others, member), []string{"room:user_banned to [hall user:bob] except []"}},
		{chat.NewMembershipEvent(chat.MemberInvited, others, member), []string{"room:invited to [user:bob] except []"}},
		{
			chat.NewAddedEvent(others, chat.Added{RoomID: "hall", Count: 2, Users: []chat.UserID{"bob", "cyd"}}),
			[]string{"[user:bob user:cyd] join [hall]", "room:members_added to [hall user:bob user:cyd] except []"},
		},
		{chat.NewRoomEvent(chat.RoomUpdated, others, chat.Room{ID: "hall"}), []string{"room:updated to [hall] except []"}},
		{
			chat.NewRoomEvent(chat.RoomDeleted, others, chat.Room{ID: "hall"}),
			[]string{"room:deleted to [hall] except []", "[hall] leave [hall]"},
		},
		{chat.NewChangeEvent(chat.MessageEdited, others, direct), []string{"message:edited to [user:ada user:bob] except []"}},
		{chat.NewMembershipEvent(chat.MemberRole, others, member), []string{"room:role to [hall user:bob] except []"}},
		{
			chat.NewMembershipEvent(chat.MemberJoined, chat.Place{ConversationID: "c", Seq: 1, At: at, Origin: ""}, named), // could be a socket's id
			[]string{"[user:bob] join [room:" + named.RoomID + "]", "room:user_joined to [room:" + named.RoomID + " user:bob] except []"},
		},
		{
			chat.NewReceiptEvent([]chat.Receipt{{MessageID: "1", SenderID: "ada"}, {MessageID: "2", SenderID: "ada"}}, "socket"),
			[]string{"message:read to [user:ada] except []", "message:read to [user:ada] except []"},
		},
		{chat.NewMarkEvent(chat.Mark{UserID: "bob"}, "socket"), []string{"conversation:read to [user:bob] except [socket]"}},
	} {
		h, out, log := open(t, nil)
		h.Publish([]chat.Event{c.event})
		h.Stop()
		if got := out.all(); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: did %q, want %q", c.event.Kind, got, c.want)
		}
		if log.Len() > 0 {
			t.Errorf("%s: logged %s", c.event.Kind, log)
		}
	}
}

// An event that cannot be told does not keep the next one from being told.
// What is the same for many is told once.
func TestNewNameIsToldOnce(t *testing.T) {
	h, out, _ := open(t, nil)
	bob := account.Person{ID: "bob", Name: "Robert"}
	h.PublishAccounts([]account.Event{
		{Kind: account.UserChanged, Actor: bob, Friends: []string{"ada", "cyd"}, Origin: "socket"},
		{Kind: account.FriendAccepted, Actor: bob, Other: account.Person{ID: "ada"}, Origin: "socket"},
		{Kind: account.FriendRequested, Actor: bob, Other: account.Person{ID: "ada"}, Private: true},
	})
	h.Stop()
	if got, want := out.all(), []string{
		"user:changed to [user:bob user:ada user:cyd] except [socket]",
		"friend:accepted to [user:ada] except [socket]",
		"friend:accepted to [user:bob] except [socket]",
		"friend:requested to [user:bob] except []",
	}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestAfter(t *testing.T) {
	gate := make(chan struct{})
	h, out, _ := open(t, gate)
	defer h.Stop()
	told := make(chan []string, 1)
	h.Publish([]chat.Event{message(1), message(2)})
	h.After(func() { told <- out.all() })
	h.Publish([]chat.Event{message(3)})
	for range 3 {
		gate <- struct{}{}
	}
	if got := <-told; len(got) != 2 {
		t.Errorf("after two events %q were told", got)
	}
}

func TestUnknownEventsAreLogged(t *testing.T) {
	h, out, log := open(t, nil)
	h.Publish([]chat.Event{{Kind: "message.sung", ConversationID: "c"}, message(1)})
	h.Stop()
	if got := out.all(); len(got) != 1 {
		t.Errorf("did %q", got)
	}
	if !strings.Contains(log.String(), "kind=message.sung") {
		t.Errorf("logged %s", log)
	}
}

// When the queue is full the publisher waits; nothing is lost, and all is in
// order. Stop tells what is queued.
func TestBackpressureAndStop(t *testing.T) {
	const commits = 3000 // more than the queue holds
	gate := make(chan struct{})
	h, out, _ := open(t, gate)
	published := make(chan int, commits)
	go func() {
		defer close(published)
		for i := 0; i < commits; i += 2 {
			h.Publish([]chat.Event{message(i), message(i + 1)})
			published <- i
		}
	}()
	// One commit is being told, the queue is full, and the publisher waits with
	// one more: it goes on only as commits are told.
	for deadline := time.Now().Add(patience); h.Waiting() < 1024; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d are waiting", h.Waiting())
		}
	}
	if got := len(published); got > 1024+1 {
		t.Errorf("%d commits were taken", got)
	}
	select {
	case _, open := <-published:
		if !open {
			t.Fatal("all was taken while nothing was told")
		}
	default:
		t.Fatal("nothing was taken")
	}
	close(gate)
	for range published {
	}
	h.Stop()
	got := out.all()
	if len(got) != commits {
		t.Fatalf("told %d of %d", len(got), commits)
	}
	for i, did := range got {
		if want := fmt.Sprintf("room:message to [room-%d] except []", i); did != want {
			t.Fatalf("told %q, want %q", did, want)
		}
	}
	if h.Waiting() != 0 {
		t.Errorf("%d are waiting", h.Waiting())
	}
}
