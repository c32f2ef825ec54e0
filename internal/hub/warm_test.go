package hub_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/hub"
)

// roll is who is in rooms, by the seqs of their coming. It notes what it is asked.
type roll struct {
	mu      sync.Mutex
	members map[string]map[chat.UserID]int64 // by the id of the room
	head    int64
	asked   []string
	err     error
}

func (r *roll) MembersBy(_ context.Context, room chat.ConversationRef, seq int64) (members []chat.UserID, head int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := room.RoomID
	r.asked = append(r.asked, id)
	for user, came := range r.members[id] {
		if came <= seq {
			members = append(members, user)
		}
	}
	slices.Sort(members)
	return members, r.head, r.err
}

func (r *roll) times() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked)
}

// said is the event of a message in the hall.
func said(seq int64) chat.Event {
	return chat.NewMessageEvent(&chat.Message{ConversationID: "c", RoomID: "hall", Seq: seq, Type: chat.TypeText}, "")
}

func place(seq int64) chat.Place { return chat.Place{ConversationID: "c", Seq: seq, By: "ada"} }

var inHall = []string{"room:message to [hall] except []"}

// What the hub does to a cold room before, with and after each kind of event, of which ada
// was a member by 1, bob by 5 and cyd by 9.
func TestWhoIsGathered(t *testing.T) {
	bob := chat.Membership{RoomID: "hall", UserID: "bob"}
	gathered := "[user:ada user:bob] join [hall]"
	for name, c := range map[string]struct {
		before []chat.Event
		event  chat.Event
		want   []string
		asked  int
	}{
		"a message":          {nil, said(7), append([]string{gathered}, inHall...), 1},
		"one before bob":     {nil, said(4), append([]string{"[user:ada] join [hall]"}, inHall...), 1},
		"one after another":  {[]chat.Event{said(6)}, said(7), append([]string{gathered}, slices.Concat(inHall, inHall)...), 1},
		"bob's coming":       {nil, chat.NewMembershipEvent(chat.MemberJoined, place(5), bob), []string{gathered, "[user:bob] join [hall]", "room:user_joined to [hall user:bob] except []"}, 1},
		"the first coming":   {nil, chat.NewMembershipEvent(chat.MemberJoined, place(1), bob), []string{"[user:bob] join [hall]", "room:user_joined to [hall user:bob] except []"}, 0},
		"bob's going":        {nil, chat.NewMembershipEvent(chat.MemberLeft, place(6), bob), []string{gathered, "room:user_left to [hall user:bob] except []", "[user:bob] leave [hall]"}, 1},
		"many coming":        {nil, chat.NewAddedEvent(place(5), chat.Added{RoomID: "hall", Users: []chat.UserID{"bob"}}), []string{gathered, "[user:bob] join [hall]", "room:members_added to [hall user:bob] except []"}, 1},
		"a ban":              {nil, chat.NewMembershipEvent(chat.MemberBanned, place(6), chat.Membership{RoomID: "hall", UserID: "eve"}), []string{gathered, "room:user_banned to [hall user:eve] except []"}, 1},
		"an invitation":      {nil, chat.NewMembershipEvent(chat.MemberInvited, place(0), bob), []string{"room:invited to [user:bob] except []"}, 0},
		"a change":           {nil, chat.NewRoomEvent(chat.RoomUpdated, place(6), chat.Room{ID: "hall"}), []string{gathered, "room:updated to [hall] except []"}, 1},
		"the end":            {nil, chat.NewRoomEvent(chat.RoomDeleted, place(6), chat.Room{ID: "hall"}, "ada", "bob"), []string{gathered, "room:deleted to [hall] except []", "[hall] leave [hall]"}, 0},
		"the end, when warm": {[]chat.Event{said(4)}, chat.NewRoomEvent(chat.RoomDeleted, place(6), chat.Room{ID: "hall"}, "ada", "bob"), []string{"[user:ada] join [hall]", inHall[0], gathered, "room:deleted to [hall] except []", "[hall] leave [hall]"}, 1},
		"a room with its id": {
			[]chat.Event{said(7), chat.NewRoomEvent(chat.RoomDeleted, place(8), chat.Room{ID: "hall"})}, said(4),
			[]string{gathered, inHall[0], "room:deleted to [hall] except []", "[hall] leave [hall]", "[user:ada] join [hall]", inHall[0]}, 2,
		},
		"a room that replaces one without a word": {
			[]chat.Event{said(7)}, chat.NewMembershipEvent(chat.MemberJoined, place(1), bob),
			[]string{gathered, inHall[0], "[hall] leave [hall]", "[user:bob] join [hall]", "room:user_joined to [hall user:bob] except []"}, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &roll{members: map[string]map[chat.UserID]int64{"hall": {"ada": 1, "bob": 5, "cyd": 9}}, head: 9}
			h := open(t, r)
			h.publish(append(c.before, c.event)...)
			if got := h.out.all(); !slices.Equal(got, c.want) {
				t.Errorf("did %q,\nwant %q", got, c.want)
			}
			if len(r.asked) != c.asked || h.log.Len() > 0 {
				t.Errorf("asked for %q, logged %s", r.asked, &h.log)
			}
		})
	}
}

