// Package filetest holds the tests that every driver of [upload.Store] must pass, with the messages that carry files.
package filetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/suite"
	"github.com/sockeye-im/sockeye/internal/upload"
)

// Driver gives a test one database, which is empty at first.
type Driver interface {
	suite.Driver
	// Files and Jobs are those of chats that it has opened.
	Files(of chat.Store) upload.Store
	JobsOf(chats chat.Store) job.Store
}

// Run runs the tests. newDriver returns a new, empty database for each.
func Run(t *testing.T, newDriver func(t *testing.T) Driver) {
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"KeepsAllFields", testFields},
		{"Steps", testSteps},
		{"StepsAtOnce", testStepsAtOnce},
		{"Quota", testQuota},
		{"QuotaAtOnce", testQuotaAtOnce},
		{"Joined", testJoined},
		{"Process", testProcess},
		{"FinishWithJobs", testFinishWithJobs},
		{"Audience", testAudience},
		{"Attach", testAttach},
		{"AttachRefusals", testAttachRefusals},
		{"Readable", testReadable},
		{"Remove", testRemove},
		{"GoneWithTheLastMessage", testLastMessage},
		{"GoneWithRetention", testRetention},
		{"GoneWithTheRoom", testRelease},
		{"Expired", testExpired},
		{"ScheduledHolds", testScheduled},
		{"RemovedWhileAttached", testRemovedWhileAttached},
		{"Listed", testListed},
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

// start is when all tests take place.
var start = time.Date(2024, 2, 29, 23, 59, 59, 123e6, time.UTC)

type fixture struct {
	suite.Test[chat.Event]
	driver Driver
	chats  chat.Store
	store  upload.Store
	jobs   job.Store
	n      int
}

// open opens the database, or opens it again.
func (f *fixture) open() {
	f.chats, _ = f.driver.Open(f, f.Events.Record, func([]account.Event) {})
	f.store, f.jobs = f.driver.Files(f.chats), f.driver.JobsOf(f.chats)
}

func equal[T any](f *fixture, what string, got, want T) {
	f.Helper()
	suite.Equal(f, what, got, want)
}

// id is another one each time.
func (f *fixture) id(prefix string) string {
	f.n++
	return fmt.Sprintf("%s%03d", prefix, f.n)
}

// begun is an upload that has begun.
func (f *fixture) begun(owner chat.UserID, length int64) upload.Record {
	f.Helper()
	r := upload.Record{
		ID: f.id("file_"), Owner: owner, State: upload.Uploading, Name: "a picture 图.png", Length: length, CreatedAt: start, ExpiresAt: start.Add(time.Hour),
	}
	f.Must(f.store.Begin(f.Context(), upload.Begin{Record: r}))
	return r
}

// file is one that is whole.
func (f *fixture) file(owner chat.UserID) upload.Record {
	f.Helper()
	r := f.begun(owner, 10)
	r.State, r.Type, r.Size, r.Blob, r.Offset = upload.Ready, "image/png", 10, r.ID+"/whole", 10
	f.Must(f.store.Finish(f.Context(), upload.Finish{Record: r, At: start}))
	return r
}

// said is a message with files, which have to be there, and its refusal.
func (f *fixture) said(by chat.UserID, to chat.UserID, room string, files ...string) (chat.Message, error) {
	m := chat.Message{
		ID: f.id("m"), RecipientID: to, RoomID: room, SenderID: by, SenderName: string(by), Content: "look", Type: chat.TypeText, Attachments: files,
		Timestamp: start,
	}
	if to != "" {
		m.ConversationID = chat.DirectID(by, to)
	}
	return f.chats.AppendMessage(f.Context(), chat.Append{Message: m, RequireFiles: true})
}

func (f *fixture) say(by, to chat.UserID, room string, files ...string) chat.Message {
	f.Helper()
	m, err := f.said(by, to, room, files...)
	f.Must(err)
	return m
}

