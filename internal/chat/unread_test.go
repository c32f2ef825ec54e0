package chat_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// nodes are two services that share a database and know nothing of each other, with one
// clock, and whatever users may do to what is unread.
type nodes struct {
	*testing.T
	store  *sqlite.Store
	clock  atomic.Int64 // milliseconds since today
	ids    atomic.Int64
	both   [2]*chat.Service
	random *rand.Rand
	rooms  []string
	sent   []chat.Message
}

func openNodes(t *testing.T, seed uint64) *nodes {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(t.TempDir()), func([]chat.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	n := &nodes{T: t, store: store, random: rand.New(rand.NewPCG(seed, 0))}
	n.both = [2]*chat.Service{n.service(), n.service()}
	return n
}

// service is a new one, which remembers nobody.
func (n *nodes) service() *chat.Service {
	cfg := chat.DefaultConfig()
	cfg.DirectPolicy, cfg.DirectRetention, cfg.Quota = chat.DirectAnyone, chat.MinRetention, chat.Quota{}
	s, err := chat.New(cfg, chat.Deps{Store: n.store, Now: n.now, NewID: func() string { return fmt.Sprint("id-", n.ids.Add(1)) }})
	if err != nil {
		n.Fatal(err)
	}
	return s
}

func (n *nodes) now() time.Time { return today.Add(time.Duration(n.clock.Load()) * time.Millisecond) }

var people = []chat.Actor{anna, bert, carl}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// step does something somewhere. What is refused is refused.
func (n *nodes) step() {
	r, ctx := n.random, n.Context()
	s, who, other := pick(r, n.both[:]), pick(r, people), pick(r, people)
	retention := chat.MinRetention
	if len(n.rooms) == 0 || r.IntN(40) == 0 {
		if room, err := s.CreateRoom(ctx, who, chat.CreateRoom{Name: "Room", MessageRetention: &retention}); err == nil {
			n.rooms = append(n.rooms, room.ID)
		}
		return
	}
	room := pick(r, n.rooms)
	m := chat.Message{ID: "none"}
	if len(n.sent) > 0 {
		m = n.sent[len(n.sent)-1-r.IntN(min(len(n.sent), 20))]
	}
	sender := chat.Actor{ID: m.SenderID, Name: "Sender"}
	switch r.IntN(14) {
	case 0, 1, 2:
		if m, err := s.SendToRoom(ctx, who, chat.SendToRoom{RoomID: room, Content: "hi"}); err == nil {
			n.sent = append(n.sent, m)
		}
	case 3:
		if m, err := s.SendDirect(ctx, who, chat.SendDirect{RecipientID: other.ID, Content: "psst"}); err == nil {
			n.sent = append(n.sent, m)
		}
	case 4, 5:
		_, _ = s.JoinRoom(ctx, who, room)
	case 6:
		_, _ = s.LeaveRoom(ctx, who, room)
	case 7:
		_, _ = s.MarkRead(ctx, who, []string{m.ID})
	case 8:
		_ = s.MarkConversation(ctx, who, m.ConversationID, m.Seq)
	case 9:
		_, _ = s.EditMessage(ctx, sender, m.ID, "edited")
	case 10:
		_, _ = s.DeleteMessage(ctx, sender, m.ID)
	case 11:
		_ = s.Kick(ctx, who, room, other.ID)
	case 12:
		_, _ = s.Retain(ctx, n.now())
	case 13:
		if r.IntN(10) == 0 {
			_ = s.DeleteRoom(ctx, who, room)
		}
	}
}

// What is remembered of users changes no answer.
func TestUnreadIsWhatAllConversationsHave(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			n := openNodes(t, seed)
			shown := 0
			for range 600 {
				n.step()
				switch n.random.IntN(20) {
				case 0:
					n.clock.Add(int64(6 * time.Hour / time.Millisecond))
				case 1:
					n.clock.Add(-int64(n.random.IntN(60_000))) // set back, by less than the margin
				default:
					n.clock.Add(int64(n.random.IntN(40_000)))
				}
				if n.random.IntN(3) > 0 {
					continue
				}
				who, s := pick(n.random, people), pick(n.random, n.both[:])
				limit := 1 + n.random.IntN(chat.MaxUnread)
				got, err := s.Unread(t.Context(), who.ID, limit)
				if err != nil {
					t.Fatal(err)
				}
				want, err := n.service().Unread(t.Context(), who.ID, limit)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%s has unread %+v, want %+v", who.ID, got, want)
				}
				shown += len(want)
			}
			if shown == 0 {
				t.Error("nothing was ever unread")
			}
		})
	}
}

// What is remembered is bounded by users and by conversations; who was asked about longest
// ago goes first.
func TestUnreadMemoryIsBounded(t *testing.T) {
	m := chat.NewUnreadMemory()
	known := func(user chat.UserID) bool { since, _ := m.Since(user, today); return !since.IsZero() }
	for i := range chat.RememberedUsers + 1 {
		m.Checked(chat.UserID(fmt.Sprint(i)), today, nil)
		if i == 1 && !known("0") {
			t.Error("the first is forgotten at once")
		}
	}
	if users, _ := m.Held(); users != chat.RememberedUsers || !known("0") || known("1") || !known("2") {
		t.Errorf("%d users, of the first three %t, %t, %t", users, known("0"), known("1"), known("2"))
	}
	many := make([]string, chat.RememberedConversations/2)
	for _, user := range []chat.UserID{"anna", "bert", "anna", "carl"} {
		m.Checked(user, today, many)
	}
	if users, conversations := m.Held(); users != 2 || conversations != 2*len(many) || known("bert") {
		t.Errorf("%d users with %d conversations, bert %t", users, conversations, known("bert"))
	}
	m.Checked("carl", today, append(many, make([]string, len(many)+1)...))
	if users, conversations := m.Held(); users != 0 || conversations != 0 {
		t.Errorf("of more than all there is room for, %d users with %d conversations are kept", users, conversations)
	}
}

// A clock that shows less than at the last question cannot tell what has changed since.
func TestUnreadAfterTheClockWasSetBack(t *testing.T) {
	n := openNodes(t, 0)
	s := n.both[0]
	ask := func(want int) {
		t.Helper()
		got, err := s.Unread(t.Context(), "bert", 0)
		if err != nil || len(got) != want {
			t.Errorf("got %d messages, %v; want %d", len(got), err, want)
		}
	}
	n.clock.Add(int64(time.Hour / time.Millisecond))
	ask(0)
	n.clock.Store(0)
	if _, err := s.SendDirect(t.Context(), anna, chat.SendDirect{RecipientID: "bert", Content: "psst"}); err != nil {
		t.Fatal(err)
	}
	ask(1)
	ask(1)
}
