package scheduletest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

func testFields(f *fixture) {
	room := f.room("hall", "anna", "bert")
	said, err := f.store.AppendMessage(f.Context(), chat.Append{Message: chat.Message{
		ID: "said", RoomID: "hall", SenderID: "bert", SenderName: "Bert", Content: "hi", Type: chat.TypeText, Timestamp: start,
	}})
	f.Must(err)
	f.Events.Take()
	cmd := f.command("anna", "", "hall", "later 林\n@bert")
	s := &cmd.Scheduled
	s.Type, s.ReplyTo, s.Attachments, s.ClientMsgID = chat.TypeFile, said.ID, []string{"a file", "another"}, "c1"
	cmd.Append = f.sending(s).Append
	want := *s
	want.ConversationID = room.ConversationID
	equal(f, "scheduled", f.must(cmd), want)
	f.one(chat.NewScheduledEvent(&want, chat.ScheduledWaiting, "", start, actor("anna").Origin))

	bare := f.command("anna", "bert", "", "x")
	bare.Scheduled.SendAt = due.Add(-time.Minute)
	wantBare := bare.Scheduled
	wantBare.ConversationID = chat.DirectID("anna", "bert")
	equal(f, "scheduled to a user", f.must(bare), wantBare)
	equal(f, "listed", f.list("anna"), []chat.Scheduled{wantBare, want})
	equal(f, "of another", f.list("bert"), []chat.Scheduled{})
	got, err := f.store.ScheduledMessage(f.Context(), want.ID)
	f.Must(err)
	equal(f, "one", got, want)
	_, err = f.store.ScheduledMessage(f.Context(), "none")
	f.Refused(err, chat.ErrScheduledNotFound)
	equal(f, "said in the room", f.said(room.ConversationID), []string{"hi"})

	equal(f, "due before its time", f.waiting(due.Add(-time.Minute-time.Millisecond)), []string{})
	j, err := f.jobs.Job(f.Context(), want.JobID())
	f.Must(err)
	wantJob, err := want.Job(start)
	f.Must(err)
	equal(f, "job", j, wantJob)
	names, err := chat.DueOf(&j)
	f.Must(err)
	equal(f, "what it sends", names, chat.Due{ID: want.ID, Version: 1})
	equal(f, "due", f.waiting(due), []string{wantBare.JobID(), want.JobID()})
}

func testClientMsgID(f *fixture) {
	named := func(from chat.UserID, content string) chat.Schedule {
		cmd := f.command(from, "bert", "", content)
		cmd.Scheduled.ClientMsgID = "c1"
		return cmd
	}
	first := f.must(named("anna", "x"))
	f.Events.Take()
	equal(f, "again", f.must(named("anna", "x")), first)
	_, err := f.store.ScheduleMessage(f.Context(), named("anna", "y"))
	f.Refused(err, chat.ErrClientMsgIDReused)
	f.Quiet()
	f.must(named("carl", "y"))
	equal(f, "due", len(f.waiting(due)), 2)
	f.Must(f.store.UnscheduleMessage(f.Context(), chat.Unschedule{ID: first.ID, Author: actor("anna"), At: start}))
	if again := f.must(named("anna", "y")); again.ID == first.ID {
		f.Errorf("what was cancelled is scheduled again as %+v", again)
	}
}

// testBound: a user has so many, also of those that failed.
func testBound(f *fixture) {
	for i := range 3 {
		f.schedule("anna", "bert", fmt.Sprint(i))
	}
	f.Must(f.store.FailScheduled(f.Context(), chat.FailScheduled{Due: chat.Due{ID: f.list("anna")[0].ID, Version: 1}, Failure: chat.Failure{Code: "c", Message: "m"}, At: due}))
	f.Events.Take()
	cmd := f.command("anna", "bert", "", "x")
	cmd.Most = 3
	_, err := f.store.ScheduleMessage(f.Context(), cmd)
	f.Refused(err, chat.ErrTooManyScheduled)
	f.Quiet()
	equal(f, "due", len(f.waiting(due)), 3)
	other := f.command("bert", "anna", "", "x")
	other.Most = 3
	f.must(other)
}

