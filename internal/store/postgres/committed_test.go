package postgres_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// server is a store whose facts are collected, with the rules of chats on it.
type server struct {
	*postgres.Store
	rules    *chat.Service
	accounts *postgres.Accounts
	told     chan feed.Facts
}

func openServer(t *testing.T, address string) server {
	t.Helper()
	told := make(chan feed.Facts, 1000)
	cfg := postgres.DefaultConfig(address)
	cfg.Tell = func(f feed.Facts) { told <- f }
	s := openWith(t, cfg, nil)
	rules, err := chat.New(chat.DefaultConfig(), chat.Deps{Store: s, Now: time.Now, NewID: chat.NewID})
	if err != nil {
		t.Fatal(err)
	}
	return server{s, rules, s.Accounts(nil), told}
}

// facts are those that were told of since the last call.
func (s server) facts() (all []feed.Facts) {
	for {
		select {
		case f := <-s.told:
			all = append(all, f)
		default:
			return all
		}
	}
}

// reader follows the log of commits.
type reader struct {
	*testing.T
	log   feed.Log
	known map[int64]int64
}

func newReader(t *testing.T, log feed.Log) *reader {
	t.Helper()
	at, err := log.Positions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &reader{t, log, at}
}

// next reads what was committed since, and expects that nothing is lost.
func (r *reader) next() []feed.Committed {
	r.Helper()
	commits, lost := r.all()
	if len(lost) > 0 {
		r.Fatalf("lost %v", lost)
	}
	return commits
}

func (r *reader) all() (commits []feed.Committed, lost []int64) {
	r.Helper()
	for {
		read, err := r.log.After(r.Context(), r.known)
		if err != nil {
			r.Fatal(err)
		}
		r.known = read.Reached
		commits, lost = append(commits, read.Commits...), append(lost, read.Lost...)
		if !read.More {
			return commits, lost
		}
	}
}

// whole puts into commits what their places point to.
func (r *reader) whole(commits []feed.Committed) (facts []feed.Facts) {
	r.Helper()
	for _, c := range commits {
		var events []chat.Event
		for i, e := range c.Facts.Chat {
			place, is := c.Places[i]
			if !is {
				events = append(events, e)
				continue
			}
			read, err := r.log.Read(r.Context(), []feed.Place{place})
			if err != nil {
				r.Fatal(err)
			}
			events = append(events, read...)
		}
		c.Facts.Chat = events
		facts = append(facts, c.Facts)
	}
	return facts
}

// TestCommitted: who reads the log of commits gets what was told by those who have committed: the same facts, under the same
// numbers, and of what has no content all of it.
func TestCommitted(t *testing.T) {
	address := pgtest.Database(t)
	s, other := openServer(t, address), openServer(t, address)
	r := newReader(t, other)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, user := range []account.UserID{"ada", "bob", "cyd"} {
		_, _, err := s.accounts.EnsureUser(ctx, account.EnsureUser{ID: user, Name: strings.ToUpper(string(user)), At: at})
		must(err)
	}
	ada, bob := chat.Actor{ID: "ada", Name: "ADA", Origin: "o"}, chat.Actor{ID: "bob", Name: "BOB"}
	_, err := s.rules.CreateRoom(ctx, ada, chat.CreateRoom{ID: "hall", Name: "Hall"})
	must(err)
	_, err = other.rules.JoinRoom(ctx, bob, "hall")
	must(err)
	said, err := s.rules.SendToRoom(ctx, ada, chat.SendToRoom{RoomID: "hall", Content: "hello @bob"})
	must(err)
	_, err = other.rules.MarkRead(ctx, bob, []string{said.ID})
	must(err)
	must(s.rules.React(ctx, bob, said.ID, "👍", true))
	_, err = s.rules.EditMessage(ctx, ada, said.ID, "hello there")
	must(err)
	_, err = s.rules.AddMembers(ctx, ada, "hall", []chat.UserID{"cyd", "dan"})
	must(err)
	must(s.rules.Kick(ctx, ada, "hall", "bob"))
	must(s.rules.Invite(ctx, ada, "hall", "bob"))
	must(other.accounts.Revoke(ctx, account.Revocation{At: at, UserID: "bob", IssuedBy: at}))
	told := append(s.facts(), other.facts()...)
	checkFacts(t, told, r.whole(r.next()))
	if len(told) < 10 {
		t.Errorf("no more than %d facts were told", len(told))
	}
	must(s.rules.DeleteRoom(ctx, ada, "hall"))
	checkFacts(t, s.facts(), r.whole(r.next()))
}

