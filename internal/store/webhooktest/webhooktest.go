// Package webhooktest holds the tests that every driver of [webhook.Store] must pass.
package webhooktest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/suite"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

// Driver gives a test one database, which is empty at first.
type Driver interface {
	suite.Driver
	// Webhooks are those of chats that it has opened.
	Webhooks(of chat.Store) webhook.Store
}

// Run runs the tests. newDriver returns a new, empty database for each.
func Run(t *testing.T, newDriver func(t *testing.T) Driver) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"KeepsAllFields", testFields},
		{"Change", testChange},
		{"TooMany", testTooMany},
		{"Deliveries", testDeliveries},
		{"Logged", testLogged},
		{"Incoming", testIncoming},
		{"EndedContextStoresNothing", testEndedContext},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{Test: suite.New[account.Event](t), driver: newDriver(t)}
			f.open()
			test.run(f)
		})
	}
}

// start is when all tests take place.
var start = time.Date(2024, 2, 29, 23, 59, 59, 123e6, time.UTC)

type fixture struct {
	suite.Test[account.Event]
	driver Driver
	chats  chat.Store
	store  webhook.Store
}

// open opens the database, or opens it again.
func (f *fixture) open() {
	f.chats, _ = f.driver.Open(f, func([]chat.Event) {}, f.Events.Record)
	f.store = f.driver.Webhooks(f.chats)
}

// changes is how often nodes were told since the last call that somebody else wants events.
func (f *fixture) changes() (n int) {
	f.Helper()
	for _, e := range f.Events.Take() {
		if e.Kind != account.WebhooksChanged || e.At.IsZero() {
			f.Fatalf("told %+v", e)
		}
		n++
	}
	return n
}

func equal[T any](f *fixture, what string, got, want T) {
	f.Helper()
	suite.Equal(f, what, got, want)
}

func bare(n int) webhook.Webhook {
	return webhook.Webhook{
		ID: fmt.Sprintf("wh_%03d", n), URL: "https://example.com/", Secret: "whsec_x", Events: []chat.EventKind{webhook.AllEvents},
		CreatedAt: start.Add(time.Duration(n) * time.Second), CreatedBy: "k1",
	}
}

func testFields(f *fixture) {
	full := webhook.Webhook{
		ID: "wh_1", URL: "https://例え.example/hook?a=b", Secret: "whsec_1", Description: "the bot 林", Events: []chat.EventKind{chat.MessageCreated, chat.RoomDeleted},
		Rooms: []string{"hall", "lunch"}, OldSecret: "whsec_0", OldUntil: start.Add(time.Hour), CreatedAt: start, CreatedBy: "u_ada",
		FailingSince: start.Add(time.Minute), DisabledAt: start.Add(2 * time.Minute), DisabledWhy: "it failed",
	}
	second := bare(2)
	f.Must(f.store.CreateWebhook(f.Context(), second))
	f.Must(f.store.CreateWebhook(f.Context(), full))
	equal(f, "changes", f.changes(), 2)
	f.open()
	all, err := f.store.Webhooks(f.Context())
	f.Must(err)
	equal(f, "all", all, []webhook.Webhook{full, second})
	one, err := f.store.Webhook(f.Context(), "wh_1")
	f.Must(err)
	equal(f, "one", one, full)
	for _, id := range []string{"wh_3", "", "\x00", "wh_1\x00"} {
		_, err = f.store.Webhook(f.Context(), id)
		f.Refused(err, webhook.ErrNotFound)
		_, err = f.store.ChangeWebhook(f.Context(), id, func(*webhook.Webhook) error { f.Error("it is changed"); return nil })
		f.Refused(err, webhook.ErrNotFound)
		f.Refused(f.store.DeleteWebhook(f.Context(), id), webhook.ErrNotFound)
	}
	f.Must(f.store.DeleteWebhook(f.Context(), "wh_1"))
	f.Refused(f.store.DeleteWebhook(f.Context(), "wh_1"), webhook.ErrNotFound)
	equal(f, "changes", f.changes(), 1)
}