// testBoundAtOnce: nor are there more when many come at once, from two processes where there can be two.
func testBoundAtOnce(f *fixture) {
	commands := make([]chat.Schedule, 16)
	for i := range commands {
		commands[i] = f.command("anna", "bert", "", "x")
		commands[i].Most = 5
	}
	var stored atomic.Int32
	suite.AtOnce(len(commands), func(i int) {
		switch _, err := f.store.ScheduleMessage(f.Context(), commands[i]); {
		case err == nil:
			stored.Add(1)
		case !errors.Is(err, chat.ErrTooManyScheduled):
			f.Error(err)
		}
	})
	equal(f, "stored", stored.Load(), 5)
	equal(f, "listed", len(f.list("anna")), 5)
}

// testRefusals: who may not write there cannot schedule it, and nothing is left of the attempt.
func testRefusals(f *fixture) {
	f.room("hall", "anna")
	f.Events.Take()
	friends := f.command("anna", "bert", "", "x")
	friends.Append.RequireFriends = true
	lost := f.command("anna", "", "hall", "x")
	lost.Append.Message.ReplyTo = "none"
	for _, test := range []struct {
		cmd  chat.Schedule
		want error
	}{
		{f.command("bert", "", "hall", "x"), chat.ErrNotInRoom},
		{f.command("anna", "", "nowhere", "x"), chat.ErrRoomNotFound},
		{friends, chat.ErrNotFriends},
		{lost, chat.ErrMessageNotFound},
	} {
		_, err := f.store.ScheduleMessage(f.Context(), test.cmd)
		f.Refused(err, test.want)
	}
	f.Quiet()
	equal(f, "listed", len(f.list("anna"))+len(f.list("bert")), 0)
	equal(f, "due", f.waiting(due), []string{})
}

func (f *fixture) reschedule(by chat.UserID, id, content string, at time.Time) (chat.Scheduled, error) {
	return f.store.RescheduleMessage(f.Context(), chat.Reschedule{ID: id, Author: actor(by), Content: &content, SendAt: &at, At: start})
}

// testReschedule: each version has a job of its own.
func testReschedule(f *fixture) {
	m := f.schedule("anna", "bert", "x")
	f.Events.Take()
	_, err := f.reschedule("bert", m.ID, "y", due)
	f.Refused(err, chat.ErrScheduledNotFound)
	_, err = f.reschedule("anna", "none", "y", due)
	f.Refused(err, chat.ErrScheduledNotFound)
	f.Quiet()
	want := m
	want.Content, want.SendAt, want.Version = "y", due.Add(time.Hour), 2
	got, err := f.reschedule("anna", m.ID, "y", want.SendAt)
	f.Must(err)
	equal(f, "changed", got, want)
	f.one(chat.NewScheduledEvent(&want, chat.ScheduledWaiting, "", start, actor("anna").Origin))
	equal(f, "listed", f.list("anna"), []chat.Scheduled{want})
	equal(f, "due at the old time", f.waiting(due), []string{})
	equal(f, "due at the new time", f.waiting(want.SendAt), []string{want.JobID()})
	_, err = f.store.SendScheduled(f.Context(), f.sending(&m))
	f.Refused(err, chat.ErrScheduledNotFound)
	equal(f, "said", f.said(m.ConversationID), []string{})
}

