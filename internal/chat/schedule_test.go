package chat_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

var tomorrow = today.Add(24 * time.Hour)

// later is a message of anna's to bert for tomorrow.
func (w *world) later(content string) chat.Scheduled {
	w.Helper()
	m, err := w.Schedule(w.Context(), anna, chat.ScheduleMessage{RecipientID: "bert", Content: content, SendAt: tomorrow})
	w.must(err)
	return m
}

func (w *world) scheduled(of chat.Actor) []chat.Scheduled {
	w.Helper()
	all, err := w.Scheduled(w.Context(), of)
	w.must(err)
	return all
}

// send does the job of a scheduled message.
func (w *world) send(m *chat.Scheduled) {
	w.Helper()
	w.must(w.SendScheduled(w.Context(), chat.Due{ID: m.ID, Version: m.Version}))
}

func (w *world) said(conversation string) []string {
	w.Helper()
	page, err := w.History(w.Context(), anna, chat.HistoryQuery{ConversationID: conversation})
	w.must(err)
	return contents(page.Messages)
}

func TestSchedule(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	elsewhere := tomorrow.Add(time.Microsecond).In(time.FixedZone("elsewhere", -7200))
	m, err := w.Schedule(t.Context(), anna, chat.ScheduleMessage{RecipientID: "bert", Content: "hi @bert", ClientMsgID: "c1", SendAt: elsewhere})
	w.must(err)
	equal(t, "scheduled", m, chat.Scheduled{
		ID: m.ID, AuthorID: "anna", AuthorName: "Anna", ConversationID: chat.DirectID("anna", "bert"), RecipientID: "bert", Content: "hi @bert",
		Type: chat.TypeText, ClientMsgID: "c1", SendAt: tomorrow, CreatedAt: m.CreatedAt, Version: 1,
	})
	again, err := w.Schedule(t.Context(), anna, chat.ScheduleMessage{RecipientID: "bert", Content: "hi @bert", ClientMsgID: "c1", SendAt: tomorrow})
	w.must(err)
	equal(t, "again", again, m)
	_, err = w.Schedule(t.Context(), anna, chat.ScheduleMessage{RecipientID: "bert", Content: "hi @bert", ClientMsgID: "c1", SendAt: tomorrow.Add(time.Hour)})
	refused(t, err, refusal.Error{Code: chat.CodeClientMsgIDReused, Field: "clientMsgId"})
	equal(t, "listed", w.scheduled(anna), []chat.Scheduled{m})
	equal(t, "of bert", w.scheduled(bert), []chat.Scheduled{})

	before := len(w.events)
	w.send(&m)
	w.quiet(func() { w.send(&m) }) // a job may be done twice
	var sent *chat.Message
	for _, e := range w.events[before:] {
		if e.Kind == chat.MessageCreated {
			sent = e.Message
		}
	}
	if sent == nil || sent.SenderID != "anna" || sent.ClientMsgID != "scheduled:"+m.ID || len(w.events) != before+2 {
		t.Fatalf("sent %+v, by %d events", sent, len(w.events)-before)
	}
	equal(t, "said", w.said(m.ConversationID), []string{"hi @bert"})
	equal(t, "listed then", w.scheduled(anna), []chat.Scheduled{})
}