func (f *fixture) room(members ...chat.UserID) chat.Room {
	f.Helper()
	r := chat.Room{
		ID: f.id("room"), ConversationID: f.id("room:"), Name: "A room", Type: chat.RoomPublic, MaxMembers: 10, CreatedBy: members[0], CreatedAt: start,
		Settings: chat.RoomSettings{AllowFileUpload: true, AllowVoiceMessage: true, MessageRetention: 24 * time.Hour},
	}
	f.Must(f.chats.CreateRoom(f.Context(), chat.NewRoom{Room: r, Creator: chat.Actor{ID: members[0]}}))
	for _, user := range members[1:] {
		_, err := f.chats.Join(f.Context(), chat.Join{RoomID: r.ID, Actor: chat.Actor{ID: user}, At: start})
		f.Must(err)
	}
	return r
}

func (f *fixture) record(id string) upload.Record {
	f.Helper()
	r, err := f.store.Record(f.Context(), id)
	f.Must(err)
	return r
}

// gone ends the test if the records are not removed, each with a job that removes its bytes, and those jobs alone.
func (f *fixture) gone(ids ...string) {
	f.Helper()
	for _, id := range ids {
		_, err := f.store.Record(f.Context(), id)
		f.Refused(err, chat.ErrFileNotFound)
	}
	claimed, err := f.jobs.Claim(f.Context(), job.Claim{Kind: upload.JobKind, Most: 100, Now: start.Add(1000 * time.Hour), Lease: f.id("n:"), Last: time.Minute})
	f.Must(err)
	var payloads, want []string
	for i := range claimed {
		payloads = append(payloads, string(claimed[i].Payload))
	}
	for _, id := range ids {
		want = append(want, `{"remove":"`+id+`"}`)
	}
	slices.Sort(payloads)
	slices.Sort(want)
	equal(f, "jobs", payloads, want)
}

func testFields(f *fixture) {
	whole := upload.Record{
		ID: "file_a", Owner: "anna", State: upload.Uploading, Name: "图 a'b\".png", Metadata: "filename YQ==,filetype Yg==", Concat: "final;/a /b",
		Length: 100, CreatedAt: start, ExpiresAt: start.Add(time.Hour),
	}
	f.Must(f.store.Begin(f.Context(), upload.Begin{Record: whole}))
	equal(f, "begun", f.record("file_a"), whole)
	whole.Offset, whole.Parts = 60, []upload.Part{{Blob: "file_a/1", Size: 40}, {Blob: "file_a/2", Size: 20}}
	whole.ExpiresAt = start.Add(2 * time.Hour)
	f.Must(f.store.Advance(f.Context(), upload.Advance{ID: "file_a", Offset: 60, Parts: whole.Parts, ExpiresAt: whole.ExpiresAt}))
	f.open()
	equal(f, "moved on", f.record("file_a"), whole)
	whole.State, whole.Type, whole.Size, whole.Blob, whole.Processed, whole.Offset, whole.Parts = upload.Ready, "image/png", 90, "file_a/whole", true, 100, nil
	whole.Details = chat.FileDetails{Width: 1, Height: 2, Format: "png", Duration: 1.5, Bitrate: 3, SampleRate: 4}
	whole.Variants = map[string]upload.Variant{"thumbnail": {Blob: "file_a/t", Type: "image/jpeg", Size: 5}}
	whole.ExpiresAt = start.Add(3 * time.Hour)
	f.Must(f.store.Finish(f.Context(), upload.Finish{Record: whole, From: 60, At: start}))
	f.open()
	equal(f, "finished", f.record("file_a"), whole)
	equal(f, "what others are told", whole.File(), chat.File{
		ID: "file_a", Owner: "anna", Name: whole.Name, Type: "image/png", Size: 90, At: start, Processed: true, Details: whole.Details, Variants: []string{"thumbnail"},
	})
	f.Quiet()
}

func testSteps(f *fixture) {
	r := f.begun("anna", 100)
	step := upload.Advance{ID: r.ID, From: 10, Offset: 20, ExpiresAt: start}
	f.Refused(f.store.Advance(f.Context(), step), upload.ErrOffset)
	f.Refused(f.store.Finish(f.Context(), upload.Finish{Record: r, From: 1, At: start}), upload.ErrOffset)
	step.ID = "file_x"
	f.Refused(f.store.Advance(f.Context(), step), upload.ErrUploadNotFound)
	f.Refused(f.store.Finish(f.Context(), upload.Finish{Record: upload.Record{ID: "file_x"}, At: start}), upload.ErrUploadNotFound)
	equal(f, "what was refused", f.record(r.ID), r)
	whole := f.file("anna")
	step.ID, step.From = whole.ID, whole.Offset
	f.Refused(f.store.Advance(f.Context(), step), upload.ErrUploadNotFound)
	f.Refused(f.store.Finish(f.Context(), upload.Finish{Record: whole, From: whole.Offset, At: start}), upload.ErrUploadNotFound)
	_, err := f.store.Record(f.Context(), "file_x\x00")
	f.Refused(err, chat.ErrFileNotFound)
}

