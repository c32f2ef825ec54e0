package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/broadcast"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/push/webpushtest"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/usage"
)

// told is what the browser of a user shows of a message.
type told struct {
	User   string
	Title  string
	Body   string
	Tag    string
	Unread int
	Data   struct {
		Type, ConversationID, RoomID, MessageID, SenderID string
		Seq                                               int64
	}
}

// lookFor is how long who does not look has to, in these tests.
const lookFor = 50 * time.Millisecond

// pushing is a server whose users have browsers.
type pushing struct {
	*apptest.Server
	t        *testing.T
	service  *webpushtest.Service
	browsers map[string]*webpushtest.Browser
}

func servePushing(t *testing.T, flags []string, users ...string) *pushing {
	t.Helper()
	p := &pushing{t: t, service: webpushtest.NewService(t), browsers: map[string]*webpushtest.Browser{}}
	p.Server = apptest.Serve(t, append(flags, "--push-allow-private", "--chat-dm-policy", "anyone"), func(s *app.Settings) {
		s.PushRoots, s.LookFor = p.service.Roots, lookFor
	})
	for _, user := range users {
		b := webpushtest.NewBrowser(t, p.service.URL+"/"+user)
		subscribe(t, p.Server, user, b)
		p.browsers[user] = b
	}
	return p
}

// hold holds up what is to be told, or lets it go.
func (p *pushing) hold(held bool) {
	p.t.Helper()
	if err := p.Jobs.Pause(p.t.Context(), push.JobKind, held); err != nil {
		p.t.Fatal(err)
	}
}

