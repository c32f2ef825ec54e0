// Package scheduletest holds the tests of messages that are sent later, which every driver of [chat.Store] and [job.Store] must
// pass: the message and the job that sends it are of one transaction.
package scheduletest

import (
	"fmt"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// Driver gives a test one database.
type Driver interface {
	// Open opens the database, which is empty at first, and closes it when the test ends. A second Open while the first is open
	// stands for a process that died without closing.
	Open(t testing.TB, chats chat.Sink) (chat.Store, job.Store)
}

// Run runs the tests. newDriver returns a new, empty database for each.
func Run(t *testing.T, newDriver func(t *testing.T) Driver) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"KeepsAllFields", testFields},
		{"ClientMsgID", testClientMsgID},
		{"Bound", testBound},
		{"BoundAtOnce", testBoundAtOnce},
		{"Refusals", testRefusals},
		{"Reschedule", testReschedule},
		{"Unschedule", testUnschedule},
		{"Begun", testBegun},
		{"JobCancelled", testJobCancelled},
		{"JobDropped", testJobDropped},
		{"Send", testSend},
		{"SendAtOnce", testSendAtOnce},
		{"Refused", testRefused},
		{"ReplacedRoom", testReplacedRoom},
		{"SurvivesReopening", testReopen},
		{"EndedContextStoresNothing", testEndedContext},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{Test: suite.New[chat.Event](t), driver: newDriver(t)}
			f.open()
			test.run(f)
		})
	}
}

// start is when all tests take place, and due when messages are to be sent.
var (
	start = time.Date(2024, 2, 29, 23, 59, 59, 123e6, time.UTC)
	due   = start.Add(time.Hour)
)

// fixture is one test with its database, and short ways to use it.
type fixture struct {
	suite.Test[chat.Event]
	driver Driver
	store  chat.Store
	jobs   job.Store
	ids    int
}

// open opens the database, or opens it again.
func (f *fixture) open() { f.store, f.jobs = f.driver.Open(f, f.Events.Record) }

func actor(id chat.UserID) chat.Actor {
	return chat.Actor{ID: id, Name: "Name of " + string(id), Origin: "connection of " + string(id)}
}

func (f *fixture) id(prefix string) string {
	f.ids++
	return fmt.Sprintf("%s-%d", prefix, f.ids)
}

func equal[T any](f *fixture, what string, got, want T) {
	f.Helper()
	suite.Equal(f, what, got, want)
}

// command is that of a message to a user, or if one is given to a room, for an hour later.
func (f *fixture) command(from, to chat.UserID, room, content string) chat.Schedule {
	id := f.id("s")
	cmd := chat.Schedule{
		Scheduled: chat.Scheduled{
			ID: id, AuthorID: from, AuthorName: actor(from).Name, RoomID: room, RecipientID: to, Content: content, Type: chat.TypeText,
			SendAt: due, CreatedAt: start, Version: 1,
		},
		Fingerprint: []byte(content), Origin: actor(from).Origin, Most: 10,
	}
	cmd.Append = f.sending(&cmd.Scheduled).Append
	return cmd
}

// sending is the command to send what is scheduled.
func (f *fixture) sending(m *chat.Scheduled) chat.SendScheduled {
	message := chat.Message{
		ID: "m of " + m.ID, RoomID: m.RoomID, RecipientID: m.RecipientID, SenderID: m.AuthorID, SenderName: m.AuthorName, Content: m.Content,
		Type: m.Type, ClientMsgID: m.Sending(), ReplyTo: m.ReplyTo, Attachments: m.Attachments, Timestamp: due,
	}
	if m.RoomID == "" {
		message.ConversationID = chat.DirectID(m.AuthorID, m.RecipientID)
	}
	return chat.SendScheduled{Due: chat.Due{ID: m.ID, Version: m.Version}, Append: chat.Append{Message: message, Fingerprint: []byte(m.Content)}}
}

// schedule has one user send another something later.
func (f *fixture) schedule(from, to chat.UserID, content string) chat.Scheduled {
	f.Helper()
	return f.must(f.command(from, to, "", content))
}

func (f *fixture) must(cmd chat.Schedule) chat.Scheduled {
	f.Helper()
	m, err := f.store.ScheduleMessage(f.Context(), cmd)
	f.Must(err)
	return m
}

func (f *fixture) list(author chat.UserID) []chat.Scheduled {
	f.Helper()
	all, err := f.store.ScheduledMessages(f.Context(), author)
	f.Must(err)
	return all
}

// said are the texts of a conversation.
func (f *fixture) said(conversation string) []string {
	f.Helper()
	page, err := f.store.Messages(f.Context(), chat.MessageQuery{ConversationID: conversation, Limit: 100})
	f.Must(err)
	texts := []string{}
	for i := range page.Messages {
		texts = append(texts, page.Messages[i].Content)
	}
	return texts
}

// room makes a room with members.
func (f *fixture) room(id string, members ...chat.UserID) chat.Room {
	f.Helper()
	r := chat.Room{
		ID: id, ConversationID: f.id("room:c"), Name: "A room", Type: chat.RoomPublic, MaxMembers: 10, CreatedBy: members[0], CreatedAt: start,
		Settings: chat.RoomSettings{AllowFileUpload: true, AllowVoiceMessage: true},
	}
	f.Must(f.store.CreateRoom(f.Context(), chat.NewRoom{Room: r, Creator: actor(members[0])}))
	for _, m := range members[1:] {
		_, err := f.store.Join(f.Context(), chat.Join{RoomID: id, Actor: actor(m), At: start})
		f.Must(err)
	}
	return r
}

// waiting are the ids of jobs that are due by a time, which are put back.
func (f *fixture) waiting(by time.Time) []string {
	f.Helper()
	ids := []string{}
	for _, j := range f.claim(by) {
		f.Must(f.jobs.Finish(f.Context(), []job.End{{Held: job.Held{ID: j.ID, Lease: j.Lease}, State: job.Waiting, RunAt: j.RunAt, At: start}}))
		ids = append(ids, j.ID)
	}
	return ids
}

func (f *fixture) claim(by time.Time) []job.Job {
	f.Helper()
	jobs, err := f.jobs.Claim(f.Context(), job.Claim{Kind: chat.ScheduledKind, Most: 100, Now: by, Lease: f.id("node:"), Last: time.Hour})
	f.Must(err)
	return jobs
}

// changes are the events about scheduled messages since the last look, and how many there were of other kinds.
func (f *fixture) changes() (of []chat.Event, others int) {
	for _, e := range f.Events.Take() {
		if e.Kind == chat.ScheduledChanged {
			of = append(of, e)
		} else {
			others++
		}
	}
	return of, others
}

// one ends the test unless there was one such event and no other.
func (f *fixture) one(want chat.Event) {
	f.Helper()
	got, others := f.changes()
	if len(got) != 1 || others != 0 {
		f.Fatalf("%d events of scheduled messages, %d others", len(got), others)
	}
	equal(f, "event", got[0], want)
}