// Of several who move an upload on from one place, one does.
func testStepsAtOnce(f *fixture) {
	r := f.begun("anna", 100)
	const many = 8
	errs := make([]error, many)
	suite.AtOnce(many, func(i int) {
		errs[i] = f.store.Advance(f.Context(), upload.Advance{
			ID: r.ID, Offset: int64(i + 1), Parts: []upload.Part{{Blob: fmt.Sprint(i), Size: int64(i + 1)}}, ExpiresAt: start,
		})
	})
	done := 0
	for i, err := range errs {
		if err == nil {
			done++
			equal(f, "where it is", f.record(r.ID).Parts, []upload.Part{{Blob: fmt.Sprint(i), Size: int64(i + 1)}})
			continue
		}
		f.Refused(err, upload.ErrOffset)
	}
	equal(f, "who has moved it", done, 1)
}

func testQuota(f *fixture) {
	begin := func(owner chat.UserID, length int64) error {
		r := upload.Record{ID: f.id("file_"), Owner: owner, State: upload.Uploading, Length: length, CreatedAt: start}
		return f.store.Begin(f.Context(), upload.Begin{Record: r, Quota: 100})
	}
	f.Must(begin("anna", 60))
	f.Refused(begin("anna", 41), upload.ErrQuota)
	f.Must(begin("bert", 100))
	f.Must(begin("anna", 40))
	f.Refused(begin("anna", 1), upload.ErrQuota)
	f.Must(f.store.Remove(f.Context(), upload.Remove{ID: "file_001", At: start}))
	f.Must(begin("anna", 60))
	for range upload.MaxUnfinished {
		f.begun("carl", 1)
	}
	f.Refused(begin("carl", 1), upload.ErrTooMany)
	f.Must(begin("dora", 1))
}

func testQuotaAtOnce(f *fixture) {
	const many = 8
	errs := make([]error, many)
	suite.AtOnce(many, func(i int) {
		r := upload.Record{ID: fmt.Sprint("file_", i), Owner: "anna", State: upload.Uploading, Length: 40, CreatedAt: start}
		errs[i] = f.store.Begin(f.Context(), upload.Begin{Record: r, Quota: 100})
	})
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
			continue
		}
		f.Refused(err, upload.ErrQuota)
	}
	equal(f, "what fits", done, 2)
}

func testJoined(f *fixture) {
	first, second, whole := f.begun("anna", 5), f.begun("anna", 5), f.begun("anna", 10)
	whole.State, whole.Type, whole.Size, whole.Offset = upload.Ready, "image/png", 10, 10
	f.Must(f.store.Finish(f.Context(), upload.Finish{Record: whole, Joined: []string{first.ID, second.ID, "file_x"}, At: start}))
	equal(f, "the whole", f.record(whole.ID), whole)
	f.gone(first.ID, second.ID)
}

func testProcess(f *fixture) {
	r := f.file("anna")
	r.Processed, r.Details = true, chat.FileDetails{Width: 3}
	r.Variants = map[string]upload.Variant{"preview": {Blob: "p", Type: "image/jpeg", Size: 7}}
	got, err := f.store.Process(f.Context(), upload.Process{ID: r.ID, Details: r.Details, Variants: r.Variants})
	f.Must(err)
	equal(f, "processed", got, r)
	equal(f, "stored", f.record(r.ID), r)
	f.Must(f.store.Remove(f.Context(), upload.Remove{ID: r.ID, At: start}))
	_, err = f.store.Process(f.Context(), upload.Process{ID: r.ID})
	f.Refused(err, chat.ErrFileNotFound)
	_, err = f.store.Process(f.Context(), upload.Process{ID: f.begun("anna", 1).ID})
	f.Refused(err, chat.ErrFileNotFound)
}