// direct says something to a user.
func (p *pushing) direct(from, to, content string) chat.Message {
	p.t.Helper()
	m, err := p.Chat.SendDirect(p.t.Context(), as(from), chat.SendDirect{RecipientID: chat.UserID(to), Content: content})
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

// say says something in the room hall.
func (p *pushing) say(from, content, replyTo string) chat.Message {
	p.t.Helper()
	m, err := p.Chat.SendToRoom(p.t.Context(), as(from), chat.SendToRoom{RoomID: "hall", Content: content, ReplyTo: replyTo})
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

func as(id string) chat.Actor { return chat.Actor{ID: chat.UserID(id), Name: strings.ToUpper(id)} }

// heard is what browsers are told next, by the users and what they are told; not what they take back.
func (p *pushing) heard(n int) []told {
	p.t.Helper()
	var all []told
	for len(all) < n {
		if one := p.read(asked(p.t, p.service)); one.Data.Type != "read" {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b told) int { return strings.Compare(a.User+a.Body, b.User+b.Body) })
	return all
}

// read is what a browser is told.
func (p *pushing) read(r webpushtest.Request) told {
	p.t.Helper()
	user := strings.TrimPrefix(r.Path, "/")
	plain, err := p.browsers[user].Read(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	one := told{User: user}
	if err := json.Unmarshal(plain, &one); err != nil {
		p.t.Fatal(err)
	}
	return one
}

// quiet waits until nothing is to be told any more, and wants that nothing was, but for what is taken back.
func (p *pushing) quiet() {
	p.t.Helper()
	for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(10 * time.Millisecond) {
		counts, err := p.Jobs.Store.Counts(p.t.Context(), []string{push.JobKind}, time.Now())
		if err != nil {
			p.t.Fatal(err)
		}
		if counts[0].Waiting+counts[0].Running == 0 {
			break
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("there are %+v", counts)
		}
	}
	for len(p.service.Asked) > 0 {
		if one := p.read(<-p.service.Asked); one.Data.Type != "read" {
			p.t.Errorf("told too: %+v", one)
		}
	}
}

// TestWhoIsTold: of a message those are told whom it is for, who are not connected, have not read it, and may see it.
func TestWhoIsTold(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		testWhoIsTold(t, "--data", t.TempDir())
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		testWhoIsTold(t, "--database", pgtest.Database(t))
	})
}

func testWhoIsTold(t *testing.T, flags ...string) {
	p := servePushing(t, flags, "ada", "bob", "cyd", "dan", "eve")
	ctx := t.Context()
	online, err := client.Dial(ctx, client.Config{URL: p.URL, Token: client.StaticToken(p.Token(t, "dan", "dan", time.Hour))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(online.Close)
	if _, err := p.Chat.CreateRoom(ctx, as("ada"), chat.CreateRoom{ID: "hall", Name: "The hall", MaxMembers: 10}); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"bob", "cyd", "dan", "eve"} {
		if _, err := p.Chat.JoinRoom(ctx, as(user), "hall"); err != nil {
			t.Fatal(err)
		}
	}
	hall := p.say("ada", "nobody in particular", "")
	check := func(what string, got []told, want ...string) {
		t.Helper()
		var have []string
		for _, one := range got {
			have = append(have, fmt.Sprintf("%s: %s: %s (%d)", one.User, one.Title, one.Body, one.Unread))
		}
		if !slices.Equal(have, want) {
			t.Errorf("%s:\n got %q\nwant %q", what, have, want)
		}
		p.quiet()
	}

	m := p.direct("ada", "bob", "hello "+strings.Repeat("é", 100))
	got := p.heard(1)
	if d := got[0].Data; d.Type != "message" || d.ConversationID != m.ConversationID || d.MessageID != m.ID || d.SenderID != "ada" || d.Seq != m.Seq || got[0].Tag != m.ConversationID {
		t.Errorf("told %+v of %+v", got, m)
	}
	check("direct", got, "bob: ADA: hello "+strings.Repeat("é", 93)+"… (1)")

	// Who has several unread is told how many, with what replaces the notification before.
	p.direct("ada", "bob", "again")
	check("again", p.heard(1), "bob: ADA: again (2)")

	p.direct("ada", "dan", "who is connected")
	check("connected", nil)

	p.hold(true)
	m = p.direct("ada", "bob", "read meanwhile")
	if err := p.Chat.MarkConversation(ctx, as("bob"), m.ConversationID, m.Seq); err != nil {
		t.Fatal(err)
	}
	m = p.direct("ada", "cyd", "deleted meanwhile")
	if _, err := p.Chat.DeleteMessage(ctx, as("ada"), m.ID); err != nil {
		t.Fatal(err)
	}
	p.hold(false)
	check("read, deleted", nil)

	p.say("ada", "@bob, @dan and @cyd!", "")
	got = p.heard(2)
	if got[0].Data.RoomID != "hall" || got[0].Tag != hall.ConversationID {
		t.Errorf("told %+v", got)
	}
	check("mentioned", got, "bob: The hall: ADA: @bob, @dan and @cyd! (2)", "cyd: The hall: ADA: @bob, @dan and @cyd! (2)")

	root := p.say("cyd", "who is hungry?", "")
	check("nobody in particular", nil)
	reply := p.say("bob", "me", root.ID)
	check("replied to", p.heard(1), "cyd: The hall: BOB: me (3)")
	p.say("ada", "me too", reply.ID)
	check("in a thread", p.heard(2), "bob: The hall: ADA: me too (4)", "cyd: The hall: ADA: me too (4)")
	p.say("cyd", "then come", root.ID)
	check("one's own thread", nil)

	p.hold(true)
	p.say("ada", "@bob, @eve", "")
	if _, err := p.Chat.LeaveRoom(ctx, as("eve"), "hall"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Accounts.Block(ctx, account.Actor{ID: "bob", Name: "bob"}, "ada"); err != nil {
		t.Fatal(err)
	}
	p.hold(false)
	check("who has left, who has blocked the sender", nil)

	// Of what users want to be told.
	set := func(s push.Settings) {
		t.Helper()
		if err := p.Push.Set(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	set(push.Settings{UserID: "cyd", Conversation: hall.ConversationID, Level: push.Anything})
	p.say("ada", "everything", "")
	check("all of a room", p.heard(1), "cyd: The hall: ADA: everything (6)")
	set(push.Settings{UserID: "cyd", Level: push.Nothing, WithoutContent: true})
	p.direct("ada", "cyd", "nothing")
	check("nothing", nil)
	p.say("ada", "hush, @cyd", "")
	got = p.heard(1)
	if got[0].Data.SenderID != "" || got[0].Data.Seq == 0 {
		t.Errorf("without content is told %+v", got)
	}
	check("without content", got, "cyd: New message:  (7)")
	set(push.Settings{UserID: "cyd", Conversation: hall.ConversationID, MutedUntil: time.Now().Add(time.Hour), Level: push.Anything})
	p.say("ada", "louder", "")
	check("muted", nil)
	set(push.Settings{UserID: "cyd"})
	set(push.Settings{UserID: "cyd", Conversation: hall.ConversationID})
	p.say("ada", "@cyd", "")
	check("as before", p.heard(1), "cyd: The hall: ADA: @cyd (9)")

	// More users than a page has.
	for i := range push.MaxUsers + 1 {
		set(push.Settings{UserID: account.UserID(fmt.Sprintf("a-%03d", i)), Level: push.Mentions})
		if err := p.Store.SetPushSettings(ctx, push.Settings{UserID: account.UserID(fmt.Sprintf("a-%03d", i)), Conversation: hall.ConversationID, Level: push.Anything}); err != nil {
			t.Fatal(err)
		}
	}
	set(push.Settings{UserID: "cyd", Conversation: hall.ConversationID, Level: push.Anything})
	p.say("ada", "to many", "")
	check("behind a page", p.heard(1), "cyd: The hall: ADA: to many (10)")
}

// TestHidden: who is connected and does not look is told after some time, unless the message is read by then. Who looks at one device
// is not, on whatever server that is.
func TestHidden(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		p := servePushing(t, []string{"--data", t.TempDir()}, "bob")
		testHidden(t, p, p.Server)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		flags := []string{"--database", pgtest.Database(t)}
		p := servePushing(t, flags, "bob")
		testHidden(t, p, apptest.Serve(t, append(flags, "--push-allow-private"), func(s *app.Settings) {
			s.PushRoots, s.LookFor = p.service.Roots, lookFor
		}))
	})
}

func testHidden(t *testing.T, p *pushing, other *apptest.Server) {
	ctx := t.Context()
	connect := func(s *apptest.Server) *client.Client {
		t.Helper()
		c, err := client.Dial(ctx, client.Config{URL: s.URL, Token: client.StaticToken(s.Token(t, "bob", "bob", time.Hour))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	attention := func(looking, hidden int) {
		t.Helper()
		for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(10 * time.Millisecond) {
			same := true
			for _, s := range []*apptest.Server{p.Server, other} {
				l, h := s.Presence.Attention([]account.UserID{"nobody", "bob"})
				same = same && len(l) == looking && len(h) == hidden
			}
			if same {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("servers do not know who looks")
			}
		}
	}
	phone, page := connect(p.Server), connect(other)
	attention(1, 0)
	if err := phone.Look(ctx, false, ""); err != nil {
		t.Fatal(err)
	}
	attention(1, 0)
	p.direct("ada", "bob", "one of them is looked at")
	p.quiet()
	if err := page.Look(ctx, false, ""); err != nil {
		t.Fatal(err)
	}
	attention(0, 1)
	p.direct("ada", "bob", "none is")
	if got := p.heard(1); got[0].Body != "none is" || got[0].Unread != 2 {
		t.Errorf("told %+v", got)
	}
	p.quiet()
	p.hold(true)
	m := p.direct("ada", "bob", "read soon")
	if err := p.Chat.MarkConversation(ctx, as("bob"), m.ConversationID, m.Seq); err != nil {
		t.Fatal(err)
	}
	p.hold(false)
	p.quiet()
	if err := page.Look(ctx, true, ""); err != nil {
		t.Fatal(err)
	}
	attention(1, 0)
	p.direct("ada", "bob", "looked at again")
	p.quiet()
	page.Close()
	attention(0, 1)
	phone.Close()
	attention(0, 0)
	p.direct("ada", "bob", "away")
	if got := p.heard(1); got[0].Body != "away" {
		t.Errorf("told %+v", got)
	}
	p.quiet()
}

// TestTakenOver: what could not be told to a browser at once is not told to who has signed in there meanwhile.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	p := servePushing(t, []string{"--data", t.TempDir()}, "bob")
	failed := make(chan struct{})
	p.service.Answer("/bob", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		close(failed) // it is asked once
	})
	p.direct("ada", "bob", "for bob alone")
	if got := p.heard(1); got[0].Body != "for bob alone" {
		t.Errorf("told %+v", got)
	}
	<-failed
	subscribe(t, p.Server, "cyd", p.browsers["bob"])
	p.quiet()
	p.service.Answer("/bob", nil)
	p.direct("ada", "cyd", "for cyd")
	if got := p.heard(1); got[0].Body != "for cyd" {
		t.Errorf("told %+v", got)
	}
}

// TestPushTakenBack: what is read on one device is taken back by the others that were told of it, by a push that replaces the other one while that
// waits; and nothing is, of which nobody was told. Users have a list of what they were told.
func TestPushTakenBack(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		testPushTakenBack(t, "--data", t.TempDir())
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		testPushTakenBack(t, "--database", pgtest.Database(t))
	})
}

func testPushTakenBack(t *testing.T, flags ...string) {
	p := servePushing(t, flags, "bob")
	ada, bob := chat.Actor{ID: "ada", Name: "Ada"}, chat.Actor{ID: "bob", Name: "Bob"}
	putUser(t, p.Server, "bob")
	type closing struct {
		Type, Tag, Title, NotificationID string
		Data                             struct {
			Type, ConversationID, NotificationID string
			Seq                                  int64
		}
	}
	heard := func() (topic string, c closing) {
		t.Helper()
		r := asked(t, p.service)
		plain, err := p.browsers["bob"].Read(r.Body)
		if err == nil {
			err = json.Unmarshal(plain, &c)
		}
		if err != nil {
			t.Fatalf("%s, %v", plain, err)
		}
		return r.Header.Get("Topic"), c
	}
	send := func(text string) chat.Message {
		t.Helper()
		m, err := p.Chat.SendDirect(t.Context(), ada, chat.SendDirect{RecipientID: "bob", Content: text})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := send("Noodles?")
	topic, told := heard()
	if told.Type != "" || told.Title != "Ada" || told.Data.Seq != m.Seq {
		t.Fatalf("bob is told %+v", told)
	}
	if _, err := p.Chat.MarkRead(t.Context(), bob, []string{m.ID}); err != nil {
		t.Fatal(err)
	}
	again, back := heard()
	if back.Type != "close" || back.Tag != told.Tag || again != topic || back.Title != "" || back.Data.Type != "read" || back.Data.ConversationID != m.ConversationID || back.Data.Seq != m.Seq {
		t.Errorf("it is taken back by %+v, topic %s, not %s", back, again, topic)
	}

	// What is read before anybody is told of it is not taken back: the next that is heard is of the application.
	if err := p.Jobs.Pause(t.Context(), push.JobKind, true); err != nil {
		t.Fatal(err)
	}
	m = send("Tea?")
	if _, err := p.Chat.MarkRead(t.Context(), bob, []string{m.ID}); err != nil {
		t.Fatal(err)
	}
	if err := p.Jobs.Pause(t.Context(), push.JobKind, false); err != nil {
		t.Fatal(err)
	}
	lunch, err := p.Broadcasts.Create(t.Context(), broadcast.Create{Kind: broadcast.Notification, Spec: broadcast.Spec{
		Users: []account.UserID{"bob"}, Notification: push.Fields{"title": json.RawMessage(`"Lunch"`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	topic, told = heard()
	if told.Title != "Lunch" || told.NotificationID != lunch.ID {
		t.Fatalf("bob is told %+v", told)
	}
	history := func(want func([]push.Past) bool) []push.Past {
		t.Helper()
		for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(10 * time.Millisecond) {
			past, err := p.Push.Notifications(t.Context(), "bob", 0)
			if err != nil {
				t.Fatal(err)
			}
			if want(past) {
				return past
			}
			if time.Now().After(deadline) {
				t.Fatalf("bob had %+v", past)
			}
		}
	}
	past := history(func(past []push.Past) bool { return len(past) == 2 && len(past[0].Results) == 1 })
	if past[0].ID != lunch.ID || !past[0].ReadAt.IsZero() || !past[0].Results[0].Success || past[1].ReadAt.IsZero() || string(past[1].Fields["body"]) != `"Noodles?"` {
		t.Errorf("bob had %+v", past)
	}
	if n, err := p.Push.ReadNotifications(t.Context(), "bob", []string{lunch.ID}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	again, back = heard()
	if back.Type != "close" || back.Tag != lunch.ID || again != topic || back.Data.Type != "read" || back.Data.NotificationID != lunch.ID {
		t.Errorf("it is taken back by %+v, topic %s, not %s", back, again, topic)
	}
	countsPushes(t, p.Server, usage.Pushes{Sent: 2})
	if len(p.service.Asked) > 0 {
		t.Error("something else is told")
	}
}