// testChange: nodes are told of what they have to know, and of nothing else.
func testChange(f *fixture) {
	w := bare(1)
	f.Must(f.store.CreateWebhook(f.Context(), w))
	f.changes()
	change := func(what string, told int, change func(*webhook.Webhook)) {
		f.Helper()
		got, err := f.store.ChangeWebhook(f.Context(), w.ID, func(now *webhook.Webhook) error {
			equal(f, what+": before", *now, w)
			change(now)
			return nil
		})
		f.Must(err)
		change(&w)
		w.ID, w.CreatedAt, w.CreatedBy = "wh_001", start.Add(time.Second), "k1"
		equal(f, what, got, w)
		stored, err := f.store.Webhook(f.Context(), w.ID)
		f.Must(err)
		equal(f, what+": stored", stored, w)
		equal(f, what+": changes", f.changes(), told)
	}
	change("nothing", 0, func(*webhook.Webhook) {})
	change("a secret", 0, func(w *webhook.Webhook) { w.OldSecret, w.OldUntil, w.Secret = w.Secret, start, "whsec_y" })
	change("it fails", 0, func(w *webhook.Webhook) { w.FailingSince = start })
	change("an address", 0, func(w *webhook.Webhook) { w.URL, w.Description = "https://example.com/b", "b" })
	change("rooms", 1, func(w *webhook.Webhook) { w.Rooms = []string{"hall"} })
	change("events", 1, func(w *webhook.Webhook) { w.Events = []chat.EventKind{chat.MessageCreated} })
	change("disabled", 1, func(w *webhook.Webhook) { w.DisabledAt, w.DisabledWhy = start, "why" })
	change("enabled", 1, func(w *webhook.Webhook) { w.DisabledAt, w.DisabledWhy, w.FailingSince = time.Time{}, "", time.Time{} })
	change("what cannot be", 0, func(w *webhook.Webhook) { w.ID, w.CreatedAt, w.CreatedBy = "other", start, "other" })
	refused := errors.New("refused")
	_, err := f.store.ChangeWebhook(f.Context(), w.ID, func(w *webhook.Webhook) error { w.URL, w.Events = "x", nil; return refused })
	f.Refused(err, refused)
	change("nothing since", 0, func(*webhook.Webhook) {})
}

func testTooMany(f *fixture) {
	for n := range webhook.MaxWebhooks {
		f.Must(f.store.CreateWebhook(f.Context(), bare(n)))
	}
	f.Refused(f.store.CreateWebhook(f.Context(), bare(webhook.MaxWebhooks)), webhook.ErrTooMany)
	f.Must(f.store.DeleteWebhook(f.Context(), bare(0).ID))
	f.Must(f.store.CreateWebhook(f.Context(), bare(webhook.MaxWebhooks)))
}

// testDeliveries: the last ones are kept, of each webhook by itself, and go with it.
func testDeliveries(f *fixture) {
	for n := range 2 {
		f.Must(f.store.CreateWebhook(f.Context(), bare(n)))
	}
	attempt := func(webhookID string, n int) webhook.Delivery {
		return webhook.Delivery{
			ID: fmt.Sprintf("d%04d", n), WebhookID: webhookID, EventID: "evt_1", Kind: chat.MessageCreated, ConversationID: "room:c", Seq: int64(n), Attempt: 2,
			Status: 500, Error: "the answer was 500", Outcome: webhook.Retried, At: start.Add(time.Duration(n/2) * time.Millisecond), Took: 12 * time.Millisecond,
		}
	}
	one, other := bare(0).ID, bare(1).ID
	f.Must(f.store.RecordDeliveries(f.Context(), other, []webhook.Delivery{attempt(other, 1)}))
	const all = webhook.KeptDeliveries + 25
	var want []webhook.Delivery
	for n := 0; n < all; n += 5 {
		var some []webhook.Delivery
		for i := range 5 {
			some = append(some, attempt(one, n+i))
		}
		want = append(want, some...)
		f.Must(f.store.RecordDeliveries(f.Context(), one, some))
	}
	slices.Reverse(want)
	list := func(id string, limit int) []webhook.Delivery {
		f.Helper()
		got, err := f.store.Deliveries(f.Context(), id, limit)
		f.Must(err)
		return got
	}
	equal(f, "kept", list(one, 1000), want[:webhook.KeptDeliveries])
	equal(f, "a page", list(one, 3), want[:3])
	equal(f, "the other's", list(other, 10), []webhook.Delivery{attempt(other, 1)})
	f.Must(f.store.DeleteWebhook(f.Context(), one))
	equal(f, "once it is deleted", list(one, 10), []webhook.Delivery{})
	f.Must(f.store.RecordDeliveries(f.Context(), one, []webhook.Delivery{attempt(one, 1)})) // too late
	equal(f, "behind its end", list(one, 10), []webhook.Delivery{})
}

