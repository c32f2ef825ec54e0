package storetest

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

func (f *fixture) sync(user chat.UserID, since map[string]int64) chat.Synced {
	f.Helper()
	synced, err := f.store.Sync(f.Context(), chat.SyncQuery{
		User: user, Since: since, MaxEvents: 10, MaxBytes: 64 << 10, MaxBehind: 20, MaxNew: 3,
	})
	f.Must(err)
	return synced
}

func (f *fixture) conversations(user chat.UserID) []chat.Summary {
	f.Helper()
	list, err := f.store.Conversations(f.Context(), chat.ConversationQuery{User: user, Limit: 100})
	f.Must(err)
	return list
}

func testMarkConversation(f *fixture) {
	m := f.append(f.direct("anna", "bert", "1"))
	f.append(f.direct("anna", "bert", "2"))
	f.Events.Take()
	mark := func(user chat.UserID, seq int64) error {
		return f.store.MarkConversation(f.Context(), chat.MarkConversation{
			Reader: actor(user), ConversationID: m.ConversationID, Seq: seq, At: readTime,
		})
	}
	f.Must(mark("bert", 1))
	f.Must(mark("bert", 1))
	equal(f, "event", f.one(), markEvent("bert", m))
	equal(f, "unread", f.conversations("bert")[0].Unread, 1)
	f.Must(mark("bert", 2))
	f.Must(mark("bert", 1))
	f.one()
	equal(f, "mark", f.conversations("bert")[0].Mark, int64(2))
	f.Refused(mark("bert", 3), &refusal.Error{Code: refusal.InvalidField})
	f.Refused(mark("carl", 1), chat.ErrConversationNotFound)
	f.Refused(f.store.MarkConversation(f.Context(), chat.MarkConversation{Reader: actor("bert"), ConversationID: "dm:none", Seq: 1}),
		chat.ErrConversationNotFound)
	f.Quiet()
}

func testConversations(f *fixture) {
	at := func(cmd chat.Append, second int) chat.Append {
		cmd.Message.Timestamp = start.Add(time.Duration(second) * time.Second)
		return cmd
	}
	f.known("carl")
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	f.append(at(f.toRoom("anna", room.ID, "one"), 1))
	gone := f.append(at(f.toRoom("anna", room.ID, "two"), 2))
	f.append(at(f.toRoom("bert", room.ID, "three"), 3))
	direct := f.append(at(f.direct("carl", "bert", "psst"), 2))
	f.append(at(f.direct("anna", "carl", "not bert's"), 4))
	f.room(chat.RoomPublic, 10, "bert")
	f.remove("anna", gone)
	f.react("carl", direct, "👍", true)

	list := f.conversations("bert")
	equal(f, "number", len(list), 3)
	// Both were touched a minute after the start, and then the later id is first.
	equal(f, "room", []any{list[0].Room.ID, list[0].Room.MemberCount, list[0].Seq, list[0].Mark, list[0].Unread, list[0].Last.Content, list[0].Peer},
		[]any{room.ID, 2, int64(6), int64(2), 1, "three", (*chat.User)(nil)})
	equal(f, "direct", []any{list[1].Peer.ID, list[1].Peer.Name, list[1].Seq, list[1].Unread, len(list[1].Last.Reactions), list[1].Room},
		[]any{chat.UserID("carl"), actor("carl").Name, int64(2), 1, 1, (*chat.Room)(nil)})
	equal(f, "empty room", []any{list[2].Last, list[2].Seq, list[2].FirstSeq}, []any{(*chat.Message)(nil), int64(1), int64(1)})

	var paged []chat.Summary
	for q := (chat.ConversationQuery{User: "bert", Limit: 1}); ; {
		page, err := f.store.Conversations(f.Context(), q)
		f.Must(err)
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		q.After = chat.Position{LastAt: page[0].LastAt, ConversationID: page[0].ConversationID}
	}
	equal(f, "by pages of one", paged, list)
	equal(f, "of a stranger", f.conversations("stranger"), []chat.Summary{})
}

