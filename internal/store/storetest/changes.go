package storetest

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

const window = 5 * time.Minute

func edit(by chat.UserID, m chat.Message, content string) chat.Edit {
	return chat.Edit{MessageID: m.ID, Editor: actor(by), Content: content, At: start.Add(time.Minute), Window: window}
}

func remove(by chat.UserID, m chat.Message) chat.Delete {
	return chat.Delete{MessageID: m.ID, Actor: actor(by), At: start.Add(time.Minute)}
}

func pin(by chat.UserID, m chat.Message, pinned bool) chat.Pin {
	return chat.Pin{MessageID: m.ID, Actor: actor(by), Pinned: pinned, At: start.Add(time.Minute), Most: 3}
}

func react(by chat.UserID, m chat.Message, emoji string, added bool) chat.React {
	return chat.React{MessageID: m.ID, Actor: actor(by), Emoji: emoji, Added: added, At: start.Add(time.Minute), Most: 3}
}

func (f *fixture) edit(by chat.UserID, m chat.Message, content string) chat.Message {
	f.Helper()
	got, err := f.store.EditMessage(f.Context(), edit(by, m, content))
	f.Must(err)
	return got
}

func (f *fixture) remove(by chat.UserID, m chat.Message) chat.Message {
	f.Helper()
	got, err := f.store.DeleteMessage(f.Context(), remove(by, m))
	f.Must(err)
	return got
}

func (f *fixture) react(by chat.UserID, m chat.Message, emoji string, added bool) {
	f.Helper()
	f.Must(f.store.React(f.Context(), react(by, m, emoji, added)))
}

// one returns the only event since the last look.
func (f *fixture) one() chat.Event {
	f.Helper()
	events := f.Events.Take()
	if len(events) != 1 {
		f.Fatalf("%d events were published, want 1: %+v", len(events), events)
	}
	return events[0]
}

func (f *fixture) placed(conversation string, seq int64, by chat.UserID) chat.Place {
	return chat.Place{ConversationID: conversation, Seq: seq, At: start.Add(time.Minute), By: by, Origin: actor(by).Origin}
}

func testEdit(f *fixture) {
	cmd := f.direct("anna", "bert", "hi")
	cmd.Message.ClientMsgID = "c1"
	m := f.append(cmd)
	f.Events.Take()

	want := m
	want.Content, want.EditedAt = "ho", start.Add(time.Minute)
	equal(f, "edited", f.edit("anna", m, "ho"), want)
	equal(f, "event", f.one(), chat.NewChangeEvent(chat.MessageEdited, f.placed(m.ConversationID, 2, "anna"), &want))
	equal(f, "history", f.all(m.ConversationID), []chat.Message{want})

	late := edit("anna", m, "ho")
	late.At = start.Add(24 * time.Hour)
	got, err := f.store.EditMessage(f.Context(), late)
	f.Must(err)
	equal(f, "the same again, though too late", got, want)
	equal(f, "the first sending again", f.append(cmd), want)
	for _, test := range []struct {
		cmd  chat.Edit
		want error
	}{
		{edit("bert", m, "x"), chat.ErrNotOwnMessage},
		{edit("carl", m, "x"), chat.ErrMessageNotFound},
		{edit("anna", chat.Message{ID: "none"}, "x"), chat.ErrMessageNotFound},
		{chat.Edit{MessageID: m.ID, Editor: actor("anna"), Content: "x", At: start.Add(window + time.Millisecond), Window: window},
			chat.ErrEditWindowExceeded},
	} {
		_, err := f.store.EditMessage(f.Context(), test.cmd)
		f.Refused(err, test.want)
	}
	f.Quiet()
	f.remove("anna", m)
	_, err = f.store.EditMessage(f.Context(), edit("anna", m, "x"))
	f.Refused(err, chat.ErrMessageNotFound)

	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	said := f.append(f.toRoom("bert", room.ID, "x"))
	f.leave("bert", room.ID)
	_, err = f.store.EditMessage(f.Context(), edit("bert", said, "y"))
	f.Refused(err, chat.ErrMessageNotFound)
}