// testLogged: the log of a conversation, with what the events point to as it is, also once the room is gone.
func testLogged(f *fixture) {
	ada := chat.Actor{ID: "ada", Name: "Ada"}
	r := chat.Room{
		ID: "hall", ConversationID: "room:c", Name: "Hall", Type: chat.RoomPublic, MaxMembers: 10, CreatedBy: "ada", CreatedAt: start,
	}
	f.Must(f.chats.CreateRoom(f.Context(), chat.NewRoom{Room: r, Creator: ada}))
	for n := range 3 {
		_, err := f.chats.AppendMessage(f.Context(), chat.Append{Message: chat.Message{
			ID: fmt.Sprint("m", n), RoomID: "hall", SenderID: "ada", SenderName: "Ada", Content: fmt.Sprint("text ", n), Type: chat.TypeText, Timestamp: start,
		}})
		f.Must(err)
	}
	logged := func(after int64, limit int) (said []string) {
		f.Helper()
		events, err := f.store.Logged(f.Context(), "room:c", "hall", after, limit)
		f.Must(err)
		for i := range events {
			text := fmt.Sprint(events[i].Seq, " ", events[i].Kind)
			switch e := &events[i]; {
			case e.Message != nil:
				text += " " + e.Message.Content
			case e.Room != nil:
				text += " " + e.Room.ID
			case e.Membership != nil:
				text += " " + e.Membership.RoomID
			}
			said = append(said, text)
		}
		return said
	}
	equal(f, "all", logged(0, 10), []string{"1 member.joined hall", "2 message.created text 0", "3 message.created text 1", "4 message.created text 2"})
	equal(f, "a part", logged(1, 2), []string{"2 message.created text 0", "3 message.created text 1"})
	equal(f, "behind the end", logged(4, 10), nil)
	f.Must(f.chats.DeleteRoom(f.Context(), chat.DeleteRoom{RoomID: "hall", Actor: ada, At: start}))
	equal(f, "once it is deleted", logged(3, 10), []string{"4 message.created text 2", "5 room.deleted hall"})
	equal(f, "of a member", logged(0, 1), []string{"1 member.joined hall"})
	events, err := f.store.Logged(f.Context(), "room:none", "none", 0, 10)
	f.Must(err)
	equal(f, "of none", len(events), 0)
}

func testEndedContext(f *fixture) {
	ended := suite.Ended(f.Context())
	if err := f.store.CreateWebhook(ended, bare(1)); err == nil {
		f.Error("it was created")
	}
	all, err := f.store.Webhooks(f.Context())
	f.Must(err)
	equal(f, "all", all, []webhook.Webhook{})
}

// testIncoming: an incoming webhook is found by the hash of its key until it is deleted.
func testIncoming(f *fixture) {
	hook := func(n int) webhook.Incoming {
		return webhook.Incoming{
			ID: fmt.Sprintf("in_%d", n), RoomID: "hall", BotID: "bot_1", Name: "Weather 林", CreatedAt: start.Add(time.Duration(n) * time.Second), CreatedBy: "k1",
		}
	}
	one, two := hook(1), hook(2)
	f.Must(f.store.CreateIncomingHook(f.Context(), two, []byte{2, 0}))
	f.Must(f.store.CreateIncomingHook(f.Context(), one, []byte{1, 0}))
	f.open()
	all, err := f.store.IncomingHooks(f.Context())
	f.Must(err)
	equal(f, "all", all, []webhook.Incoming{one, two})
	found, err := f.store.IncomingHook(f.Context(), []byte{1, 0})
	f.Must(err)
	equal(f, "found", found, one)
	for _, hash := range [][]byte{{3}, {}, nil} {
		_, err = f.store.IncomingHook(f.Context(), hash)
		f.Refused(err, webhook.ErrNotFound)
	}
	gone, err := f.store.DeleteIncomingHook(f.Context(), "in_1")
	f.Must(err)
	equal(f, "deleted", gone, one)
	for _, id := range []string{"in_1", "", "\x00"} {
		_, err = f.store.DeleteIncomingHook(f.Context(), id)
		f.Refused(err, webhook.ErrNotFound)
	}
	_, err = f.store.IncomingHook(f.Context(), []byte{1, 0})
	f.Refused(err, webhook.ErrNotFound)
}