// What follows a whole file is enqueued with it, or not at all.
func testFinishWithJobs(f *fixture) {
	r := f.begun("anna", 10)
	r.State, r.Type, r.Size, r.Blob, r.Offset = upload.Ready, "image/png", 10, r.ID+"/whole", 10
	follows := []job.Job{{ID: "j", Kind: upload.MakingKind, Payload: []byte(`{"make":"x"}`), State: job.Waiting, RunAt: start, CreatedAt: start}}
	f.Refused(f.store.Finish(f.Context(), upload.Finish{Record: r, From: 1, At: start, Jobs: follows}), upload.ErrOffset)
	claim := func() []job.Job {
		f.Helper()
		jobs, err := f.jobs.Claim(f.Context(), job.Claim{Kind: upload.MakingKind, Most: 10, Now: start, Lease: f.id("n:"), Last: time.Minute})
		f.Must(err)
		return jobs
	}
	equal(f, "jobs of what was refused", len(claim()), 0)
	f.Must(f.store.Finish(f.Context(), upload.Finish{Record: r, At: start, Jobs: follows}))
	jobs := claim()
	equal(f, "jobs", len(jobs), 1)
	equal(f, "the job", string(jobs[0].Payload), `{"make":"x"}`)
	equal(f, "processed", f.record(r.ID).Processed, false)
}

// Who has messages with a file: members of rooms as the rooms, others by their names.
func testAudience(f *fixture) {
	r := f.file("anna")
	check := func(rooms []string, users ...chat.UserID) {
		f.Helper()
		to, err := f.store.Audience(f.Context(), r.ID)
		f.Must(err)
		slices.Sort(to.Rooms)
		slices.Sort(to.Users)
		equal(f, "rooms", to.Rooms, rooms)
		equal(f, "users", to.Users, users)
	}
	check(nil)
	first, second := f.room("anna", "bert"), f.room("anna")
	f.say("anna", "", first.ID, r.ID)
	f.say("anna", "", first.ID, r.ID)
	check([]string{first.ID})
	m := f.say("anna", "carl", "", r.ID)
	f.say("anna", "", second.ID, r.ID)
	check([]string{first.ID, second.ID}, "anna", "carl")
	_, err := f.chats.DeleteMessage(f.Context(), chat.Delete{MessageID: m.ID, Actor: chat.Actor{ID: "anna"}, At: start})
	f.Must(err)
	f.Must(f.chats.DeleteRoom(f.Context(), chat.DeleteRoom{RoomID: second.ID, Actor: chat.Actor{ID: "anna"}, At: start}))
	check([]string{first.ID})
}

// A message carries its files wherever it is read.
func testAttach(f *fixture) {
	room := f.room("anna", "bert")
	a, b := f.file("anna"), f.file("anna")
	f.Events.Take()
	files := []chat.File{b.File(), a.File()}
	m, err := f.chats.AppendMessage(f.Context(), chat.Append{RequireFiles: true, Fingerprint: []byte("x"), Message: chat.Message{
		ID: "m", RoomID: room.ID, SenderID: "anna", Content: "look", Type: chat.TypeImage, ClientMsgID: "c", Attachments: []string{b.ID, a.ID}, Timestamp: start,
	}})
	f.Must(err)
	equal(f, "the answer", m.Files, files)
	events := f.Events.Take()
	equal(f, "events", len(events), 1)
	equal(f, "the event", events[0].Message.Files, files)
	equal(f, "it does not expire", f.record(a.ID).ExpiresAt.IsZero(), true)
	again, err := f.chats.AppendMessage(f.Context(), chat.Append{RequireFiles: true, Fingerprint: []byte("x"), Message: chat.Message{
		ID: "m2", RoomID: room.ID, SenderID: "anna", Content: "look", Type: chat.TypeImage, ClientMsgID: "c", Attachments: []string{b.ID, a.ID}, Timestamp: start,
	}})
	f.Must(err)
	equal(f, "sent again", again.ID, "m")
	equal(f, "its files", again.Files, files)
	f.open()
	page, err := f.chats.Messages(f.Context(), chat.MessageQuery{ConversationID: room.ConversationID, Limit: 10})
	f.Must(err)
	equal(f, "history", page.Messages[len(page.Messages)-1].Files, files)
	one, _, err := f.chats.Message(f.Context(), "m", "bert")
	f.Must(err)
	equal(f, "alone", one.Files, files)
	synced, err := f.chats.Sync(f.Context(), chat.SyncQuery{
		User: "bert", Since: map[string]int64{room.ConversationID: 2}, MaxEvents: 10, MaxBytes: 1 << 20, MaxBehind: 1000, MaxNew: 10,
	})
	f.Must(err)
	found := false
	for _, c := range synced.Conversations {
		for i := range c.Events {
			if said := c.Events[i].Message; said != nil && said.ID == "m" {
				equal(f, "caught up with", said.Files, files)
				found = true
			}
		}
	}
	equal(f, "caught up", found, true)
	// The same file again, in another message, by its owner.
	equal(f, "another message", f.say("anna", "carl", "", a.ID).Files, []chat.File{a.File()})
}