func TestScheduleRefusals(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "room"})
	past, days := refusal.Error{Code: refusal.InvalidField, Field: "sendAt", Message: "sendAt must be in the future"}, 366
	type cmd = chat.ScheduleMessage
	w.quiet(func() {
		for _, test := range []struct {
			by   chat.Actor
			cmd  cmd
			want refusal.Error
		}{
			{anna, cmd{Content: "x", SendAt: tomorrow}, refusal.Error{Code: refusal.MissingFields, Field: "recipientId"}},
			{anna, cmd{RoomID: "room", RecipientID: "bert", Content: "x", SendAt: tomorrow}, refusal.Error{Code: refusal.InvalidField, Field: "recipientId"}},
			{anna, cmd{RecipientID: "anna", Content: "x", SendAt: tomorrow}, refusal.Error{Code: refusal.InvalidField, Field: "recipientId"}},
			{anna, cmd{RecipientID: "bert", Content: "x"}, refusal.Error{Code: refusal.MissingFields, Field: "sendAt"}},
			{anna, cmd{RecipientID: "bert", Content: "x", SendAt: today}, past},
			{anna, cmd{RecipientID: "bert", Content: "x", SendAt: time.Unix(1, 0)}, past},
			{anna, cmd{RecipientID: "bert", Content: "x", SendAt: today.Add(367 * 24 * time.Hour)}, refusal.Error{Code: refusal.LimitExceeded, Field: "sendAt", Limit: days, Message: "sendAt must be at most 366 days from now"}},
			{anna, cmd{RecipientID: "bert", Content: "x", SendAt: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, refusal.Error{Code: refusal.LimitExceeded, Field: "sendAt", Limit: days}},
			{anna, cmd{RecipientID: "bert", SendAt: tomorrow}, refusal.Error{Code: refusal.MissingFields, Field: "content"}},
			{anna, cmd{RecipientID: "bert", Content: strings.Repeat("ä", 10_001), SendAt: tomorrow}, refusal.Error{Code: refusal.LimitExceeded, Field: "content", Limit: 10_000}},
			{anna, cmd{RecipientID: "bert", Content: "x", Type: chat.TypeSystem, SendAt: tomorrow}, refusal.Error{Code: refusal.InvalidField, Field: "type"}},
			{anna, cmd{RecipientID: "bert", Content: "x", ClientMsgID: strings.Repeat("c", 129), SendAt: tomorrow}, refusal.Error{Code: refusal.LimitExceeded, Field: "clientMsgId", Limit: 128}},
			{anna, cmd{RecipientID: "bert", Content: "x", ReplyTo: "nothing", SendAt: tomorrow}, refusal.Error{Code: chat.CodeMessageNotFound, Field: "replyTo"}},
			{anna, cmd{RecipientID: "eve", Content: "x", SendAt: tomorrow}, refusal.Error{Code: chat.CodeNotFriends}},
			{bert, cmd{RoomID: "room", Content: "x", SendAt: tomorrow}, refusal.Error{Code: chat.CodeNotInRoom}},
			{bert, cmd{RoomID: "nowhere", Content: "x", SendAt: tomorrow}, refusal.Error{Code: chat.CodeRoomNotFound}},
		} {
			_, err := w.Schedule(t.Context(), test.by, test.cmd)
			refused(t, err, test.want)
		}
	})
	equal(t, "listed", len(w.scheduled(anna))+len(w.scheduled(bert)), 0)
	for range chat.MaxScheduled {
		w.later("x")
	}
	_, err := w.Schedule(t.Context(), anna, cmd{RecipientID: "bert", Content: "x", SendAt: tomorrow})
	refused(t, err, refusal.Error{Code: chat.CodeTooManyScheduled, Limit: chat.MaxScheduled})
}

