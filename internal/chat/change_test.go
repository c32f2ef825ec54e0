package chat_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

func TestEditMessage(t *testing.T) {
	cfg := chat.DefaultConfig()
	cfg.EditWindow = 10 * time.Second // the clock moves by a second at each look
	w := newWorld(t, cfg, nil)
	m := w.direct(anna, bert, "hi")
	edited, err := w.EditMessage(t.Context(), anna, m.ID, "ho")
	w.must(err)
	equal(t, "content", edited.Content, "ho")
	w.quiet(func() {
		_, err := w.EditMessage(t.Context(), anna, m.ID, "ho")
		w.must(err)
	})
	for range 10 {
		w.direct(anna, carl, "time goes by")
	}
	for _, test := range []struct {
		by          chat.Actor
		id, content string
		want        refusal.Error
	}{
		{anna, "", "x", refusal.Error{Code: refusal.MissingFields, Field: "messageId"}},
		{anna, m.ID, "", refusal.Error{Code: refusal.MissingFields, Field: "content"}},
		{anna, m.ID, strings.Repeat("x", 10_001), refusal.Error{Code: refusal.LimitExceeded, Field: "content", Limit: 10_000}},
		{bert, m.ID, "x", refusal.Error{Code: chat.CodeNotOwnMessage, Message: "Can only edit own messages"}},
		{anna, m.ID, "x", refusal.Error{Code: chat.CodeEditWindowExceeded, Message: "Message edit time limit exceeded"}},
		{carl, m.ID, "x", refusal.Error{Code: chat.CodeMessageNotFound, Message: "Message not found"}},
	} {
		w.quiet(func() {
			_, err := w.EditMessage(t.Context(), test.by, test.id, test.content)
			refused(t, err, test.want)
		})
	}
}

func TestEditPassesTheFilter(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), func(_ context.Context, d *chat.Draft) error {
		if strings.Contains(d.Content, "bad") {
			return &refusal.Error{Code: refusal.InvalidField, Message: "no", Field: "content"}
		}
		d.Content = strings.ToUpper(d.Content)
		return nil
	})
	m := w.direct(anna, bert, "hi")
	edited, err := w.EditMessage(t.Context(), anna, m.ID, "ho")
	w.must(err)
	equal(t, "content", edited.Content, "HO")
	_, err = w.EditMessage(t.Context(), anna, m.ID, "bad")
	refused(t, err, refusal.Error{Code: refusal.InvalidField, Message: "no", Field: "content"})
}

func TestDeleteAndPinRefusals(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "room"})
	w.join(bert, "room")
	m := w.toRoom(anna, "room", "hi")
	_, err := w.DeleteMessage(t.Context(), bert, m.ID)
	refused(t, err, refusal.Error{Code: chat.CodeDeleteNotPermitted, Message: "No permission to delete message"})
	_, err = w.PinMessage(t.Context(), bert, m.ID, true)
	refused(t, err, refusal.Error{Code: chat.CodePinNotPermitted})
	_, err = w.PinMessage(t.Context(), anna, m.ID, true)
	w.must(err)
	pinned, err := w.Pinned(t.Context(), bert, chat.HistoryQuery{RoomID: "room"})
	w.must(err)
	equal(t, "pinned", contents(pinned), []string{"hi"})
	for range 2 {
		deleted, err := w.DeleteMessage(t.Context(), anna, m.ID)
		w.must(err)
		equal(t, "content", deleted.Content, "")
	}
	thread, err := w.Thread(t.Context(), bert, chat.ThreadQuery{MessageID: m.ID})
	w.must(err)
	equal(t, "replies", contents(thread.Replies.Messages), []string{})
	_, err = w.Thread(t.Context(), bert, chat.ThreadQuery{MessageID: m.ID, Before: "x", After: "y"})
	refused(t, err, refusal.Error{Code: refusal.InvalidField, Field: "after"})
}