func testUnschedule(f *fixture) {
	m := f.schedule("anna", "bert", "x")
	f.Events.Take()
	f.Refused(f.store.UnscheduleMessage(f.Context(), chat.Unschedule{ID: m.ID, Author: actor("bert"), At: start}), chat.ErrScheduledNotFound)
	f.Quiet()
	f.Must(f.store.UnscheduleMessage(f.Context(), chat.Unschedule{ID: m.ID, Author: actor("anna"), At: start}))
	f.one(chat.NewScheduledEvent(&m, chat.ScheduledCancelled, "", start, actor("anna").Origin))
	equal(f, "listed", f.list("anna"), []chat.Scheduled{})
	equal(f, "due", f.waiting(due), []string{})
	f.Refused(f.store.UnscheduleMessage(f.Context(), chat.Unschedule{ID: m.ID, Author: actor("anna"), At: start}), chat.ErrScheduledNotFound)
}

// testBegun: who has begun a job keeps it, and finds that its version is gone.
func testBegun(f *fixture) {
	changed, cancelled := f.schedule("anna", "bert", "x"), f.schedule("anna", "bert", "y")
	begun := f.claim(due)
	equal(f, "begun", len(begun), 2)
	later, err := f.reschedule("anna", changed.ID, "z", due.Add(time.Hour))
	f.Must(err)
	f.Must(f.store.UnscheduleMessage(f.Context(), chat.Unschedule{ID: cancelled.ID, Author: actor("anna"), At: start}))
	for i := range begun {
		_, err := f.store.SendScheduled(f.Context(), f.sending([]*chat.Scheduled{&changed, &cancelled}[i]))
		f.Refused(err, chat.ErrScheduledNotFound)
		j, err := f.jobs.Job(f.Context(), begun[i].ID)
		f.Must(err)
		equal(f, "state", j.State, job.Running)
		f.Must(f.jobs.Finish(f.Context(), []job.End{{Held: job.Held{ID: j.ID, Lease: j.Lease}, State: job.Done, Remove: true, At: due}}))
	}
	equal(f, "due then", f.waiting(due.Add(time.Hour)), []string{later.JobID()})
	equal(f, "said", f.said(changed.ConversationID), []string{})
}

// testJobCancelled: who cancels the job cancels what it would have sent, whether it has begun or not, and nothing else.
func testJobCancelled(f *fixture) {
	waiting, begun, kept := f.schedule("anna", "bert", "x"), f.schedule("anna", "bert", "y"), f.schedule("anna", "bert", "z")
	equal(f, "begun", len(f.claim(due)), 3)
	later, err := f.reschedule("anna", kept.ID, "zz", due.Add(time.Hour))
	f.Must(err)
	f.Events.Take()
	at := start.Add(time.Minute)
	cancel := func(id string, want job.State) {
		f.Helper()
		state, err := f.jobs.Cancel(f.Context(), id, at)
		f.Must(err)
		equal(f, "state", state, want)
	}
	cancel(begun.JobID(), job.Cancelling)
	f.one(chat.NewScheduledEvent(&begun, chat.ScheduledCancelled, "", at, ""))
	cancel(begun.JobID(), job.Cancelling)
	cancel(kept.JobID(), job.Cancelling) // of the version before
	f.Quiet()
	_, err = f.store.SendScheduled(f.Context(), f.sending(&begun))
	f.Refused(err, chat.ErrScheduledNotFound)
	equal(f, "listed", f.list("anna"), []chat.Scheduled{waiting, later})

	f.open() // whoever had the jobs is no more
	f.claimed(waiting.JobID())
	cancel(waiting.JobID(), job.Cancelled)
	f.one(chat.NewScheduledEvent(&waiting, chat.ScheduledCancelled, "", at, ""))
	equal(f, "listed then", f.list("anna"), []chat.Scheduled{later})
	equal(f, "due", f.waiting(due.Add(time.Hour)), []string{later.JobID()})
	equal(f, "said", f.said(waiting.ConversationID), []string{})
}

// claimed has a job wait again that somebody has taken who is no more.
func (f *fixture) claimed(id string) {
	f.Helper()
	j, err := f.jobs.Job(f.Context(), id)
	f.Must(err)
	if j.State == job.Running { // where others could have it
		f.Must(f.jobs.Finish(f.Context(), []job.End{{Held: job.Held{ID: j.ID, Lease: j.Lease}, State: job.Waiting, RunAt: j.RunAt, At: start}}))
	}
}