func testDelete(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	f.join("carl", room.ID)
	cmd := f.toRoom("bert", room.ID, "secret")
	cmd.Message.ClientMsgID, cmd.Message.Attachments, cmd.Message.Mentions = "c1", []string{"file"}, []chat.UserID{"carl"}
	m := f.append(cmd)
	f.react("carl", m, "👍", true)
	_, err := f.store.PinMessage(f.Context(), pin("anna", m, true))
	f.Must(err)
	f.Events.Take()

	_, err = f.store.DeleteMessage(f.Context(), remove("carl", m))
	f.Refused(err, chat.ErrDeleteNotPermitted)
	_, err = f.store.DeleteMessage(f.Context(), remove("dora", m))
	f.Refused(err, chat.ErrMessageNotFound)
	f.Quiet()

	want := m
	want.Content, want.Attachments, want.Mentions, want.DeletedAt = "", nil, nil, start.Add(time.Minute)
	equal(f, "tombstone", f.remove("anna", m), want)
	equal(f, "event", f.one(), chat.NewChangeEvent(chat.MessageDeleted, f.placed(m.ConversationID, 7, "anna"), &want))
	equal(f, "deleted again by its sender", f.remove("bert", m), want)
	f.Quiet()
	equal(f, "history", f.all(m.ConversationID), []chat.Message{want})
	sent, _, err := f.store.Sent(f.Context(), "bert", "c1")
	f.Must(err)
	equal(f, "fingerprint", len(sent.Fingerprint), 0)
	equal(f, "sent again", f.append(cmd), want)
	equal(f, "mentions of carl", f.conversations("carl")[0].Mentions, 0)
	for _, e := range f.sync("carl", map[string]int64{m.ConversationID: 4}).Conversations[0].Events {
		if e.Kind == chat.ReactionAdded && e.Reaction.Emoji != "" {
			f.Errorf("the log still has the emoji %q", e.Reaction.Emoji)
		}
	}

	direct := f.append(f.direct("anna", "bert", "x"))
	_, err = f.store.DeleteMessage(f.Context(), remove("bert", direct))
	f.Refused(err, chat.ErrDeleteNotPermitted)
}

func testPin(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	var m []chat.Message
	for i := range 4 {
		m = append(m, f.append(f.toRoom("bert", room.ID, fmt.Sprint(i))))
	}
	f.Events.Take()
	_, err := f.store.PinMessage(f.Context(), pin("bert", m[0], true))
	f.Refused(err, chat.ErrPinNotPermitted)
	_, err = f.store.PinMessage(f.Context(), pin("carl", m[0], true))
	f.Refused(err, chat.ErrMessageNotFound)
	f.Quiet()

	want := m[1]
	want.PinnedAt, want.PinnedBy = start.Add(time.Minute), "anna"
	for range 2 {
		got, err := f.store.PinMessage(f.Context(), pin("anna", m[1], true))
		f.Must(err)
		equal(f, "pinned", got, want)
	}
	equal(f, "event", f.one(), chat.NewChangeEvent(chat.MessagePinned, f.placed(room.ConversationID, 7, "anna"), &want))
	for _, i := range []int{0, 3} {
		_, err := f.store.PinMessage(f.Context(), pin("anna", m[i], true))
		f.Must(err)
	}
	_, err = f.store.PinMessage(f.Context(), pin("anna", m[2], true))
	f.Refused(err, chat.ErrTooManyPins)
	pinned, err := f.store.Pinned(f.Context(), room.ConversationID, 10)
	f.Must(err)
	equal(f, "all pinned", contents(pinned), []string{"0", "1", "3"})
	f.Events.Take()

	for range 2 {
		got, err := f.store.PinMessage(f.Context(), pin("anna", m[1], false))
		f.Must(err)
		equal(f, "unpinned", got, m[1])
	}
	equal(f, "kind", f.one().Kind, chat.MessageUnpinned)

	direct := f.append(f.direct("anna", "bert", "x"))
	_, err = f.store.PinMessage(f.Context(), pin("bert", direct, true))
	f.Must(err)
}

