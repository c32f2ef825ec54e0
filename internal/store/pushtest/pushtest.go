// Package pushtest holds the tests that every driver of [push.Store] must pass.
package pushtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// Driver gives a test one database.
type Driver interface {
	// Open opens the database, which is empty at first, and closes it when the test ends. A second Open while the first is open
	// stands for a process that died without closing.
	Open(t testing.TB) push.Store
}

// Run runs the tests. newDriver returns a new, empty database for each.
func Run(t *testing.T, newDriver func(t *testing.T) Driver) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"Key", testKey},
		{"KeyAtOnce", testKeyAtOnce},
		{"KeepsAllFields", testFields},
		{"Most", testMost},
		{"MostAtOnce", testMostAtOnce},
		{"OtherUser", testOtherUser},
		{"Remove", testRemove},
		{"Drop", testDrop},
		{"Unread", testUnread},
		{"Settings", testSettings},
		{"MostSettings", testMostSettings},
		{"Wanting", testWanting},
		{"EndedContextStoresNothing", testEndedContext},
		{"History", testHistory},
		{"HistoryOfMessages", testHistoryOfMessages},
		{"HistoryBound", testHistoryBound},
		{"HistoryPruned", testHistoryPruned},
		{"HistoryAtOnce", testHistoryAtOnce},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{Test: suite.New[chat.Event](t), driver: newDriver(t)}
			f.open()
			test.run(f)
		})
	}
}

// start is when all tests take place.
var start = time.Date(2024, 2, 29, 23, 59, 59, 123e6, time.UTC)

type fixture struct {
	suite.Test[chat.Event]
	driver Driver
	store  push.Store
}

// open opens the database, or opens it again.
func (f *fixture) open() { f.store = f.driver.Open(f) }

func equal[T any](f *fixture, what string, got, want T) {
	f.Helper()
	suite.Equal(f, what, got, want)
}

// device is the nth of a user.
func device(user account.UserID, n int) push.Subscription {
	return push.Subscription{
		ID: fmt.Sprintf("ps_%s_%02d", user, n), UserID: user, Type: push.TypeWebPush, Address: fmt.Sprintf("https://push.example/%s/%d", user, n),
		PublicKey: []byte{4, byte(n)}, Auth: []byte{0, 1}, CreatedAt: start.Add(time.Duration(n) * time.Second),
	}
}

// of are the devices of users.
func (f *fixture) of(users ...account.UserID) []push.Subscription {
	f.Helper()
	all, err := f.store.PushSubscriptions(f.Context(), users)
	f.Must(err)
	return all
}

func testKey(f *fixture) {
	for i, made := range []string{"first", "second"} {
		key, err := f.store.PushKey(f.Context(), []byte(made), start)
		f.Must(err)
		equal(f, fmt.Sprint("key ", i), string(key), "first")
		f.open()
	}
}

func testKeyAtOnce(f *fixture) {
	const many = 8
	keys := make([]string, many)
	suite.AtOnce(many, func(i int) {
		key, err := f.store.PushKey(f.Context(), []byte{byte(i)}, start)
		if err != nil {
			f.Error(err)
		}
		keys[i] = string(key)
	})
	equal(f, "keys", slices.Compact(keys), keys[:1])
}

func testFields(f *fixture) {
	first, second, third := device("ada", 1), device("ada", 2), device("林", 3)
	for _, d := range []push.Subscription{third, second, first} {
		f.Must(f.store.AddPushSubscription(f.Context(), d))
	}
	f.open()
	equal(f, "of both", f.of("林", "nobody", "ada"), []push.Subscription{first, second, third})
	equal(f, "of nobody", f.of("nobody", "", "\x00"), []push.Subscription{})
	equal(f, "of no user", f.of(), []push.Subscription{})
	found, err := f.store.PushSubscriptionsByID(f.Context(), []string{second.ID, "none", first.ID})
	f.Must(err)
	equal(f, "by their ids", found, []push.Subscription{first, second})
	counts, err := f.store.CountPushSubscriptions(f.Context())
	f.Must(err)
	equal(f, "counts", counts, map[push.Type]int{push.TypeWebPush: 3})

	// Apps have no keys, and may be another's later.
	apple, google := device("eve", 1), device("eve", 2)
	apple.Type, apple.Address, apple.PublicKey, apple.Auth = push.TypeAPNs, "com.example.old/aa", []byte{}, []byte{}
	google.Type, google.Address, google.PublicKey, google.Auth = push.TypeFCM, "token:x-_1", []byte{}, []byte{}
	f.Must(f.store.AddPushSubscription(f.Context(), apple))
	f.Must(f.store.AddPushSubscription(f.Context(), google))
	apple.Address = "com.example.new/aa"
	f.Must(f.store.AddPushSubscription(f.Context(), apple))
	f.open()
	equal(f, "apps", f.of("eve"), []push.Subscription{apple, google})
	counts, err = f.store.CountPushSubscriptions(f.Context())
	f.Must(err)
	equal(f, "counts with apps", counts, map[push.Type]int{push.TypeWebPush: 3, push.TypeAPNs: 1, push.TypeFCM: 1})

	first.PublicKey, first.Auth, first.CreatedAt = []byte{4, 9}, []byte{9}, start.Add(time.Hour)
	f.Must(f.store.AddPushSubscription(f.Context(), first))
	equal(f, "renewed", f.of("ada"), []push.Subscription{second, first})
}