func testUnreadCounts(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	suite.AtOnce(10, func(int) {
		for range 105 {
			if _, err := f.store.AppendMessage(f.Context(), f.toRoom("anna", room.ID, "x")); err != nil {
				f.Error(err)
			}
		}
	})
	equal(f, "unread, where counting ends", f.conversations("bert")[0].Unread, chat.MaxUnreadCount)
	equal(f, "own", f.conversations("anna")[0].Unread, 0)
}

// testSync: what is read from the log is what was published, as it is now.
func testSync(f *fixture) {
	f.known("anna", "bert", "carl", "dora", "zoe")
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	m := f.append(f.toRoom("anna", room.ID, "hi"))
	f.react("bert", m, "👍", true)
	f.react("bert", m, "👍", false)
	f.edit("anna", m, "ho")
	f.Must(f.store.SetRole(f.Context(), roleOf("anna", room, "bert", chat.RoleAdmin)))
	_, err := f.store.AddMembers(f.Context(), chat.AddMembers{RoomID: room.ID, Actor: actor("anna"), Users: []chat.UserID{"carl", "dora"}, At: start})
	f.Must(err)
	f.Must(f.store.Kick(f.Context(), about("anna", room, "carl")))
	f.Must(f.store.Ban(f.Context(), about("anna", room, "zoe")))
	published := f.Events.Take()
	equal(f, "published", len(published), 10)

	c := f.sync("bert", map[string]int64{room.ConversationID: 0}).Conversations[0]
	equal(f, "ends", []int64{c.FirstSeq, c.Seq, c.Mark}, []int64{1, 10, 2})
	for i, got := range c.Events {
		want := published[i]
		want.Origin, want.Audience = "", chat.Audience{}
		switch want.Kind {
		case chat.MessageCreated, chat.MessageEdited:
			now := *want.Message
			now.Content, now.EditedAt = "ho", start.Add(time.Minute)
			want.Message = &now
		case chat.MembersAdded:
			want.Added = &chat.Added{RoomID: room.ID, Count: 2, Users: []chat.UserID{"dora"}}
			want.Names = want.Names.Of(want.Added.Users)
		case chat.MemberLeft:
			left := *want.Membership
			left.Role = ""
			want.Membership = &left
		}
		if !reflect.DeepEqual(got, want) {
			f.Errorf("event %d:\n got %+v\nwant %+v", i+1, got, want)
		}
	}
	name := "Other"
	f.Must(f.store.UpdateRoom(f.Context(), chat.UpdateRoom{RoomID: room.ID, Actor: actor("anna"), Name: &name, At: start}))
	f.remove("anna", m)
	c = f.sync("bert", map[string]int64{room.ConversationID: 10}).Conversations[0]
	equal(f, "kinds", []chat.EventKind{c.Events[0].Kind, c.Events[1].Kind}, []chat.EventKind{chat.RoomUpdated, chat.MessageDeleted})
	equal(f, "room", c.Events[0].Room.Name, "Other")
	equal(f, "deleted by", c.Events[1].By, chat.UserID("anna"))
	equal(f, "tombstone", []any{c.Events[1].Message.Content, c.Events[1].Message.DeletedAt}, []any{"", start.Add(time.Minute)})
	c = f.sync("bert", map[string]int64{room.ConversationID: 2}).Conversations[0]
	equal(f, "body after the delete", c.Events[0].Message.Content, "")
}

