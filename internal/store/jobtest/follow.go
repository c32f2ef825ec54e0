package jobtest

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

// follower says what is to follow: for each new message a job with the message's content, under a key if there is one.
type follower struct {
	key string
	ids atomic.Int64
}

func (w *follower) follow(chats []chat.Event, accounts []account.Event) (jobs []job.Job) {
	add := func(payload string) {
		jobs = append(jobs, job.Job{
			ID: fmt.Sprintf("f%05d", w.ids.Add(1)), Kind: "kind", Key: w.key, Payload: []byte(payload), RunAt: start, CreatedAt: start,
		})
	}
	for i := range chats {
		if chats[i].Kind == chat.MessageCreated {
			add(chats[i].Message.Content)
		}
	}
	for i := range accounts {
		add(string(accounts[i].Kind))
	}
	return jobs
}

// say is a message from anna to bert.
func (f *fixture) say(in chat.Store, id, content string) error {
	_, err := in.AppendMessage(f.Context(), chat.Append{Message: chat.Message{
		ID: id, ConversationID: chat.DirectID("anna", "bert"), SenderID: "anna", SenderName: "Anna", RecipientID: "bert",
		Content: content, Type: chat.TypeText, Timestamp: start,
	}})
	return err
}

func payloads(jobs []job.Job) []string {
	all := []string{}
	for i := range jobs {
		all = append(all, string(jobs[i].Payload))
	}
	slices.Sort(all)
	return all
}

// testFollow: what is to follow an event is there exactly if the event is, and who waits for jobs is told.
func testFollow(f *fixture) {
	chats := f.driver.Chats(f.store)
	f.must(f.say(chats, "m0", "nobody follows"))
	equal(f, "due before anybody follows", len(f.claim("kind", 10, start, long)), 0)
	chats.Follow((&follower{}).follow)
	f.take()
	f.must(f.say(chats, "m1", "one"))
	equal(f, "told", f.take(), []string{"kind"})
	refused := chat.Append{Message: chat.Message{
		ID: "m2", RoomID: "none", SenderID: "anna", SenderName: "Anna", Content: "refused", Type: chat.TypeText, Timestamp: start,
	}}
	if _, err := chats.AppendMessage(f.Context(), refused); !errors.Is(err, chat.ErrRoomNotFound) {
		f.Fatalf("got %v", err)
	}
	equal(f, "told of what was refused", f.take(), nil)
	suite.AtOnce(20, func(i int) { // some of them share transactions
		if err := f.say(chats, fmt.Sprint("m1", i), "many"); err != nil {
			f.Error(err)
		}
		if _, err := chats.AppendMessage(f.Context(), refused); !errors.Is(err, chat.ErrRoomNotFound) {
			f.Errorf("got %v", err)
		}
	})
	equal(f, "due", payloads(f.claim("kind", 100, start, long)), append(slices.Repeat([]string{"many"}, 20), "one"))
}

// testFollowAccounts: events of accounts are followed too.
func testFollowAccounts(f *fixture) {
	accounts := f.driver.Chats(f.store)
	accounts.Follow((&follower{}).follow)
	f.must(f.driver.Rename(f.Context(), f.store, "anna", "Anna"))
	equal(f, "due of a new user", len(f.claim("kind", 10, start, long)), 0)
	f.must(f.driver.Rename(f.Context(), f.store, "anna", "Annabel"))
	equal(f, "due", payloads(f.claim("kind", 10, start, long)), []string{string(account.UserChanged)})
}

// testFollowKilled: what is to follow an event is there if the server dies behind the commit.
func testFollowKilled(f *fixture) {
	chats := f.driver.Chats(f.store)
	chats.Follow((&follower{}).follow)
	f.must(f.say(chats, "m1", "one"))
	f.open()
	equal(f, "due", payloads(f.claim("kind", 10, start, long)), []string{"one"})
}

// testFollowPanics: who panics when asked what is to follow refuses the transaction, and nothing else.
func testFollowPanics(f *fixture) {
	chats := f.driver.Chats(f.store)
	chats.Follow(func(events []chat.Event, _ []account.Event) []job.Job {
		if len(events) > 0 && events[0].Message != nil && events[0].Message.Content == "panic" {
			panic("what follows")
		}
		return nil
	})
	if err := f.say(chats, "m1", "panic"); err == nil {
		f.Fatal("the message was stored")
	}
	f.must(f.say(chats, "m2", "fine"))
}