// checkFacts compares what was told with what was read, of any order of writers.
func checkFacts(t *testing.T, told, read []feed.Facts) {
	t.Helper()
	sortFacts(told)
	sortFacts(read)
	if len(told) != len(read) || len(told) == 0 {
		t.Fatalf("%d facts were told and %d read", len(told), len(read))
	}
	for i := range told {
		want, got := told[i], read[i]
		if got.Commit != want.Commit || !reflect.DeepEqual(got.Accounts, want.Accounts) || len(got.Chat) != len(want.Chat) {
			t.Errorf("of\n%+v\nwas read\n%+v", want, got)
			continue
		}
		for n := range want.Chat {
			checkRead(t, &want.Chat[n], &got.Chat[n])
		}
	}
}

func sortFacts(all []feed.Facts) {
	slices.SortFunc(all, func(a, b feed.Facts) int {
		return int(a.Commit.Writer*1e6 + a.Commit.N - b.Commit.Writer*1e6 - b.Commit.N)
	})
}

// checkRead compares an event with what was read of it: a message is there as it is by now, and nobody knows any more from
// which connection it came.
func checkRead(t *testing.T, want, got *chat.Event) {
	t.Helper()
	now := *want
	if want.Message != nil {
		now.Origin, now.Message, now.Names = "", got.Message, got.Names
		if got.Message == nil || got.Message.ID != want.Message.ID || got.Message.Content != "hello there" {
			t.Errorf("of the message %+v was read %+v", want.Message, got.Message)
		}
	}
	if want.Reaction != nil {
		now.Origin = ""
	}
	if !reflect.DeepEqual(now, *got) {
		t.Errorf("of\n%+v\nwas read\n%+v", now, *got)
	}
}