// What is in no log has the members of the moment gathered, some of whom may have come
// after events that are still to be told: these are not for them.
func TestMembersThatWereReadTooLate(t *testing.T) {
	for name, early := range map[string]feed.Facts{
		"typing": {Passing: []feed.Passing{{Kind: feed.TypingStarted, Who: account.Person{ID: "eve"}, RoomID: "hall"}}},
		"a head": {Heads: []chat.Head{{ConversationID: "c", Seq: 5, Audience: chat.Audience{RoomID: "hall"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &roll{members: map[string]map[chat.UserID]int64{"hall": {"ada": 1, "bob": 5}}, head: 5}
			h := open(t, r)
			h.Tell(&early)
			h.publish(said(4), chat.NewMembershipEvent(chat.MemberJoined, place(5), chat.Membership{RoomID: "hall", UserID: "bob"}), said(6))
			got := slices.DeleteFunc(h.out.all(), func(did string) bool {
				return did == "typing:start to [hall] except [user:eve]" || did == "conversation:head to [hall] except []"
			})
			if want := []string{
				"[user:ada user:bob] join [hall]", "[hall] leave [hall]", "[user:ada] join [hall]", inHall[0],
				"[user:bob] join [hall]", "room:user_joined to [hall user:bob] except []", inHall[0],
			}; !slices.Equal(got, want) {
				t.Errorf("did %q,\nwant %q", got, want)
			}
		})
	}
}

// Members that cannot be read are asked for again with the next event.
func TestMembersThatCannotBeRead(t *testing.T) {
	r := &roll{members: map[string]map[chat.UserID]int64{"hall": {"ada": 1}}, head: 9, err: errors.New("disk on fire")}
	h := open(t, r)
	h.publish(said(2))
	r.err = nil
	h.publish(said(3))
	if got, want := h.out.all(), []string{inHall[0], "[user:ada] join [hall]", inHall[0]}; !slices.Equal(got, want) {
		t.Errorf("did %q, want %q", got, want)
	}
	if !bytes.Contains(h.log.Bytes(), []byte("disk on fire")) {
		t.Errorf("logged %s", &h.log)
	}
}

// Rooms in which nothing happens become cold, those in which something does stay warm.
func TestRoomsCool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &roll{members: map[string]map[chat.UserID]int64{"hall": {"ada": 1}}, head: 99}
		h := open(t, r)
		idle := hub.DefaultConfig().Idle
		warm := func() int {
			rooms, ok := h.Warm(1000)
			if !ok {
				t.Fatal("it is not known which rooms are warm")
			}
			return len(rooms)
		}
		seq := int64(2)
		next := func() chat.Event { seq++; return said(seq) }
		h.publish(next())
		const others = 350 // some portions
		for i := range others {
			h.publish(chat.NewMessageEvent(&chat.Message{ID: "m", ConversationID: fmt.Sprint(i), RoomID: fmt.Sprint("room-", i), Seq: 1, Type: chat.TypeText}, ""))
		}
		for range 3 {
			time.Sleep(idle * 9 / 10)
			h.publish(next())
			if _, ok := h.Warm(others - 1); ok && warm() > 1 {
				t.Error("more are warm than was asked for")
			}
		}
		if got := warm(); got != 1 {
			t.Errorf("%d rooms are warm, want the hall", got)
		}
		if got := h.OnlyWarm([]string{"room-1", "hall", "den"}); !slices.Equal(got, []string{"hall"}) {
			t.Errorf("of some rooms %q are warm", got)
		}
		if asked := r.times(); asked != others+1 {
			t.Errorf("asked %d times", asked)
		}
		h.typing(feed.TypingStarted, "hall", "ada")
		time.Sleep(idle * 9 / 10)
		h.typing(feed.TypingStopped, "hall", "ada") // counts too
		time.Sleep(idle * 9 / 10)
		if got := warm(); got != 1 {
			t.Errorf("%d rooms are warm after typing", got)
		}
		time.Sleep(idle)
		if got := warm(); got != 0 {
			t.Errorf("%d rooms are warm for ever", got)
		}
		did := h.out.all()
		if last := did[len(did)-1]; last != "[hall] leave [hall]" {
			t.Errorf("at last did %q", last)
		}
		h.publish(next())
		if did := h.out.all()[len(did):]; !slices.Equal(did, []string{"[user:ada] join [hall]", inHall[0]}) {
			t.Errorf("warm again by %q", did)
		}
	})
}

