package pushtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// note notes that users were told something.
func (f *fixture) note(content *push.Content, told ...push.Told) []account.UserID {
	f.Helper()
	read, err := f.store.NoteTold(f.Context(), told, content)
	f.Must(err)
	return read
}

// had are the notifications of a user.
func (f *fixture) had(user account.UserID) []push.Past {
	f.Helper()
	past, err := f.store.Notifications(f.Context(), user, push.MaxHistory)
	f.Must(err)
	return past
}

// ids are those of what a user had, with those that are read in brackets.
func (f *fixture) ids(user account.UserID) (ids []string) {
	f.Helper()
	for _, p := range f.had(user) {
		if p.ReadAt.IsZero() {
			ids = append(ids, p.ID)
		} else {
			ids = append(ids, "("+p.ID+")")
		}
	}
	return ids
}

func lunch(id string) *push.Content {
	return &push.Content{ID: id, Fields: push.Fields{"title": json.RawMessage(`"\u5348\u9910"`), "own": json.RawMessage(`{"a":[1]}`)}, At: start}
}

// sent, refused are results of telling a user's first device.
func sent(user account.UserID) push.Result {
	return push.Result{Device: device(user, 1).ID, Type: push.TypeWebPush, Success: true}
}

func refused(user account.UserID) push.Result {
	return push.Result{Device: device(user, 2).ID, Type: push.TypeAPNs, Error: "the answer was 400 \"x\""}
}

// testHistory: who was told something has it, with what came of it, until it is read and behind that.
func testHistory(f *fixture) {
	for _, user := range []account.UserID{"ada", "\u6797"} {
		equal(f, "read", f.note(lunch("bc_1"), push.Told{UserID: user, ID: "bc_1", At: start}), nil)
	}
	f.note(nil, push.Told{UserID: "ada", ID: "bc_1", At: start.Add(time.Hour), Results: []push.Result{sent("ada")}})
	f.note(nil, push.Told{UserID: "ada", ID: "bc_1", At: start, Results: []push.Result{refused("ada")}})
	f.note(nil, push.Told{UserID: "ada", ID: "bc_1", At: start})
	f.note(lunch("bc_2"), push.Told{UserID: "ada", ID: "bc_2", At: start.Add(time.Second)}, push.Told{UserID: "bob", ID: "bc_2", At: start.Add(time.Second)})
	f.open()
	want := push.Past{Told: push.Told{UserID: "ada", ID: "bc_1", At: start, Results: []push.Result{sent("ada"), refused("ada")}}, Fields: lunch("bc_1").Fields}
	got := f.had("ada")
	if len(got) != 2 || got[0].ID != "bc_2" {
		f.Fatalf("ada had %+v", got)
	}
	equal(f, "of ada", got[1], want)
	want.UserID, want.Results = "\u6797", []push.Result{}
	equal(f, "of another", f.had("\u6797"), []push.Past{want})
	equal(f, "of nobody", f.had("nobody"), []push.Past{})
	first, err := f.store.Notifications(f.Context(), "ada", 1)
	f.Must(err)
	equal(f, "the first one", len(first), 1)
	contents, err := f.store.NotificationContents(f.Context(), []string{"bc_2", "none", "bc_1"})
	f.Must(err)
	equal(f, "contents", contents, []push.Content{*lunch("bc_1"), *lunch("bc_2")})

	read := func(want int, user account.UserID, ids ...string) {
		f.Helper()
		n, err := f.store.ReadNotifications(f.Context(), user, ids, start.Add(time.Minute))
		f.Must(err)
		equal(f, "were unread", n, want)
	}
	read(1, "ada", "bc_1", "none")
	read(0, "ada", "bc_1")
	equal(f, "read by ada", f.ids("ada"), []string{"bc_2", "(bc_1)"})
	equal(f, "when", f.had("ada")[1].ReadAt, start.Add(time.Minute))
	equal(f, "told then", f.note(nil, push.Told{UserID: "ada", ID: "bc_1", At: start, Results: []push.Result{sent("ada")}}), []account.UserID{"ada"})
	read(1, "ada")
	read(0, "nobody")
	equal(f, "all read by ada", f.ids("ada"), []string{"(bc_2)", "(bc_1)"})
	equal(f, "of bob", f.ids("bob"), []string{"bc_2"})
}