func testAttachRefusals(f *fixture) {
	room := f.room("anna", "bert")
	mine, his, unfinished, removed := f.file("anna"), f.file("bert"), f.begun("anna", 10), f.file("anna")
	f.Must(f.store.Remove(f.Context(), upload.Remove{ID: removed.ID, At: start}))
	f.Events.Take()
	for what, id := range map[string]string{"none": "file_x", "another's": his.ID, "unfinished": unfinished.ID, "removed": removed.ID, "no text": "file_\x01"} {
		_, err := f.said("anna", "", room.ID, mine.ID, id)
		f.Refused(err, chat.ErrFileNotFound)
		if err := err.Error(); !slices.Contains([]string{"file_not_found: File not found (field attachments[1])"}, err) {
			f.Errorf("%s: %s", what, err)
		}
		_, err = f.said("anna", "carl", "", id)
		f.Refused(err, chat.ErrFileNotFound)
	}
	f.Quiet()
	if f.record(mine.ID).ExpiresAt.IsZero() {
		f.Error("a file is kept for a message that was refused")
	}
}

func testReadable(f *fixture) {
	r := f.file("anna")
	check := func(want ...chat.UserID) {
		f.Helper()
		for _, user := range []chat.UserID{"anna", "bert", "carl", "dora"} {
			got, err := f.store.Readable(f.Context(), r.ID, user)
			if slices.Contains(want, user) {
				f.Must(err)
				equal(f, "what is read", got.ID, r.ID)
				continue
			}
			f.Refused(err, chat.ErrFileNotFound)
		}
	}
	check("anna")
	f.say("anna", "bert", "", r.ID)
	check("anna", "bert")
	room := f.room("anna", "carl")
	f.say("anna", "", room.ID, r.ID)
	check("anna", "bert", "carl")
	_, err := f.chats.Leave(f.Context(), chat.Leave{RoomID: room.ID, Actor: chat.Actor{ID: "carl"}, At: start})
	f.Must(err)
	check("anna", "bert")
	_, err = f.chats.Join(f.Context(), chat.Join{RoomID: room.ID, Actor: chat.Actor{ID: "dora"}, At: start})
	f.Must(err)
	check("anna", "bert", "dora")
	f.Must(f.chats.DeleteRoom(f.Context(), chat.DeleteRoom{RoomID: room.ID, Actor: chat.Actor{ID: "anna"}, At: start}))
	check("anna", "bert")
	_, err = f.store.Readable(f.Context(), f.begun("anna", 10).ID, "anna")
	f.Refused(err, chat.ErrFileNotFound)
}