func TestEmoji(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	m := w.direct(anna, bert, "hi")
	for _, emoji := range []string{"👍", "👍🏽", "❤️", "🇩🇪", "👨‍👩‍👧‍👦", "1️⃣", "#️⃣", "‼️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "↔️", "🏳️‍🌈"} {
		if err := w.React(t.Context(), anna, m.ID, emoji, true); err != nil {
			t.Errorf("%s: %v", emoji, err)
		}
	}
	for emoji, want := range map[string]refusal.Error{
		"":                      {Code: refusal.MissingFields, Field: "emoji"},
		"a":                     {Code: refusal.InvalidField, Field: "emoji"},
		"1":                     {Code: refusal.InvalidField, Field: "emoji"},
		"👍👍":                    {Code: refusal.InvalidField, Field: "emoji"},
		"👍\x20":                 {Code: refusal.InvalidField, Field: "emoji"},
		"🇩":                     {Code: refusal.InvalidField, Field: "emoji"},
		"👨\u200d":               {Code: refusal.InvalidField, Field: "emoji"},
		"\ufe0f":                {Code: refusal.InvalidField, Field: "emoji"},
		"\xff":                  {Code: refusal.InvalidField, Field: "emoji"},
		"<b>":                   {Code: refusal.InvalidField, Field: "emoji"},
		strings.Repeat("👍🏽", 5): {Code: refusal.LimitExceeded, Field: "emoji", Limit: 32},
	} {
		refused(t, w.React(t.Context(), anna, m.ID, emoji, true), want)
	}
	w.quiet(func() { w.must(w.React(t.Context(), anna, m.ID, "👍", true)) })
	for i := range 9 {
		w.must(w.React(t.Context(), bert, m.ID, string(rune('\U0001f400'+i)), true))
	}
	refused(t, w.React(t.Context(), bert, m.ID, "🎣", true), refusal.Error{Code: chat.CodeTooManyReactions, Field: "emoji", Limit: 20})
	w.must(w.React(t.Context(), bert, m.ID, "👍", true))
}

func TestMentions(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "room"})
	for _, id := range []chat.UserID{"bert", "u_1.x", "ünal", "carl", "小雨"} {
		w.join(chat.Actor{ID: id, Name: "N"}, "room")
	}
	for text, want := range map[string][]chat.UserID{
		"hi":                               nil,
		"@bert":                            {"bert"},
		"(@bert, @u_1.x.) and @ünal!":      {"bert", "u_1.x", "ünal"},
		"mail anna@bert @@carl @bert's":    {"carl", "bert"},
		"@nobody @Bert @ bert":             nil,
		"@bert @bert":                      {"bert"},
		strings.Repeat("@x ", 3) + "@anna": nil,
		"你好@bert，@carl你好":                  {"bert", "carl"},
		"ごめん@bertさん":                       {"bert"},
		"@小雨 @小雨你好 é@bert":                 {"小雨"},
	} {
		equal(t, fmt.Sprintf("%q", text), w.toRoom(anna, "room", text).Mentions, want)
	}
}

func TestBlocks(t *testing.T) {
	w := newWorld(t, chat.Config{DirectPolicy: chat.DirectAnyone, MaxText: 100}, nil)
	w.room(anna, chat.CreateRoom{ID: "room"})
	w.join(bert, "room")
	said := chat.SendDirect{RecipientID: "bert", Content: "hi", ClientMsgID: "c1"}
	m, err := w.SendDirect(t.Context(), anna, said)
	w.must(err)
	w.must(w.React(t.Context(), anna, m.ID, "👍", true))
	w.exec(`INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES ('bert', 'anna', 0)`)

	friends := refusal.Error{Code: chat.CodeNotFriends, Message: "Can only send messages to friends"}
	for _, pair := range [][2]chat.Actor{{anna, bert}, {bert, anna}} {
		_, err := w.SendDirect(t.Context(), pair[0], chat.SendDirect{RecipientID: pair[1].ID, Content: "x"})
		refused(t, err, friends)
		refused(t, w.React(t.Context(), pair[0], m.ID, "🎣", true), friends)
		_, err = w.PinMessage(t.Context(), pair[0], m.ID, true)
		refused(t, err, friends)
	}
	_, err = w.EditMessage(t.Context(), anna, m.ID, "insult")
	refused(t, err, friends)
	w.quiet(func() {
		again, err := w.SendDirect(t.Context(), anna, said)
		w.must(err)
		equal(t, "sent again", again.ID, m.ID)
		w.must(w.React(t.Context(), anna, m.ID, "👍", true))
	})
	w.must(w.React(t.Context(), anna, m.ID, "👍", false))
	w.must(w.React(t.Context(), bert, w.toRoom(anna, "room", "in a room").ID, "👍", true))
	w.direct(anna, carl, "not blocked")
	_, err = w.DeleteMessage(t.Context(), anna, m.ID)
	w.must(err)
}

func TestPostSystem(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "room"})
	m, err := w.PostSystem(t.Context(), chat.PostSystem{RoomID: "room", Content: "Maintenance at noon"})
	w.must(err)
	equal(t, "message", []any{m.SenderID, m.Type, m.RoomID}, []any{chat.SystemUser, chat.TypeSystem, "room"})
	_, err = w.PostSystem(t.Context(), chat.PostSystem{RoomID: "none", Content: "x"})
	refused(t, err, refusal.Error{Code: chat.CodeRoomNotFound})
}