// Whoever is in which rooms: the audience of a room is found whether it is warm or cold.
func TestAudience(t *testing.T) {
	r := &roll{members: map[string]map[chat.UserID]int64{"hall": {"ada": 1, "bob": 2}}, head: 2}
	h := open(t, r)
	look := func(want ...string) {
		t.Helper()
		got, err := h.Audience(t.Context(), "hall")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("in %q, %v; want %q", got, err, want)
		}
	}
	look("user:ada", "user:bob")
	look("user:ada", "user:bob")
	h.publish(said(3))
	look("hall")
	r.err = errors.New("disk on fire")
	look("hall")
	if _, err := h.Audience(t.Context(), "den"); !errors.Is(err, r.err) {
		t.Errorf("got %v", err)
	}
}

// Departures of a user change before the devices do, and with each room's end those of all.
func TestDepartures(t *testing.T) {
	h := open(t, new(roll))
	var last atomic.Uint64
	changed := func(event chat.Event) bool {
		t.Helper()
		h.publish(event)
		now := h.Departures("bob")
		return last.Swap(now) != now
	}
	bob := chat.Membership{RoomID: "hall", UserID: "bob"}
	for _, c := range []struct {
		event chat.Event
		want  bool
	}{
		{chat.NewMembershipEvent(chat.MemberJoined, place(1), bob), false},
		{said(2), false},
		{chat.NewMembershipEvent(chat.MemberLeft, place(3), bob), true},
		{chat.NewRoomEvent(chat.RoomDeleted, place(4), chat.Room{ID: "den"}), true},
	} {
		if got := changed(c.event); got != c.want {
			t.Errorf("%s: changed %t, want %t", c.event.Kind, got, c.want)
		}
	}
}