func testMost(f *fixture) {
	for n := range push.MaxSubscriptions {
		d := device("ada", n)
		d.Type = push.Types[n%len(push.Types)] // of all together
		f.Must(f.store.AddPushSubscription(f.Context(), d))
	}
	f.Refused(f.store.AddPushSubscription(f.Context(), device("ada", push.MaxSubscriptions)), push.ErrTooMany)
	f.Must(f.store.AddPushSubscription(f.Context(), device("ada", 0))) // which is there
	f.Must(f.store.AddPushSubscription(f.Context(), device("bob", 0)))
	equal(f, "devices", len(f.of("ada")), push.MaxSubscriptions)
}

func testMostAtOnce(f *fixture) {
	const many = push.MaxSubscriptions + 4
	refused := make([]error, many)
	suite.AtOnce(many, func(i int) { refused[i] = f.store.AddPushSubscription(f.Context(), device("ada", i)) })
	n := 0
	for _, err := range refused {
		if errors.Is(err, push.ErrTooMany) {
			n++
		} else {
			f.Must(err)
		}
	}
	equal(f, "refused", n, 4)
	equal(f, "devices", len(f.of("ada")), push.MaxSubscriptions)
}

// testOtherUser: who signs in at a browser of somebody else's has it.
func testOtherUser(f *fixture) {
	d := device("ada", 1)
	f.Must(f.store.AddPushSubscription(f.Context(), d))
	d.UserID = "bob"
	f.Must(f.store.AddPushSubscription(f.Context(), d))
	equal(f, "of ada", f.of("ada"), []push.Subscription{})
	equal(f, "of bob", f.of("bob"), []push.Subscription{d})
}

func testRemove(f *fixture) {
	remove := func(user account.UserID, id string, want int) {
		f.Helper()
		n, err := f.store.RemovePushSubscriptions(f.Context(), user, id)
		f.Must(err)
		equal(f, "removed", n, want)
	}
	for n := range 3 {
		f.Must(f.store.AddPushSubscription(f.Context(), device("ada", n)))
	}
	bob := device("bob", 1)
	f.Must(f.store.AddPushSubscription(f.Context(), bob))
	remove("ada", bob.ID, 0)
	remove("ada", device("ada", 1).ID, 1)
	remove("ada", "", 2)
	remove("ada", "", 0)
	equal(f, "of both", f.of("ada", "bob"), []push.Subscription{bob})
}

// testDrop: who subscribes again while it is found that the device was gone keeps it.
func testDrop(f *fixture) {
	first, second := device("ada", 1), device("ada", 2)
	f.Must(f.store.AddPushSubscription(f.Context(), first))
	f.Must(f.store.AddPushSubscription(f.Context(), second))
	f.Must(f.store.DropPushSubscription(f.Context(), first))
	f.Must(f.store.DropPushSubscription(f.Context(), first))
	renewed := second
	renewed.CreatedAt = start.Add(time.Hour)
	f.Must(f.store.AddPushSubscription(f.Context(), renewed))
	f.Must(f.store.DropPushSubscription(f.Context(), second))
	equal(f, "of ada", f.of("ada"), []push.Subscription{renewed})
}

// testUnread: how far a user has read, and how much there is behind that which others have said and is not deleted.
func testUnread(f *fixture) {
	rules := chat.DefaultConfig()
	rules.DirectPolicy = chat.DirectAnyone
	chats, err := chat.New(rules, chat.Deps{Store: f.store.(chat.Store), Now: func() time.Time { return start }, NewID: chat.NewID})
	f.Must(err)
	ada, bob := chat.Actor{ID: "ada", Name: "Ada"}, chat.Actor{ID: "bob", Name: "Bob"}
	send := func(from, to chat.Actor) chat.Message {
		f.Helper()
		m, err := chats.SendDirect(f.Context(), from, chat.SendDirect{RecipientID: to.ID, Content: "x"})
		f.Must(err)
		return m
	}
	check := func(user chat.UserID, mark int64, unread int) {
		f.Helper()
		gotMark, got, err := f.store.PushUnread(f.Context(), user, chat.DirectID("ada", "bob"))
		f.Must(err)
		equal(f, "mark and unread of "+string(user), [2]int64{gotMark, int64(got)}, [2]int64{mark, int64(unread)})
	}
	check("bob", 0, 0)
	first, second := send(ada, bob), send(ada, bob)
	send(bob, ada)
	check("bob", 0, 2)
	f.Must(chats.MarkConversation(f.Context(), bob, first.ConversationID, first.Seq))
	check("bob", first.Seq, 1)
	_, err = chats.DeleteMessage(f.Context(), ada, second.ID)
	f.Must(err)
	check("bob", first.Seq, 0)
	check("nobody", 0, 2)
}

