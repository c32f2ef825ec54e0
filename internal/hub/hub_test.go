package hub_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/hub"
)

// outlet is an audience that notes what it is told.
type outlet struct {
	mu  sync.Mutex
	did []string
}

func (o *outlet) note(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.did = append(o.did, fmt.Sprintf(format, args...))
}

func (o *outlet) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.did...)
}

func (o *outlet) Send(s hub.Sending) error {
	o.note("%s to %v except %v", s.Event.Name, s.To, s.Except)
	return nil
}

func (o *outlet) JoinAll(of []string, room string) error {
	o.note("%v join [%s]", of, room)
	return nil
}

func (o *outlet) LeaveAll(of, rooms []string) error {
	o.note("%v leave %v", of, rooms)
	return nil
}

// fixture is a hub whose events go to the outlet, and its log.
type fixture struct {
	*hub.Hub
	out *outlet
	log bytes.Buffer
}

func open(t testing.TB, members *roll) *fixture {
	t.Helper()
	f := &fixture{out: new(outlet)}
	var err error
	f.Hub, err = hub.New(hub.DefaultConfig(), hub.Deps{
		Audiences: []hub.Audience{f.out}, Members: members, Log: slog.New(slog.NewTextHandler(&f.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Stop)
	return f
}

// publish tells the events of one commit.
func (f *fixture) publish(events ...chat.Event) { f.Tell(&feed.Facts{Chat: events}) }

// typing tells that somebody types in a room.
func (f *fixture) typing(kind feed.PassingKind, room string, user account.UserID, except ...account.UserID) {
	f.Tell(&feed.Facts{Passing: []feed.Passing{{Kind: kind, Who: account.Person{ID: user}, RoomID: room, Except: except}}})
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
		{
			chat.NewScheduledEvent(&chat.Scheduled{AuthorID: "bob"}, chat.ScheduledWaiting, "", at, "socket"),
			[]string{"scheduled:changed to [user:bob] except [socket]"},
		},
	} {
		h := open(t, new(roll))
		h.publish(c.event)
		if got := h.out.all(); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: did %q, want %q", c.event.Kind, got, c.want)
		}
		if h.log.Len() > 0 {
			t.Errorf("%s: logged %s", c.event.Kind, &h.log)
		}
	}
}

// An event that cannot be told does not keep the next one from being told.
// What is the same for many is told once.
func TestNewNameIsToldOnce(t *testing.T) {
	h := open(t, new(roll))
	bob := account.Person{ID: "bob", Name: "Robert"}
	h.Tell(&feed.Facts{Accounts: []account.Event{
		{Kind: account.UserChanged, Actor: bob, Friends: []account.UserID{"ada", "cyd"}, Origin: "socket"},
		{Kind: account.FriendAccepted, Actor: bob, Other: account.Person{ID: "ada"}, Origin: "socket"},
		{Kind: account.FriendRequested, Actor: bob, Other: account.Person{ID: "ada"}, Private: true},
	}})
	if got, want := h.out.all(), []string{
		"user:changed to [user:bob user:ada user:cyd] except [socket]",
		"friend:accepted to [user:ada] except [socket]",
		"friend:accepted to [user:bob] except [socket]",
		"friend:requested to [user:bob] except []",
	}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestUnknownEventsAreLogged(t *testing.T) {
	h := open(t, new(roll))
	h.publish(chat.Event{Kind: "message.sung", ConversationID: "c"}, message(1))
	h.typing("sung", "hall", "eve")
	h.Tell(&feed.Facts{Accounts: []account.Event{{Kind: "friend.sung", Actor: account.Person{ID: "ada"}}}})
	if got := h.out.all(); len(got) != 1 {
		t.Errorf("did %q", got)
	}
	for _, kind := range []string{"kind=message.sung", "kind=sung", "kind=friend.sung"} {
		if !strings.Contains(h.log.String(), kind) {
			t.Errorf("%s is missing in %s", kind, &h.log)
		}
	}
}

// Who is let in is no news for clients.
func TestWhatNobodyIsTold(t *testing.T) {
	h := open(t, new(roll))
	ada := account.Person{ID: "ada"}
	h.Tell(&feed.Facts{Accounts: []account.Event{
		{Kind: account.TokensRevoked, Revocation: &account.Revocation{UserID: "ada"}},
		{Kind: account.UserReassigned, Actor: ada, Issuer: "i"},
		{Kind: account.UserDisabled, Actor: ada},
		{Kind: account.UserEnabled, Actor: ada},
		{Kind: account.AddressBlocked, Address: new(account.BlockedAddress)},
		{Kind: account.AddressUnblocked, Address: new(account.BlockedAddress)},
		{Kind: account.WebhooksChanged},
	}})
	if got := h.out.all(); len(got) > 0 || h.log.Len() > 0 {
		t.Errorf("did %q, logged %s", got, &h.log)
	}
}

// What passes, and notifications: to whom, and for how long it is worth sending.
func TestNews(t *testing.T) {
	h := open(t, &roll{members: map[string]map[chat.UserID]int64{"hall": {"ada": 1}}, head: 1})
	ada := account.Person{ID: "ada", Name: "Ada"}
	h.Tell(&feed.Facts{
		Notices: []feed.Notice{{Topics: []string{"news"}, Users: []account.UserID{"bob"}, Body: 1}},
		Passing: []feed.Passing{
			{Kind: feed.TypingStarted, Who: ada, To: []account.UserID{"bob"}},
			{Kind: feed.TypingStopped, Who: ada, RoomID: "hall", Except: []account.UserID{"bob"}},
		},
		Files: []feed.FileMade{{Rooms: []string{"hall"}, Users: []account.UserID{"bob"}}},
	})
	h.Online([]account.UserID{"bob", "cyd"}, ada)
	h.Offline([]account.UserID{"bob"}, ada)
	h.Online(nil, ada) // without friends
	h.Present("a device", []account.UserID{"bob"})
	if got, want := h.out.all(), []string{
		"notification to [user:bob notification:news] except []",
		"typing:start to [user:bob] except []",
		"[user:ada] join [hall]", "typing:stop to [hall] except [user:bob user:ada]",
		"file:processed to [hall user:bob] except []",
		"user:online to [user:bob user:cyd] except []",
		"user:offline to [user:bob] except []",
		"presence to [a device] except []",
	}; !slices.Equal(got, want) {
		t.Errorf("did %q,\nwant %q", got, want)
	}
}