func testSyncAnswers(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	left := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", left.ID)
	f.leave("bert", left.ID)
	direct := f.append(f.direct("anna", "bert", "psst"))
	foreign := f.append(f.direct("anna", "carl", "psst"))
	for range 19 {
		f.append(f.toRoom("anna", room.ID, "x"))
	}
	got := f.sync("bert", map[string]int64{room.ConversationID: 21, left.ConversationID: 1, foreign.ConversationID: 0, "no-such": 7})
	want := []chat.SyncedConversation{
		{ConversationID: foreign.ConversationID, Gone: true}, {ConversationID: "no-such", Gone: true},
		{ConversationID: room.ConversationID, FirstSeq: 1, Seq: 21, Mark: 2}, {ConversationID: left.ConversationID, Gone: true},
	}
	equal(f, "named", fmt.Sprintf("%+v", got.Conversations), fmt.Sprintf("%+v", want))
	equal(f, "new", []any{len(got.New), got.New[0].ConversationID, got.New[0].Unread, got.More}, []any{1, direct.ConversationID, 1, false})

	for since, reset := range map[int64]bool{0: true, 1: false, 21: false, 22: true} {
		c := f.sync("bert", map[string]int64{room.ConversationID: since}).Conversations[0]
		equal(f, fmt.Sprintf("reset from %d", since), c.Reset, reset)
		equal(f, "head", c.Seq, int64(21))
	}
	f.react("anna", direct, "👍", true)
	got = f.sync("bert", map[string]int64{room.ConversationID: 10, direct.ConversationID: 0})
	equal(f, "events of both", []int{len(got.Conversations[0].Events), len(got.Conversations[1].Events)}, []int{2, 8})
	equal(f, "more", got.More, true)
	got = f.sync("bert", map[string]int64{room.ConversationID: 18, direct.ConversationID: 2})
	equal(f, "the rest", []any{len(got.Conversations[1].Events), got.More}, []any{3, false})
	equal(f, "in order", got.Conversations[1].Events[0].Seq, int64(19))

	for range 5 {
		f.room(chat.RoomPublic, 10, "bert")
	}
	got = f.sync("bert", map[string]int64{})
	equal(f, "introduced at once", []any{len(got.New), got.More}, []any{3, true})
}

// testSyncBySize: an answer ends where it would get too large, and yet gets on.
func testSyncBySize(f *fixture) {
	for range 3 {
		f.append(f.direct("anna", "bert", strings.Repeat("<", 10_000)))
	}
	id := chat.DirectID("anna", "bert")
	got := f.sync("bert", map[string]int64{id: 0})
	equal(f, "large ones", []any{len(got.Conversations[0].Events), got.More}, []any{1, true})
	small, err := f.store.Sync(f.Context(), chat.SyncQuery{
		User: "bert", Since: map[string]int64{id: 2}, MaxEvents: 10, MaxBytes: 10, MaxBehind: 20, MaxNew: 3,
	})
	f.Must(err)
	equal(f, "one larger than all", []any{len(small.Conversations[0].Events), small.More}, []any{1, false})
}

func testHeads(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	late := f.direct("anna", "bert", "x")
	late.Message.Timestamp = start.Add(time.Hour)
	direct := f.append(late)
	sides := chat.Audience{Users: []chat.UserID{"anna", "bert"}}
	heads, err := f.store.Changed(f.Context(), start.Add(time.Hour), 10)
	f.Must(err)
	equal(f, "changed lately", heads, []chat.Head{{ConversationID: direct.ConversationID, Seq: 1, Audience: sides}})
	heads, err = f.store.Changed(f.Context(), start, 10)
	f.Must(err)
	equal(f, "changed", len(heads), 2)
	headsOf := func(user chat.UserID, since time.Time) []chat.Head {
		f.Helper()
		heads, err := f.store.Heads(f.Context(), user, since, 10)
		f.Must(err)
		return heads
	}
	ofDirect := chat.Head{ConversationID: direct.ConversationID, Seq: 1, Audience: sides}
	ofRoom := chat.Head{ConversationID: room.ConversationID, Seq: 1, Audience: chat.Audience{RoomID: room.ID}}
	equal(f, "all of anna's", headsOf("anna", time.Time{}), []chat.Head{ofDirect, ofRoom})
	look := func(others string) {
		f.Helper()
		equal(f, "anna's since the room"+others, headsOf("anna", start), []chat.Head{ofDirect, ofRoom})
		equal(f, "anna's since the message"+others, headsOf("anna", start.Add(time.Hour)), []chat.Head{ofDirect})
		equal(f, "anna's since then"+others, headsOf("anna", start.Add(time.Hour+time.Millisecond)), []chat.Head{})
		equal(f, "bert's"+others, headsOf("bert", start), []chat.Head{ofDirect})
	}
	look("")
	f.createMany(60, "anna", start.Add(-time.Hour)) // more than are worth looking at
	f.createMany(60, "bert", start.Add(-time.Hour))
	look(", with many quiet ones")
	f.createMany(640, "carl", start.Add(2*time.Hour))
	look(", with many others")
}