// testAgain: a job with a key is wanted again by what follows while it runs, and only then is what it says for that case enqueued.
func testAgain(f *fixture) {
	chats := f.driver.Chats(f.store)
	chats.Follow((&follower{key: "line"}).follow)
	again := func(key string) *job.Job {
		j := f.new(func(j *job.Job) { j.Key, j.Payload = key, []byte("again") })
		return &j
	}
	done := func(j job.Job, change func(*job.End)) {
		f.Helper()
		f.end(j, job.Done, func(e *job.End) {
			e.Remove, e.Again = true, again("line")
			if change != nil {
				change(e)
			}
		})
	}
	due := func(want ...string) {
		f.Helper()
		equal(f, "due", payloads(f.claim("kind", 10, start, long)), append([]string{}, want...))
	}

	f.must(f.say(chats, "m1", "one"))
	f.must(f.say(chats, "m2", "while it waits"))
	first := f.one(long)
	equal(f, "payload", string(first.Payload), "one")
	due() // one at a time
	done(first, nil)
	due() // what came while it waited, it has seen

	f.must(f.say(chats, "m3", "three"))
	running := f.one(long)
	f.must(f.say(chats, "m4", "while it runs"))
	f.must(f.say(chats, "m5", "and once more"))
	done(running, nil)
	second := f.one(long)
	equal(f, "payload", string(second.Payload), "again")
	due()

	// It says itself how it goes on: that is it.
	f.must(f.say(chats, "m6", "while it runs"))
	done(second, func(e *job.End) {
		e.Then = []job.Job{f.new(func(j *job.Job) { j.Key, j.Payload = "line", []byte("on") })}
	})
	third := f.one(long)
	equal(f, "payload", string(third.Payload), "on")

	// It fails, is tried again, and has seen everything then.
	f.must(f.say(chats, "m7", "while it runs"))
	f.end(third, job.Waiting, func(e *job.End) { e.Attempts = 1 })
	fourth := f.one(long)
	equal(f, "payload", string(fourth.Payload), "on")
	done(fourth, nil)
	due()

	// It fails for good, or is kept when it is done.
	for id, state := range map[string]job.State{"m8": job.Dead, "m9": job.Done} {
		f.must(f.say(chats, id, "next"))
		j := f.one(long)
		f.must(f.say(chats, id+"a", "while it runs"))
		f.end(j, state, func(e *job.End) { e.Again = again("line") })
		next := f.one(long)
		equal(f, "payload", string(next.Payload), "again")
		done(next, nil)
	}

	// Its lease is over: it cannot say anything.
	f.must(f.say(chats, "m10", "next"))
	lost := f.one(0)
	f.free()
	f.must(f.say(chats, "m11", "while nobody has it"))
	done(lost, nil)
	due("next")
}

// testNotForgotten: whatever is said while workers end, some job comes behind it, and one at a time.
func testNotForgotten(f *fixture) {
	const senders, each = 4, 25
	beside := f.driver.Beside(f, f.store)
	stores := []job.Store{f.store, beside}
	follows := &follower{key: "line"}
	for _, s := range stores {
		f.driver.Chats(s).Follow(follows.follow)
	}
	var left, working, seen, ids atomic.Int64
	left.Store(senders)
	suite.AtOnce(senders+len(stores), func(i int) {
		if i < senders {
			defer left.Add(-1)
			for n := range each {
				if err := f.say(f.driver.Chats(stores[i%2]), fmt.Sprintf("m%d-%d", i, n), "x"); err != nil {
					f.Error(err)
				}
			}
			return
		}
		s := stores[i-senders]
		for {
			last := left.Load() == 0 // what is found behind this is all
			jobs, err := s.Claim(f.Context(), job.Claim{Kind: "kind", Most: 5, Now: start, Lease: fmt.Sprintf("n%d:%d", i, ids.Add(1)), Last: long})
			if err != nil {
				f.Error(err)
				return
			}
			if len(jobs) == 0 {
				if last && working.Load() == 0 {
					return
				}
				continue
			}
			if len(jobs) > 1 || working.Add(1) > 1 {
				f.Error("two jobs of one key are done at once")
			}
			page, err := f.driver.Chats(s).Messages(f.Context(), chat.MessageQuery{ConversationID: chat.DirectID("anna", "bert"), Limit: 1000})
			if err != nil {
				f.Error(err)
				return
			}
			seen.Store(int64(len(page.Messages)))
			working.Add(-1)
			again := job.Job{ID: fmt.Sprintf("again%05d", ids.Add(1)), Kind: "kind", Key: "line", RunAt: start, CreatedAt: start}
			end := job.End{Held: job.Held{ID: jobs[0].ID, Lease: jobs[0].Lease}, State: job.Done, Remove: true, At: start, Again: &again}
			if err := s.Finish(f.Context(), []job.End{end}); err != nil {
				f.Error(err)
				return
			}
		}
	})
	// Another worker may have ended between the last look of both.
	for jobs := f.claim("kind", 5, start, long); len(jobs) > 0; jobs = f.claim("kind", 5, start, long) {
		seen.Store(senders * each)
		f.end(jobs[0], job.Done, func(e *job.End) { e.Remove = true })
	}
	equal(f, "messages that somebody has come behind", seen.Load(), int64(senders*each))
}