// testJobDropped: a message whose job was tried in vain waits until that is dropped.
func testJobDropped(f *fixture) {
	m := f.schedule("anna", "bert", "x")
	j := f.claim(due)[0]
	f.Must(f.jobs.Finish(f.Context(), []job.End{{Held: job.Held{ID: j.ID, Lease: j.Lease}, State: job.Dead, Error: "x", At: due}}))
	f.Events.Take()
	equal(f, "listed", f.list("anna"), []chat.Scheduled{m})
	f.Must(f.jobs.Drop(f.Context(), j.ID, due))
	f.one(chat.NewScheduledEvent(&m, chat.ScheduledCancelled, "", due, ""))
	equal(f, "listed then", f.list("anna"), []chat.Scheduled{})
	f.Refused(f.jobs.Drop(f.Context(), j.ID, due), job.ErrNotFound)
}

// testSend: the message is there and the scheduled one is gone, by one commit.
func testSend(f *fixture) {
	m := f.schedule("anna", "bert", "x")
	f.Events.Take()
	sent, err := f.store.SendScheduled(f.Context(), f.sending(&m))
	f.Must(err)
	equal(f, "clientMsgId", sent.ClientMsgID, "scheduled:"+m.ID)
	got, others := f.changes()
	if len(got) != 1 || others != 1 {
		f.Fatalf("%d events of scheduled messages, %d others", len(got), others)
	}
	equal(f, "event", got[0], chat.NewScheduledEvent(&m, chat.ScheduledSent, sent.ID, due, ""))
	equal(f, "listed", f.list("anna"), []chat.Scheduled{})
	equal(f, "said", f.said(m.ConversationID), []string{"x"})
	_, err = f.store.SendScheduled(f.Context(), f.sending(&m))
	f.Refused(err, chat.ErrScheduledNotFound)
	f.Must(f.store.FailScheduled(f.Context(), chat.FailScheduled{Due: chat.Due{ID: m.ID, Version: 1}, Failure: chat.Failure{Code: "c", Message: "m"}, At: due}))
	f.Quiet()
	equal(f, "said afterwards", f.said(m.ConversationID), []string{"x"})

	// It was sent under that id already, by whomever: that is it.
	again := f.schedule("anna", "bert", "y")
	by := f.sending(&again)
	_, err = f.store.AppendMessage(f.Context(), by.Append)
	f.Must(err)
	_, err = f.store.SendScheduled(f.Context(), by)
	f.Must(err)
	equal(f, "said twice", f.said(m.ConversationID), []string{"x", "y"})
	equal(f, "listed then", f.list("anna"), []chat.Scheduled{})
}

// testSendAtOnce: of many who send it, one does, among other messages.
func testSendAtOnce(f *fixture) {
	m := f.schedule("anna", "bert", "x")
	commands := make([]chat.SendScheduled, 8)
	for i := range commands {
		commands[i] = f.sending(&m)
		commands[i].Append.Message.ID = f.id("m")
	}
	var sent atomic.Int32
	suite.AtOnce(2*len(commands), func(i int) {
		if i >= len(commands) {
			cmd := f.sending(&m).Append
			cmd.Message.ID, cmd.Message.ClientMsgID, cmd.Message.Content = fmt.Sprint("other-", i), "", "beside"
			if _, err := f.store.AppendMessage(f.Context(), cmd); err != nil {
				f.Error(err)
			}
			return
		}
		switch _, err := f.store.SendScheduled(f.Context(), commands[i]); {
		case err == nil:
			sent.Add(1)
		case !errors.Is(err, chat.ErrScheduledNotFound):
			f.Error(err)
		}
	})
	equal(f, "sent", sent.Load(), 1)
	said := 0
	for _, text := range f.said(m.ConversationID) {
		if text == "x" {
			said++
		}
	}
	equal(f, "said", said, 1)
}