func testReactions(f *fixture) {
	m := f.append(f.direct("anna", "bert", "hi"))
	f.Events.Take()
	f.react("bert", m, "🎣", true)
	equal(f, "event", f.one(), chat.NewReactionEvent(chat.ReactionAdded, f.placed(m.ConversationID, 2, "bert"), &m, chat.Reaction{
		MessageID: m.ID, UserID: "bert", UserName: actor("bert").Name, Emoji: "🎣",
	}))
	f.react("bert", m, "🎣", true)
	f.react("anna", m, "👍", false)
	f.Quiet()
	f.react("anna", m, "👍", true)
	f.react("anna", m, "🎣", true)
	f.react("anna", m, "x", true)
	f.Refused(f.store.React(f.Context(), react("bert", m, "y", true)), chat.ErrTooManyReactions)
	f.Refused(f.store.React(f.Context(), react("carl", m, "🎣", true)), chat.ErrMessageNotFound)
	f.Refused(f.store.React(f.Context(), react("anna", chat.Message{ID: "none"}, "🎣", true)), chat.ErrMessageNotFound)
	f.react("anna", m, "x", false)
	f.Events.Take()

	want := []chat.Reactions{{Emoji: "🎣", Count: 2, Users: []chat.UserID{"anna", "bert"}}, {Emoji: "👍", Count: 1, Users: []chat.UserID{"anna"}}}
	equal(f, "reactions", f.all(m.ConversationID)[0].Reactions, want)
	equal(f, "of an edited message", f.edit("anna", m, "ho").Reactions, want)
	equal(f, "of the event", f.one().Message.Reactions, want)
	f.remove("anna", m)
	f.Refused(f.store.React(f.Context(), react("anna", m, "🎣", true)), chat.ErrMessageNotFound)
	f.Refused(f.store.React(f.Context(), react("anna", m, "🎣", false)), chat.ErrMessageNotFound)
}

func testManyReactions(f *fixture) {
	room := f.room(chat.RoomPublic, 1000, "user-000")
	m := f.append(f.toRoom("user-000", room.ID, "vote"))
	for i := 1; i < chat.ListedMembers+20; i++ {
		f.join(chat.UserID(fmt.Sprintf("user-%03d", i)), room.ID)
	}
	f.Events.Take()
	var emitted atomic.Int64
	suite.AtOnce(2*(chat.ListedMembers+20), func(i int) {
		err := f.store.React(f.Context(), react(chat.UserID(fmt.Sprintf("user-%03d", i/2)), m, "👍", true))
		if err != nil {
			f.Error(err)
		}
		emitted.Add(1)
	})
	equal(f, "events", len(f.Events.Take()), chat.ListedMembers+20)
	got := f.all(m.ConversationID)[0].Reactions
	equal(f, "groups", len(got), 1)
	equal(f, "count", got[0].Count, chat.ListedMembers+20)
	equal(f, "listed", len(got[0].Users), chat.ListedMembers)
	equal(f, "the first", got[0].Users[0], chat.UserID("user-000"))
}

func testMentions(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	f.join("bert", room.ID)
	cmd := f.toRoom("anna", room.ID, "x")
	cmd.Message.Mentions = []chat.UserID{"bert", "stranger", "anna"}
	m := f.append(cmd)
	equal(f, "who is mentioned", m.Mentions, []chat.UserID{"bert"})
	equal(f, "in the history", f.all(room.ConversationID), []chat.Message{m})
	equal(f, "counted", f.conversations("bert")[0].Mentions, 1)

	changed := edit("anna", m, "y")
	changed.Mentions = []chat.UserID{"anna", "stranger"}
	got, err := f.store.EditMessage(f.Context(), changed)
	f.Must(err)
	equal(f, "after an edit", got.Mentions, nil)
	equal(f, "counted after an edit", f.conversations("bert")[0].Mentions, 0)
	changed.Content, changed.Mentions = "z", []chat.UserID{"bert"}
	_, err = f.store.EditMessage(f.Context(), changed)
	f.Must(err)
	equal(f, "counted again", f.conversations("bert")[0].Mentions, 1)
	f.markRead("bert", m)
	equal(f, "counted when read", f.conversations("bert")[0].Mentions, 0)

	direct := f.direct("anna", "bert", "x")
	direct.Message.Mentions = []chat.UserID{"carl", "bert"}
	equal(f, "in a direct message", f.append(direct).Mentions, []chat.UserID{"bert"})
}