func testSettings(f *fixture) {
	own := push.Settings{
		UserID: "ada", Level: push.Mentions, MutedUntil: start, Quiet: push.Quiet{From: 22 * 60, To: 7 * 60, Zone: "Europe/Berlin"}, WithoutContent: true,
	}
	hall := push.Settings{UserID: "ada", Conversation: "room:1", Level: push.Anything, MutedUntil: start}
	bob := push.Settings{UserID: "bob", Conversation: "room:2", Level: push.Nothing}
	for _, s := range []push.Settings{hall, bob, own} {
		f.Must(f.store.SetPushSettings(f.Context(), s))
	}
	f.open()
	of := func(user account.UserID, want ...push.Settings) {
		f.Helper()
		all, err := f.store.PushSettings(f.Context(), user)
		f.Must(err)
		equal(f, "of "+string(user), all, append([]push.Settings{}, want...))
	}
	of("ada", own, hall)
	of("nobody")
	among, err := f.store.PushSettingsAmong(f.Context(), []account.UserID{"bob", "ada", "nobody"}, "room:1")
	f.Must(err)
	equal(f, "for a room", among, []push.Settings{own, hall})
	among, err = f.store.PushSettingsAmong(f.Context(), []account.UserID{"bob", "ada"}, "")
	f.Must(err)
	equal(f, "for none", among, []push.Settings{own})
	hall.Level, hall.MutedUntil = push.Default, time.Time{}
	f.Must(f.store.SetPushSettings(f.Context(), hall))
	of("ada", own, hall)
	f.Must(f.store.RemovePushSettings(f.Context(), "ada", ""))
	f.Must(f.store.RemovePushSettings(f.Context(), "ada", "room:2"))
	of("ada", hall)
	of("bob", bob)
}

func testMostSettings(f *fixture) {
	set := func(n int) error {
		return f.store.SetPushSettings(f.Context(), push.Settings{UserID: "ada", Conversation: fmt.Sprintf("room:%d", n), Level: push.Nothing})
	}
	const atOnce = 250
	for n := 0; n < push.MaxSettings; n += atOnce {
		suite.AtOnce(atOnce, func(i int) {
			if err := set(n + i); err != nil {
				f.Error(err)
			}
		})
	}
	f.Refused(set(push.MaxSettings), push.ErrTooManySettings)
	f.Must(set(0))
	f.Must(f.store.SetPushSettings(f.Context(), push.Settings{UserID: "ada", Level: push.Nothing}))
}

func testWanting(f *fixture) {
	any := func(want bool) {
		f.Helper()
		got, err := f.store.AnyPushWanting(f.Context())
		f.Must(err)
		equal(f, "anybody wants all", got, want)
	}
	any(false)
	for i := range 5 {
		f.Must(f.store.SetPushSettings(f.Context(), push.Settings{UserID: account.UserID(fmt.Sprint("u", i)), Conversation: "room:1", Level: push.Anything}))
	}
	f.Must(f.store.SetPushSettings(f.Context(), push.Settings{UserID: "u1", Conversation: "room:1", Level: push.Mentions}))
	f.Must(f.store.SetPushSettings(f.Context(), push.Settings{UserID: "u9", Conversation: "room:2", Level: push.Anything}))
	any(true)
	page := func(after account.UserID, want ...account.UserID) {
		f.Helper()
		got, err := f.store.PushWanting(f.Context(), "room:1", after, 2)
		f.Must(err)
		equal(f, "behind "+string(after), got, append([]account.UserID{}, want...))
	}
	page("", "u0", "u2")
	page("u2", "u3", "u4")
	page("u4")
}

func testEndedContext(f *fixture) {
	ended := suite.Ended(f.Context())
	d := device("ada", 1)
	if err := f.store.AddPushSubscription(ended, d); err == nil {
		f.Error("it is stored")
	}
	if _, err := f.store.PushKey(ended, []byte("never"), start); err == nil {
		f.Error("the key is stored")
	}
	equal(f, "of ada", f.of("ada"), []push.Subscription{})
	key, err := f.store.PushKey(f.Context(), []byte("first"), start)
	f.Must(err)
	equal(f, "key", string(key), "first")
}