func testRemove(f *fixture) {
	r, used := f.file("anna"), f.file("anna")
	f.say("anna", "bert", "", used.ID)
	f.Refused(f.store.Remove(f.Context(), upload.Remove{ID: r.ID, Owner: "bert", At: start}), chat.ErrFileNotFound)
	f.Refused(f.store.Remove(f.Context(), upload.Remove{ID: used.ID, Owner: "anna", At: start}), upload.ErrInUse)
	f.Refused(f.store.Remove(f.Context(), upload.Remove{ID: "file_x", At: start}), chat.ErrFileNotFound)
	f.gone()
	f.Must(f.store.Remove(f.Context(), upload.Remove{ID: r.ID, Owner: "anna", At: start}))
	f.Refused(f.store.Remove(f.Context(), upload.Remove{ID: r.ID, Owner: "anna", At: start}), chat.ErrFileNotFound)
	f.gone(r.ID)
	known, err := f.store.Known(f.Context(), []string{r.ID, used.ID, "file_x"})
	f.Must(err)
	slices.Sort(known)
	equal(f, "until its bytes are gone", known, []string{r.ID, used.ID})
	f.Must(f.store.Forget(f.Context(), r.ID))
	f.Must(f.store.Forget(f.Context(), used.ID)) // it is not removed
	known, err = f.store.Known(f.Context(), []string{r.ID, used.ID})
	f.Must(err)
	equal(f, "then", known, []string{used.ID})
}

func testLastMessage(f *fixture) {
	r := f.file("anna")
	room := f.room("anna", "bert")
	first, second := f.say("anna", "", room.ID, r.ID), f.say("anna", "carl", "", r.ID)
	remove := func(m chat.Message) {
		f.Helper()
		got, err := f.chats.DeleteMessage(f.Context(), chat.Delete{MessageID: m.ID, Actor: chat.Actor{ID: "anna"}, At: start})
		f.Must(err)
		equal(f, "files of a tombstone", len(got.Files)+len(got.Attachments), 0)
	}
	remove(first)
	f.gone()
	_, err := f.store.Readable(f.Context(), r.ID, "bert")
	f.Refused(err, chat.ErrFileNotFound)
	_, err = f.store.Readable(f.Context(), r.ID, "carl")
	f.Must(err)
	remove(second)
	f.gone(r.ID)
}

func testRetention(f *fixture) {
	r, both := f.file("anna"), f.file("anna")
	room := f.room("anna", "bert")
	f.say("anna", "", room.ID, r.ID, both.ID)
	f.say("anna", "carl", "", both.ID)
	_, err := f.chats.Retain(f.Context(), chat.Retain{Now: start.Add(25 * time.Hour), Portion: 10})
	f.Must(err)
	f.gone(r.ID)
	f.record(both.ID)
}

func testRelease(f *fixture) {
	room, other := f.room("anna", "bert"), f.room("anna")
	var ids []string
	for range 3 {
		r := f.file("anna")
		f.say("anna", "", room.ID, r.ID)
		ids = append(ids, r.ID)
	}
	both := f.file("anna")
	f.say("anna", "", room.ID, both.ID)
	f.say("anna", "", other.ID, both.ID)
	n, err := f.store.Release(f.Context(), room.ConversationID, start, 10)
	f.Must(err)
	equal(f, "of a room that is there", n, 0)
	f.Must(f.chats.DeleteRoom(f.Context(), chat.DeleteRoom{RoomID: room.ID, Actor: chat.Actor{ID: "anna"}, At: start}))
	for _, want := range []int{3, 1, 0} {
		n, err := f.store.Release(f.Context(), room.ConversationID, start, 3)
		f.Must(err)
		equal(f, "released", n, want)
	}
	f.gone(ids...)
	f.record(both.ID)
}

func testExpired(f *fixture) {
	late, used, upl := f.file("anna"), f.file("anna"), f.begun("anna", 10)
	f.say("anna", "bert", "", used.ID)
	expired := func(at time.Time, limit int) []string {
		f.Helper()
		ids, err := f.store.Expired(f.Context(), at, limit)
		f.Must(err)
		slices.Sort(ids)
		return ids
	}
	equal(f, "before its time", expired(start.Add(time.Hour-time.Millisecond), 10), nil)
	equal(f, "at its time", expired(start.Add(time.Hour), 10), []string{late.ID, upl.ID})
	equal(f, "some", len(expired(start.Add(time.Hour), 1)), 1)
	f.Refused(f.store.Remove(f.Context(), upload.Remove{ID: late.ID, ExpiredBy: start, At: start}), chat.ErrFileNotFound)
	f.Refused(f.store.Remove(f.Context(), upload.Remove{ID: used.ID, ExpiredBy: start.Add(time.Hour), At: start}), chat.ErrFileNotFound)
	f.Must(f.store.Remove(f.Context(), upload.Remove{ID: late.ID, ExpiredBy: start.Add(time.Hour), At: start}))
	f.Must(f.store.Remove(f.Context(), upload.Remove{ID: upl.ID, ExpiredBy: start.Add(time.Hour), At: start}))
	equal(f, "then", expired(start.Add(1000*time.Hour), 10), nil)
	f.gone(late.ID, upl.ID)
}