func testThreads(f *fixture) {
	reply := func(to chat.Message, content string) chat.Message {
		cmd := f.direct("anna", "bert", content)
		cmd.Message.ReplyTo = to.ID
		return f.append(cmd)
	}
	root := f.append(f.direct("bert", "anna", "root"))
	first := reply(root, "1")
	f.append(f.direct("bert", "anna", "aside"))
	second := reply(first, "2")
	third := reply(root, "3")
	equal(f, "thread of a reply's reply", second.ThreadID, root.ID)
	f.react("bert", root, "👍", true)
	for _, test := range []struct {
		q    chat.ThreadQuery
		want []string
		more bool
	}{
		{chat.ThreadQuery{MessageID: root.ID, Limit: 3}, []string{"1", "2", "3"}, false},
		{chat.ThreadQuery{MessageID: second.ID, Limit: 2}, []string{"2", "3"}, true},
		{chat.ThreadQuery{MessageID: root.ID, Before: second.ID, Limit: 2}, []string{"1"}, false},
		{chat.ThreadQuery{MessageID: root.ID, After: root.ID, Limit: 2}, []string{"1", "2"}, true},
		{chat.ThreadQuery{MessageID: root.ID, After: third.ID, Limit: 2}, []string{}, false},
	} {
		got, err := f.store.Thread(f.Context(), "anna", test.q)
		f.Must(err)
		equal(f, "root", got.Root.Content, "root")
		equal(f, "reactions of the root", len(got.Root.Reactions), 1)
		equal(f, fmt.Sprintf("replies of %+v", test.q), contents(got.Replies.Messages), test.want)
		equal(f, fmt.Sprintf("more of %+v", test.q), got.Replies.More, test.more)
	}
	_, err := f.store.Thread(f.Context(), "carl", chat.ThreadQuery{MessageID: root.ID, Limit: 1})
	f.Refused(err, chat.ErrMessageNotFound)
	elsewhere := f.append(f.direct("anna", "carl", "x"))
	_, err = f.store.Thread(f.Context(), "anna", chat.ThreadQuery{MessageID: root.ID, Before: elsewhere.ID, Limit: 1})
	f.Refused(err, chat.ErrMessageNotFound)
}

func testSettings(f *fixture) {
	room := f.room(chat.RoomPublic, 10, "anna")
	no := false
	f.Must(f.store.UpdateRoom(f.Context(), chat.UpdateRoom{
		RoomID: room.ID, Actor: actor("anna"), At: start, AllowFileUpload: &no, AllowVoiceMessage: &no,
	}))
	f.Events.Take()
	for kind, want := range map[chat.MessageType]error{
		chat.TypeImage: chat.ErrUploadsNotAllowed, chat.TypeFile: chat.ErrUploadsNotAllowed,
		chat.TypeVoice: chat.ErrVoiceNotAllowed, chat.TypeText: chat.ErrUploadsNotAllowed,
	} {
		cmd := f.toRoom("anna", room.ID, "x")
		cmd.Message.Type, cmd.Message.Attachments = kind, []string{"file"}
		_, err := f.store.AppendMessage(f.Context(), cmd)
		f.Refused(err, want)
	}
	f.Quiet()
	f.append(f.toRoom("anna", room.ID, "text alone"))

	system := f.toRoom(chat.SystemUser, room.ID, "maintenance")
	system.Message.Type = chat.TypeSystem
	m := f.append(system)
	equal(f, "a system message", m.Type, chat.TypeSystem)
}
