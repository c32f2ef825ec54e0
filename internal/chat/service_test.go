package chat_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	anna  = chat.Actor{ID: "anna", Name: "Anna", Origin: "a1"}
	bert  = chat.Actor{ID: "bert", Name: "Bert", Origin: "b1"}
	carl  = chat.Actor{ID: "carl", Name: "Carl", Origin: "c1"}
	today = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
)

// world is a service on a real database, with a clock that moves by a second
// and a fraction each time it is read. Anna, Bert and Carl are friends.
type world struct {
	*testing.T
	*chat.Service
	store  chat.Store
	dir    string
	events []chat.Event // complete when the call that caused them has returned
}

func newWorld(t *testing.T, cfg chat.Config, filter chat.Filter) *world {
	t.Helper()
	t.Parallel()
	w := &world{T: t, dir: t.TempDir()}
	store, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(w.dir), func(events []chat.Event) {
		w.events = append(w.events, events...)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	w.store = store
	var ticks, ids atomic.Int64
	clock := func() time.Time {
		return today.Add(time.Duration(ticks.Add(1)) * 1_000_999_999).In(time.FixedZone("elsewhere", 3600))
	}
	newID := func() string { return fmt.Sprintf("id-%d", ids.Add(1)) }
	w.Service, err = chat.New(cfg, chat.Deps{Store: store, Now: clock, NewID: newID, Filter: filter})
	if err != nil {
		t.Fatal(err)
	}
	w.exec(`INSERT INTO friends (user_a, user_b, created_at) VALUES ('anna', 'bert', 0), ('anna', 'carl', 0), ('bert', 'carl', 0)`)
	return w
}

// exec writes what no command can yet.
func (w *world) exec(statement string, args ...any) {
	w.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, sqlite.FileName)+"?_pragma=busy_timeout(60000)")
	w.must(err)
	_, err = db.ExecContext(w.Context(), statement, args...)
	w.must(errors.Join(err, db.Close()))
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) direct(from, to chat.Actor, content string) chat.Message {
	w.Helper()
	m, err := w.SendDirect(w.Context(), from, chat.SendDirect{RecipientID: to.ID, Content: content})
	w.must(err)
	return m
}

func (w *world) toRoom(from chat.Actor, room, content string) chat.Message {
	w.Helper()
	m, err := w.SendToRoom(w.Context(), from, chat.SendToRoom{RoomID: room, Content: content})
	w.must(err)
	return m
}

func (w *world) room(by chat.Actor, cmd chat.CreateRoom) chat.Room {
	w.Helper()
	if cmd.Name == "" {
		cmd.Name = "A room"
	}
	r, err := w.CreateRoom(w.Context(), by, cmd)
	w.must(err)
	return r
}

func (w *world) join(a chat.Actor, room string) chat.Joined {
	w.Helper()
	j, err := w.JoinRoom(w.Context(), a, room)
	w.must(err)
	return j
}

// quiet runs what must not emit anything.
func (w *world) quiet(run func()) {
	w.Helper()
	before := len(w.events)
	run()
	if emitted := w.events[before:]; len(emitted) != 0 {
		w.Errorf("events were published: %+v", emitted)
	}
}

// refusal compares what a caller is told; the message is compared if it is
// wanted to be something.
func refused(t *testing.T, err error, want refusal.Error) {
	t.Helper()
	var got *refusal.Error
	if !errors.As(err, &got) {
		t.Errorf("got error %v, want a refusal %s", err, want.Code)
		return
	}
	if got.Code != want.Code || got.Field != want.Field || got.Limit != want.Limit || (want.Message != "" && got.Message != want.Message) {
		t.Errorf("got %q %q field %q limit %d, want %q %q field %q limit %d",
			got.Code, got.Message, got.Field, got.Limit, want.Code, want.Message, want.Field, want.Limit)
	}
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func contents(messages []chat.Message) []string {
	texts := []string{}
	for _, m := range messages {
		texts = append(texts, m.Content)
	}
	return texts
}

func TestNewRefuses(t *testing.T) {
	now, newID := time.Now, chat.NewID
	store := struct{ chat.Store }{}
	for name, build := range map[string]func() (*chat.Service, error){
		"no store": func() (*chat.Service, error) {
			return chat.New(chat.DefaultConfig(), chat.Deps{Now: now, NewID: newID})
		},
		"no clock": func() (*chat.Service, error) {
			return chat.New(chat.DefaultConfig(), chat.Deps{Store: store, NewID: newID})
		},
		"no ids": func() (*chat.Service, error) {
			return chat.New(chat.DefaultConfig(), chat.Deps{Store: store, Now: now})
		},
		"no policy": func() (*chat.Service, error) {
			return chat.New(chat.Config{MaxText: 1}, chat.Deps{Store: store, Now: now, NewID: newID})
		},
		"nothing to say": func() (*chat.Service, error) {
			return chat.New(chat.Config{DirectPolicy: chat.DirectAnyone}, chat.Deps{Store: store, Now: now, NewID: newID})
		},
	} {
		if _, err := build(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := chat.New(chat.DefaultConfig(), chat.Deps{Store: store, Now: now, NewID: newID}); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

func TestFaultsOfTheStore(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.SendDirect(ctx, anna, chat.SendDirect{RecipientID: "bert", Content: "x"})
	refused(t, refusal.Public(err, "Failed to send message"), refusal.Error{Code: refusal.Internal, Message: "Failed to send message"})
	_, err = w.JoinRoom(ctx, anna, "room")
	refused(t, refusal.Public(err, "Failed to join room"), refusal.Error{Code: refusal.Internal, Message: "Failed to join room"})
}