// testRefused: what may not be sent at its time stays, and says why, until its author does something about it.
func testRefused(f *fixture) {
	room := f.room("hall", "anna", "bert")
	m := f.must(f.command("bert", "", "hall", "x"))
	_, err := f.store.Leave(f.Context(), chat.Leave{RoomID: "hall", Actor: actor("bert"), At: start})
	f.Must(err)
	f.Events.Take()
	_, err = f.store.SendScheduled(f.Context(), f.sending(&m))
	f.Refused(err, chat.ErrNotInRoom)
	f.Quiet()
	equal(f, "listed", f.list("bert"), []chat.Scheduled{m})
	failed := m
	failed.Failure = chat.Failure{Code: chat.CodeNotInRoom, Message: "Not in room"}
	for range 2 {
		f.Must(f.store.FailScheduled(f.Context(), chat.FailScheduled{Due: chat.Due{ID: m.ID, Version: 1}, Failure: failed.Failure, At: due}))
	}
	f.one(chat.NewScheduledEvent(&failed, chat.ScheduledFailed, "", due, ""))
	equal(f, "listed then", f.list("bert"), []chat.Scheduled{failed})
	_, err = f.store.Join(f.Context(), chat.Join{RoomID: "hall", Actor: actor("bert"), At: start})
	f.Must(err)
	_, err = f.store.SendScheduled(f.Context(), f.sending(&m))
	f.Refused(err, chat.ErrScheduledNotFound)
	again, err := f.reschedule("bert", m.ID, "x", due.Add(time.Hour))
	f.Must(err)
	equal(f, "state", again.State(), chat.ScheduledWaiting)
	_, err = f.store.SendScheduled(f.Context(), f.sending(&again))
	f.Must(err)
	equal(f, "said", f.said(room.ConversationID), []string{"x"})
}

// testReplacedRoom: what was scheduled for a room that is gone is not for another one of its id.
func testReplacedRoom(f *fixture) {
	f.room("hall", "anna")
	m := f.must(f.command("anna", "", "hall", "x"))
	f.Must(f.store.DeleteRoom(f.Context(), chat.DeleteRoom{RoomID: "hall", Actor: actor("anna"), At: start}))
	_, err := f.store.SendScheduled(f.Context(), f.sending(&m))
	f.Refused(err, chat.ErrRoomNotFound)
	other := f.room("hall", "anna")
	_, err = f.store.SendScheduled(f.Context(), f.sending(&m))
	f.Refused(err, chat.ErrRoomNotFound)
	equal(f, "said", f.said(other.ConversationID), []string{})
	equal(f, "listed", f.list("anna"), []chat.Scheduled{m})
}

func testReopen(f *fixture) {
	m := f.schedule("anna", "bert", "x")
	f.open()
	equal(f, "listed", f.list("anna"), []chat.Scheduled{m})
	equal(f, "due", f.waiting(due), []string{m.JobID()})
	_, err := f.store.SendScheduled(f.Context(), f.sending(&m))
	f.Must(err)
	f.open()
	_, err = f.store.SendScheduled(f.Context(), f.sending(&m))
	f.Refused(err, chat.ErrScheduledNotFound)
	equal(f, "said", f.said(m.ConversationID), []string{"x"})
}

func testEndedContext(f *fixture) {
	m := f.schedule("anna", "bert", "x")
	f.Events.Take()
	ctx := suite.Ended(f.Context())
	_, err := f.store.ScheduleMessage(ctx, f.command("anna", "bert", "", "y"))
	_, failed := f.store.SendScheduled(ctx, f.sending(&m))
	if err == nil || failed == nil {
		f.Errorf("scheduled: %v, sent: %v", err, failed)
	}
	f.Quiet()
	equal(f, "listed", f.list("anna"), []chat.Scheduled{m})
}