func TestReschedule(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	m := w.later("x")
	text, empty, past, next := "y", "", today, tomorrow.Add(time.Hour)
	w.quiet(func() {
		for _, test := range []struct {
			by      chat.Actor
			id      string
			content *string
			sendAt  *time.Time
			want    refusal.Error
		}{
			{anna, "", &text, nil, refusal.Error{Code: refusal.MissingFields, Field: "scheduledId"}},
			{anna, strings.Repeat("x", 65), &text, nil, refusal.Error{Code: refusal.LimitExceeded, Field: "scheduledId", Limit: 64}},
			{anna, "none", &text, nil, refusal.Error{Code: chat.CodeScheduledNotFound}},
			{bert, m.ID, &text, nil, refusal.Error{Code: chat.CodeScheduledNotFound}},
			{anna, m.ID, nil, nil, refusal.Error{Code: refusal.MissingFields, Field: "sendAt"}},
			{anna, m.ID, &empty, nil, refusal.Error{Code: refusal.MissingFields, Field: "content"}},
			{anna, m.ID, nil, &past, refusal.Error{Code: refusal.InvalidField, Field: "sendAt"}},
		} {
			_, err := w.Reschedule(t.Context(), test.by, test.id, test.content, test.sendAt)
			refused(t, err, test.want)
		}
		for _, test := range []struct {
			by      chat.Actor
			id      string
			content *string
			want    refusal.Error
		}{
			{anna, "", nil, refusal.Error{Code: refusal.MissingFields, Field: "scheduledId"}},
			{anna, m.ID, &empty, refusal.Error{Code: refusal.MissingFields, Field: "content"}},
			{bert, m.ID, nil, refusal.Error{Code: chat.CodeScheduledNotFound}},
		} {
			_, err := w.RescheduleNow(t.Context(), test.by, test.id, test.content)
			refused(t, err, test.want)
		}
		refused(t, w.Unschedule(t.Context(), bert, m.ID), refusal.Error{Code: chat.CodeScheduledNotFound})
		refused(t, w.Unschedule(t.Context(), anna, ""), refusal.Error{Code: refusal.MissingFields, Field: "scheduledId"})
		refused(t, w.Unschedule(t.Context(), anna, "none"), refusal.Error{Code: chat.CodeScheduledNotFound})
	})
	first, err := w.Reschedule(t.Context(), anna, m.ID, &text, nil)
	w.must(err)
	second, err := w.Reschedule(t.Context(), anna, m.ID, nil, &next)
	w.must(err)
	want := m
	want.Content, want.SendAt, want.Version = "y", next, 3
	equal(t, "changed twice", second, want)
	w.quiet(func() { w.send(&m); w.send(&first) })
	w.send(&second)
	equal(t, "said", w.said(m.ConversationID), []string{"y"})
	_, err = w.Reschedule(t.Context(), anna, m.ID, &text, nil)
	refused(t, err, refusal.Error{Code: chat.CodeScheduledNotFound})
	_, err = w.RescheduleNow(t.Context(), anna, m.ID, nil)
	refused(t, err, refusal.Error{Code: chat.CodeScheduledNotFound})
	refused(t, w.Unschedule(t.Context(), anna, m.ID), refusal.Error{Code: chat.CodeScheduledNotFound})

	later := w.later("later")
	hurried, err := w.RescheduleNow(t.Context(), anna, later.ID, nil)
	w.must(err)
	if !hurried.SendAt.After(today) || !hurried.SendAt.Before(tomorrow) || hurried.Version != 2 {
		t.Errorf("at once is %+v", hurried)
	}
	w.quiet(func() { w.send(&later) })
	w.send(&hurried)
	equal(t, "said at once", w.said(m.ConversationID), []string{"y", "later"})

	gone := w.later("never")
	w.must(w.Unschedule(t.Context(), anna, gone.ID))
	w.quiet(func() { w.send(&gone) })
	equal(t, "said at last", w.said(m.ConversationID), []string{"y", "later"})
}