// TestNoContentInCommits: what a message said is in no commit, and gone with the message.
func TestNoContentInCommits(t *testing.T) {
	address := pgtest.Database(t)
	s := openServer(t, address)
	r := newReader(t, s)
	cmd := message("m1")
	cmd.Message.Content = "a secret"
	if _, err := s.AppendMessage(t.Context(), cmd); err != nil {
		t.Fatal(err)
	}
	if err := s.React(t.Context(), chat.React{MessageID: "m1", Actor: chat.Actor{ID: "bert"}, Emoji: "🤫", Added: true, At: at, Most: 9}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteMessage(t.Context(), chat.Delete{MessageID: "m1", Actor: chat.Actor{ID: "anna"}, At: at}); err != nil {
		t.Fatal(err)
	}
	if n := ask(t, address, `SELECT count(*) FROM commits WHERE facts LIKE '%secret%' OR facts LIKE '%🤫%'`); n != 0 {
		t.Errorf("%d commits have content", n)
	}
	for _, f := range r.whole(r.next()) {
		for _, e := range f.Chat {
			if !slices.Equal(e.Audience.Users, []chat.UserID{"anna", "bert"}) {
				t.Errorf("told to %v: %+v", e.Audience, e)
			}
			if e.Message != nil && e.Message.Content != "" || e.Reaction != nil && e.Reaction.Emoji != "" {
				t.Errorf("read %+v, %+v", e.Message, e.Reaction)
			}
		}
	}
}

// TestCommitsWithoutFacts: they have a number and no row.
func TestCommitsWithoutFacts(t *testing.T) {
	address := pgtest.Database(t)
	s := openServer(t, address)
	r := newReader(t, s)
	for range 3 {
		if err := s.accounts.Seen(t.Context(), []account.Seen{{UserID: "nobody", At: at}}); err != nil {
			t.Fatal(err)
		}
	}
	if commits := r.next(); len(commits) != 0 {
		t.Errorf("there are %+v", commits)
	}
	appendMessage(t, s.Store, "m1")
	commits := r.next()
	if told := s.facts(); len(commits) != 1 || len(told) != 1 || commits[0].N != 4 || told[0].Commit != commits[0].Commit {
		t.Errorf("read %+v, told %+v", commits, told)
	}
	if n := ask(t, address, `SELECT count(*) FROM commits`); n != 1 {
		t.Errorf("%d commits have a row", n)
	}
}

// TestWritersComeAndGo: the log has the commits of a writer that was not there before, also when it has ended by then; and
// what it ended with is told once.
func TestWritersComeAndGo(t *testing.T) {
	address := pgtest.Database(t)
	s := openServer(t, address)
	r := newReader(t, s)
	beside, err := postgres.OpenBeside(t.Context(), postgres.DefaultConfig(address))
	if err != nil {
		t.Fatal(err)
	}
	appendMessage(t, beside, "m1")
	if err := beside.Close(); err != nil {
		t.Fatal(err)
	}
	commits := r.next()
	if len(commits) != 1 || r.known[commits[0].Writer] != feed.Ended {
		t.Errorf("read %+v, positions %v", commits, r.known)
	}
	if again := r.next(); len(again) != 0 {
		t.Errorf("read again: %+v", again)
	}
	if late := newReader(t, s); len(late.next()) != 0 || late.known[commits[0].Writer] != feed.Ended {
		t.Errorf("who comes behind it is at %v", late.known)
	}
	pgtest.Exec(t, address, `DELETE FROM writers WHERE ended`)
	if again := r.next(); len(again) != 0 || len(r.known) != 1 {
		t.Errorf("when it was forgotten: %+v, positions %v", again, r.known)
	}
}

// TestLost: who is further behind than the log is kept is told of which writers.
func TestLost(t *testing.T) {
	address := pgtest.Database(t)
	s := openServer(t, address)
	for i := range 5 {
		appendMessage(t, s.Store, fmt.Sprintf("m%d", i))
	}
	writer := int64(ask(t, address, `SELECT max(id) FROM writers`))
	pgtest.Exec(t, address, `DELETE FROM commits WHERE n <= 2; UPDATE writers SET forgotten = 2`)
	behind := &reader{t, s, map[int64]int64{writer: 1}}
	if commits, lost := behind.all(); !slices.Equal(lost, []int64{writer}) || len(commits) != 3 || commits[0].N != 3 {
		t.Errorf("behind what is kept: lost %v, read %+v", lost, commits)
	}
	for name, known := range map[string]map[int64]int64{
		"at the last one that is not kept": {writer: 2}, "at the end": {writer: 5},
	} {
		if commits, lost := (&reader{t, s, known}).all(); len(lost) > 0 || len(commits) > 3 {
			t.Errorf("%s: lost %v, read %+v", name, lost, commits)
		}
	}
	if _, lost := (&reader{t, s, map[int64]int64{writer: 5, 999: 7}}).all(); !slices.Equal(lost, []int64{999}) {
		t.Errorf("a writer that is not known any more: lost %v", lost)
	}
	if _, lost := (&reader{t, s, map[int64]int64{writer: 6}}).all(); !slices.Equal(lost, []int64{writer}) {
		t.Errorf("behind what the database has: lost %v", lost)
	}
	pgtest.Exec(t, address, `UPDATE commits SET facts = '{"v":99}' WHERE n = 4`)
	if commits, lost := (&reader{t, s, map[int64]int64{writer: 2}}).all(); !slices.Equal(lost, []int64{writer}) || len(commits) != 2 {
		t.Errorf("of a newer version: lost %v, read %+v", lost, commits)
	}
}

// TestManyCommits: they come in portions, each once and in order, of all writers.
func TestManyCommits(t *testing.T) {
	address := pgtest.Database(t)
	s := openServer(t, address)
	pgtest.Exec(t, address, `
		INSERT INTO writers (n, began_at) SELECT 3000, 1 FROM generate_series(1, 3);
		INSERT INTO commits (writer, n, at, facts) SELECT w.id, g, 1, '{"v":1,"c":[{"c":"a","s":' || g || ',"l":' || g || '}]}'
			FROM writers w, generate_series(1, 3000, 2) g WHERE w.n = 3000`)
	known := map[int64]int64{}
	last := map[int64]int64{}
	total := 0
	for rounds := 0; ; rounds++ {
		read, err := s.After(t.Context(), known)
		if err != nil || len(read.Lost) > 0 || len(read.Commits) > 2000 {
			t.Fatalf("%d commits, lost %v, error %v", len(read.Commits), read.Lost, err)
		}
		for _, c := range read.Commits {
			if c.N <= last[c.Writer] || c.Places[0].First != c.N {
				t.Fatalf("behind %d of %d comes %+v", last[c.Writer], c.Writer, c)
			}
			last[c.Writer] = c.N
		}
		known = read.Reached
		if total += len(read.Commits); !read.More {
			if rounds < 4 {
				t.Errorf("it took %d rounds", rounds)
			}
			break
		}
	}
	if total != 4500 {
		t.Errorf("%d commits were read", total)
	}
	for writer, n := range last {
		if n != 2999 || known[writer] != 3000 {
			t.Errorf("of %d the last was %d, and %d is reached", writer, n, known[writer])
		}
	}
}

// TestTidy: what is old of commits and writers goes, and who needs it is told.
func TestTidy(t *testing.T) {
	address := pgtest.Database(t)
	s := openServer(t, address)
	appendMessage(t, s.Store, "m1")
	mine := ask(t, address, `SELECT max(id) FROM writers`)
	minutes := func(ago int) int64 { return time.Now().Add(-time.Duration(ago) * time.Minute).UnixMilli() }
	pgtest.Exec(t, address, fmt.Sprintf(`
		INSERT INTO writers (n, began_at, ended, ended_at) OVERRIDING SYSTEM VALUE VALUES (1, 1, true, %[1]d), (2, 1, true, %[2]d), (7, 1, false, NULL);
		INSERT INTO commits (writer, n, at, facts) SELECT %[3]d + 2, n, %[1]d, '{}' FROM generate_series(1, 12000) n;
		INSERT INTO commits (writer, n, at, facts) VALUES (%[3]d + 2, 12001, %[2]d, '{}')`, minutes(11), minutes(9), mine))
	join(t, s.Store, postgres.Node{ID: "a"})
	eventually(t, "tidying up", func() bool { return ask(t, address, `SELECT count(*) FROM commits`) == 2 })
	eventually(t, "the end of a stray writer", func() bool {
		return ask(t, address, `SELECT count(*) FROM writers WHERE id = $1 AND ended`, mine+3) == 1
	})
	eventually(t, "the forgetting of writers", func() bool { return ask(t, address, `SELECT count(*) FROM writers`) == 3 })
	if n := ask(t, address, `SELECT forgotten FROM writers WHERE id = $1`, mine+2); n != 12000 {
		t.Errorf("it is noted that %d commits are forgotten", n)
	}
	if n := ask(t, address, `SELECT count(*) FROM writers WHERE id = $1 AND NOT ended`, mine); n != 1 {
		t.Error("the node's own writer has ended")
	}
	appendMessage(t, s.Store, "m2")
}

// TestReadWhatIsGone: a place may be removed, or a part of it.
func TestReadWhatIsGone(t *testing.T) {
	address := pgtest.Database(t)
	s := openServer(t, address)
	for i := range 4 {
		appendMessage(t, s.Store, fmt.Sprintf("m%d", i+1))
	}
	id := chat.DirectID("anna", "bert")
	pgtest.Exec(t, address, `DELETE FROM messages WHERE seq <= 2`)
	events, err := s.Read(t.Context(), []feed.Place{
		{ConversationID: id, First: 3, Last: 4}, {ConversationID: "nowhere", First: 1, Last: 9}, {ConversationID: id, First: 1, Last: 3},
	})
	if got := published(events); err != nil || got != "m3=3 m4=4 m3=3 " {
		t.Errorf("read %s, error %v", got, err)
	}
	if events, err := s.Read(t.Context(), nil); err != nil || len(events) != 0 {
		t.Errorf("of no places: %v, error %v", events, err)
	}
}