// A message that is sent later has its files by then.
func testScheduled(f *fixture) {
	r := f.file("anna")
	at := start.Add(100 * time.Hour)
	s := chat.Scheduled{
		ID: "s", AuthorID: "anna", ConversationID: chat.DirectID("anna", "bert"), RecipientID: "bert", Content: "later", Type: chat.TypeText,
		Attachments: []string{r.ID}, SendAt: at, CreatedAt: start, Version: 1,
	}
	command := func(id string) chat.Append {
		return chat.Append{RequireFiles: true, Message: chat.Message{
			ID: id, ConversationID: s.ConversationID, RecipientID: "bert", SenderID: "anna", Content: "later", Type: chat.TypeText, Attachments: s.Attachments, Timestamp: at,
		}}
	}
	_, err := f.chats.ScheduleMessage(f.Context(), chat.Schedule{Scheduled: s, Append: command("m0"), Fingerprint: []byte("x"), Most: 10})
	f.Must(err)
	if until := f.record(r.ID).ExpiresAt; !until.After(at) {
		f.Errorf("the file goes at %v, the message at %v", until, at)
	}
	m, err := f.chats.SendScheduled(f.Context(), chat.SendScheduled{Due: chat.Due{ID: "s", Version: 1}, Append: command("m1")})
	f.Must(err)
	equal(f, "files", m.Files, []chat.File{r.File()})
	s.ID, s.Attachments = "s2", []string{"file_x"}
	_, err = f.chats.ScheduleMessage(f.Context(), chat.Schedule{Scheduled: s, Append: command("m2"), Fingerprint: []byte("x"), Most: 10})
	f.Refused(err, chat.ErrFileNotFound)
}

// Whatever comes first: no message is left without its file.
func testRemovedWhileAttached(f *fixture) {
	for range 10 {
		r := f.file("anna")
		m := chat.Message{
			ID: f.id("m"), ConversationID: chat.DirectID("anna", "bert"), RecipientID: "bert", SenderID: "anna", Content: "x", Type: chat.TypeText,
			Attachments: []string{r.ID}, Timestamp: start,
		}
		var sent, removed error
		suite.AtOnce(2, func(i int) {
			if i == 0 {
				_, sent = f.chats.AppendMessage(f.Context(), chat.Append{Message: m, RequireFiles: true})
			} else {
				removed = f.store.Remove(f.Context(), upload.Remove{ID: r.ID, Owner: "anna", At: start})
			}
		})
		if sent == nil {
			f.Refused(removed, upload.ErrInUse)
			f.record(r.ID)
			continue
		}
		f.Refused(sent, chat.ErrFileNotFound)
		f.Must(removed)
	}
}

func testListed(f *fixture) {
	a, b, c := f.file("anna"), f.begun("bert", 10), f.file("anna")
	f.Must(f.store.Remove(f.Context(), upload.Remove{ID: c.ID, At: start}))
	kept, err := f.store.Kept(f.Context(), "", 10)
	f.Must(err)
	equal(f, "all", kept, []upload.Record{a, b})
	kept, err = f.store.Kept(f.Context(), a.ID, 1)
	f.Must(err)
	equal(f, "behind the first", kept, []upload.Record{b})
}

func testEndedContext(f *fixture) {
	r := f.begun("anna", 10)
	ended := suite.Ended(f.Context())
	if err := f.store.Begin(ended, upload.Begin{Record: upload.Record{ID: "file_x", Owner: "anna", CreatedAt: start}}); err == nil {
		f.Error("an upload has begun")
	}
	if err := f.store.Remove(ended, upload.Remove{ID: r.ID, At: start}); err == nil {
		f.Error("a file was removed")
	}
	_, err := f.store.Record(f.Context(), "file_x")
	f.Refused(err, chat.ErrFileNotFound)
	equal(f, "what was there", f.record(r.ID), r)
}