// Whose device may enter which room is settled by what was told there: by the event of the user having come or a later
// one, of the room's own log, and while nobody leaves.
func TestWhoEnters(t *testing.T) {
	since := func(seq int64) chat.Stay { return chat.Stay{RoomID: "hall", ConversationID: "c", Since: seq} }
	another := chat.Stay{RoomID: "hall", ConversationID: "another", Since: 1}
	bob := chat.Membership{RoomID: "hall", UserID: "bob"}
	for name, c := range map[string]struct {
		told []chat.Event
		stay chat.Stay
		want bool
	}{
		"a cold room":                          {nil, since(1), false},
		"who had come when it became warm":     {[]chat.Event{said(7)}, since(7), true},
		"who came later":                       {[]chat.Event{said(7)}, since(8), false},
		"who came later, which was told":       {[]chat.Event{said(7), chat.NewMembershipEvent(chat.MemberJoined, place(8), bob)}, since(8), true},
		"who came before what was told":        {[]chat.Event{said(7), said(8), said(9)}, since(8), true},
		"who came behind what was told":        {[]chat.Event{said(7), said(8), said(9)}, since(10), false},
		"a room that is new":                   {[]chat.Event{chat.NewMembershipEvent(chat.MemberJoined, place(1), bob)}, since(1), true},
		"who came to a room that is new":       {[]chat.Event{chat.NewMembershipEvent(chat.MemberJoined, place(1), bob)}, since(2), false},
		"the log of a room that replaces it":   {[]chat.Event{said(7)}, another, false},
		"the log of a room that it replaces":   {[]chat.Event{said(7), chat.NewMembershipEvent(chat.MemberJoined, chat.Place{ConversationID: "another", Seq: 1}, bob)}, since(1), false},
		"a room that was replaced and is told": {[]chat.Event{said(7), chat.NewMembershipEvent(chat.MemberJoined, chat.Place{ConversationID: "another", Seq: 1}, bob)}, another, true},
		"a room that is no more":               {[]chat.Event{said(7), chat.NewRoomEvent(chat.RoomDeleted, place(8), chat.Room{ID: "hall"})}, since(1), false},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, &roll{head: 9})
			h.publish(c.told...)
			var in []string
			if !h.Enter("bob", h.Departures("bob"), []chat.Stay{c.stay}, func(rooms ...string) { in = rooms }) {
				t.Error("somebody has left")
			}
			if entered := slices.Equal(in, []string{"hall"}); entered != c.want {
				t.Errorf("in %q", in)
			}
		})
	}
	h := open(t, &roll{head: 9})
	h.publish(said(7))
	before := h.Departures("bob")
	h.publish(chat.NewMembershipEvent(chat.MemberLeft, place(8), bob))
	if h.Enter("bob", before, []chat.Stay{since(1)}, func(...string) { t.Error("entered") }) {
		t.Error("nobody has left")
	}
}

// Who came by something that is in no log, and was read ahead of what is told, enters; with the next event, which is not for
// the user, everybody is out until those are in for whom it is.
func TestEnteringAheadOfWhatIsTold(t *testing.T) {
	r := &roll{members: map[string]map[chat.UserID]int64{"hall": {"ada": 1, "bob": 5}}, head: 5}
	h := open(t, r)
	enters := func() (entered bool) {
		h.Enter("bob", h.Departures("bob"), []chat.Stay{{RoomID: "hall", ConversationID: "c", Since: 5}}, func(...string) { entered = true })
		return entered
	}
	h.typing(feed.TypingStarted, "hall", "ada")
	if !enters() {
		t.Error("who is in the room does not enter")
	}
	h.publish(said(4))
	if enters() {
		t.Error("who will be in the room enters")
	}
}

// Events that were left out may have had members come and go: who is one is read anew.
func TestMembersBehindAHole(t *testing.T) {
	r := &roll{members: map[string]map[chat.UserID]int64{"hall": {"ada": 1, "bob": 5}}, head: 9}
	h := open(t, r)
	h.publish(said(4), said(7), said(8))
	if got, want := h.out.all(), []string{
		"[user:ada] join [hall]", inHall[0], "[hall] leave [hall]", "[user:ada user:bob] join [hall]", inHall[0], inHall[0],
	}; !slices.Equal(got, want) {
		t.Errorf("did %q, want %q", got, want)
	}
}