// testHistoryOfMessages: a message is as it is, for who is in its conversation, and read when its conversation is.
func testHistoryOfMessages(f *fixture) {
	rules := chat.DefaultConfig()
	rules.DirectPolicy = chat.DirectAnyone
	now := start
	chats, err := chat.New(rules, chat.Deps{Store: f.store.(chat.Store), Now: func() time.Time { return now }, NewID: chat.NewID})
	f.Must(err)
	ada, bob := chat.Actor{ID: "ada", Name: "Ada"}, chat.Actor{ID: "bob", Name: "Bob"}
	_, err = chats.CreateRoom(f.Context(), ada, chat.CreateRoom{ID: "hall", Name: "The hall"})
	f.Must(err)
	_, err = chats.JoinRoom(f.Context(), bob, "hall")
	f.Must(err)
	var said []chat.Message
	tell := func(m chat.Message, err error) {
		f.Helper()
		f.Must(err)
		said = append(said, m)
		equal(f, "read", f.note(nil, push.Told{UserID: "bob", ID: m.ID, At: m.Timestamp, Conversation: m.ConversationID, Seq: m.Seq, Results: []push.Result{sent("bob")}}), nil)
		now = now.Add(time.Second)
	}
	tell(chats.SendToRoom(f.Context(), ada, chat.SendToRoom{RoomID: "hall", Content: "one"}))
	tell(chats.SendDirect(f.Context(), ada, chat.SendDirect{RecipientID: "bob", Content: "two"}))
	tell(chats.SendToRoom(f.Context(), ada, chat.SendToRoom{RoomID: "hall", Content: "three"}))
	tell(chats.SendDirect(f.Context(), ada, chat.SendDirect{RecipientID: "bob", Content: "four"}))
	_, err = chats.EditMessage(f.Context(), ada, said[0].ID, "ONE")
	f.Must(err)
	_, err = chats.DeleteMessage(f.Context(), ada, said[1].ID)
	f.Must(err)
	shown := func(want ...string) {
		f.Helper()
		all := []string{}
		for _, p := range f.had("bob") {
			all = append(all, fmt.Sprintf("%s: %s (%s %s %t)", p.Said.SenderName, p.Said.Content, p.Said.RoomID, p.Said.RoomName, !p.ReadAt.IsZero()))
		}
		equal(f, "shown", all, want)
	}
	shown("Ada: four (  false)", "Ada: three (hall The hall false)", "Ada: ONE (hall The hall false)")
	_, err = chats.MarkRead(f.Context(), bob, []string{said[0].ID})
	f.Must(err)
	shown("Ada: four (  false)", "Ada: three (hall The hall false)", "Ada: ONE (hall The hall true)")
	_, err = chats.MarkRead(f.Context(), bob, []string{said[3].ID})
	f.Must(err)
	shown("Ada: four (  true)", "Ada: three (hall The hall false)", "Ada: ONE (hall The hall true)")

	// Who has read it by the time that it is noted.
	m := said[3]
	again := push.Told{UserID: "bob", ID: "other", At: now, Conversation: m.ConversationID, Seq: m.Seq}
	equal(f, "read by then", f.note(nil, again), []account.UserID{"bob"})
	again.ID, again.Seq = "later", m.Seq+1
	equal(f, "not read by then", f.note(nil, again), nil)
	_, err = chats.LeaveRoom(f.Context(), bob, "hall")
	f.Must(err)
	shown("Ada: four (  true)")
}

// testHistoryBound: of each the last hundred stay.
func testHistoryBound(f *fixture) {
	const more = 5
	var want []string
	for n := range push.MaxHistory + more {
		id := fmt.Sprintf("bc_%03d", n)
		f.note(lunch(id), push.Told{UserID: "ada", ID: id, At: start.Add(time.Duration(n) * time.Second)})
		if n < 2 {
			f.note(nil, push.Told{UserID: "bob", ID: id, At: start})
		}
		if n >= more {
			want = append(want, id)
		}
	}
	slices.Reverse(want)
	past, err := f.store.Notifications(f.Context(), "ada", 2*push.MaxHistory)
	f.Must(err)
	equal(f, "how many", len(past), push.MaxHistory)
	equal(f, "of ada", f.ids("ada"), want)
	equal(f, "of bob", f.ids("bob"), []string{"bc_001", "bc_000"})

	var results []push.Result // of somebody who is told without end
	for range 400 {
		results = append(results, refused("cyd"))
	}
	for range 3 {
		f.note(nil, push.Told{UserID: "cyd", ID: "bc_001", At: start, Results: results})
	}
	equal(f, "results", len(f.had("cyd")[0].Results), len(results))
}

func testHistoryPruned(f *fixture) {
	for n := range 5 {
		id, at := fmt.Sprint("bc_", n), start.Add(time.Duration(n)*time.Hour)
		content := lunch(id)
		content.At = at
		f.note(content, push.Told{UserID: "ada", ID: id, At: at}, push.Told{UserID: "bob", ID: id, At: at})
	}
	for _, want := range []int{4, 2, 0} {
		n, err := f.store.PruneNotifications(f.Context(), start.Add(3*time.Hour), 4)
		f.Must(err)
		equal(f, "removed", n, want)
	}
	for _, user := range []account.UserID{"ada", "bob"} {
		equal(f, "of "+string(user), f.ids(user), []string{"bc_4", "bc_3"})
	}
	contents, err := f.store.NotificationContents(f.Context(), []string{"bc_0", "bc_2", "bc_3"})
	f.Must(err)
	equal(f, "contents", len(contents), 1)

	// Of each user the last notifications alone stay, so that there may be contents of which no notification is there.
	for n := range 3 {
		content := lunch(fmt.Sprint("bc_old_", n))
		content.At = start
		f.note(content)
	}
	for _, want := range []int{1, 1, 1, 0} {
		n, err := f.store.PruneNotifications(f.Context(), start.Add(time.Hour), 1)
		f.Must(err)
		equal(f, "contents removed", n, want)
	}
}

// testHistoryAtOnce: many who are told by several servers at once.
func testHistoryAtOnce(f *fixture) {
	const many = 8
	users := []account.UserID{"ada", "bob", "cyd", "dora"}
	suite.AtOnce(many, func(i int) {
		var told []push.Told
		for _, user := range users {
			told = append(told, push.Told{UserID: user, ID: "bc_1", At: start, Results: []push.Result{{Device: fmt.Sprint("ps_", i), Type: push.TypeFCM, Success: true}}})
		}
		if i%2 == 0 {
			slices.Reverse(told)
		}
		if _, err := f.store.NoteTold(f.Context(), told, lunch("bc_1")); err != nil {
			f.Error(err)
		}
	})
	for _, user := range users {
		equal(f, "results of "+string(user), len(f.had(user)[0].Results), many)
	}
}