// TestScheduledIsAskedAgain: who may not write there when it is due does not, and sees why.
func TestScheduledIsAskedAgain(t *testing.T) {
	w := newWorld(t, chat.DefaultConfig(), nil)
	w.room(anna, chat.CreateRoom{ID: "left"})
	w.join(bert, "left")
	w.room(anna, chat.CreateRoom{ID: "gone"})
	room := func(by chat.Actor, id string) chat.Scheduled {
		m, err := w.Schedule(t.Context(), by, chat.ScheduleMessage{RoomID: id, Content: "x", SendAt: tomorrow})
		w.must(err)
		return m
	}
	left, gone := room(bert, "left"), room(anna, "gone")
	friend := w.later("x")
	_, err := w.LeaveRoom(t.Context(), bert, "left")
	w.must(err)
	w.must(w.DeleteRoom(t.Context(), anna, "gone"))
	w.exec(`DELETE FROM friends WHERE user_a = 'anna' AND user_b = 'bert'`)
	for _, test := range []struct {
		of   chat.Actor
		m    chat.Scheduled
		want chat.Failure
	}{
		{bert, left, chat.Failure{Code: chat.CodeNotInRoom, Message: "Not in room"}},
		{anna, gone, chat.Failure{Code: chat.CodeRoomNotFound, Message: "Room not found"}},
		{anna, friend, chat.Failure{Code: chat.CodeNotFriends, Message: "Can only send messages to friends"}},
	} {
		before := len(w.events)
		w.send(&test.m)
		w.quiet(func() { w.send(&test.m) })
		if told := w.events[before:]; len(told) != 1 || told[0].Scheduled == nil || told[0].Scheduled.State != chat.ScheduledFailed {
			t.Errorf("%s: told %+v", test.want.Code, told)
		}
		found := false
		for _, m := range w.scheduled(test.of) {
			found = found || m.ID == test.m.ID && m.Failure == test.want && m.State() == chat.ScheduledFailed
		}
		if !found {
			t.Errorf("%s is not among %+v", test.want.Code, w.scheduled(test.of))
		}
	}
	// It waits again when its author gives it another time, and goes once that may be.
	w.join(bert, "left")
	text, next := "at last", tomorrow.Add(time.Hour)
	again, err := w.Reschedule(t.Context(), bert, left.ID, &text, &next)
	w.must(err)
	w.send(&again)
	// Or at once.
	hurried, err := w.RescheduleNow(t.Context(), anna, friend.ID, nil)
	w.must(err)
	equal(t, "state", hurried.State(), chat.ScheduledWaiting)
	page, err := w.History(t.Context(), bert, chat.HistoryQuery{RoomID: "left"})
	w.must(err)
	equal(t, "said", contents(page.Messages), []string{"at last"})
}

// TestScheduledFilter: the filter is asked at first, at each new text, and when it is sent, which is when it may change it.
func TestScheduledFilter(t *testing.T) {
	strict := false
	broken := errors.New("the filter is away")
	var fault error
	w := newWorld(t, chat.DefaultConfig(), func(_ context.Context, d *chat.Draft) error {
		if strings.Contains(d.Content, "bad") || strict {
			return refusal.Invalid("content", "is not nice")
		}
		d.Content += "!"
		return fault
	})
	refusedText := refusal.Error{Code: refusal.InvalidField, Field: "content"}
	_, err := w.Schedule(t.Context(), anna, chat.ScheduleMessage{RecipientID: "bert", Content: "bad", SendAt: tomorrow})
	refused(t, err, refusedText)
	m := w.later("hi")
	bad := "bad"
	_, err = w.Reschedule(t.Context(), anna, m.ID, &bad, nil)
	refused(t, err, refusedText)
	equal(t, "text while it waits", w.scheduled(anna)[0].Content, "hi")

	fault = broken
	if err := w.SendScheduled(t.Context(), chat.Due{ID: m.ID, Version: 1}); !errors.Is(err, broken) {
		t.Fatalf("a fault: %v", err)
	}
	equal(t, "state after a fault", w.scheduled(anna)[0].State(), chat.ScheduledWaiting)
	fault = nil
	other := w.later("ho")
	w.send(&m)
	equal(t, "said", w.said(m.ConversationID), []string{"hi!"})
	strict = true
	w.send(&other)
	equal(t, "failure", w.scheduled(anna)[0].Failure.Code, refusal.InvalidField)
}

// FuzzDueOf: whatever a job carries, it names a version of a message or nothing is done.
func FuzzDueOf(f *testing.F) {
	for _, payload := range []string{`{"id":"s","version":1}`, `{"id":"s"}`, `{}`, `null`, `[1]`, ``} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		due, err := chat.DueOf(&job.Job{ID: "j", Payload: payload})
		if err == nil && (due.ID == "" || due.Version < 1) {
			t.Errorf("%q is %+v", payload, due)
		}
	})
}
