package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/broadcast"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// ended waits until a broadcast has.
func ended(t *testing.T, s *apptest.Server, kind broadcast.Kind, id string) broadcast.Broadcast {
	t.Helper()
	for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(10 * time.Millisecond) {
		b, err := s.Broadcasts.Get(t.Context(), kind, id)
		if err != nil {
			t.Fatal(err)
		}
		if b.State.Ended() {
			return b
		}
		if time.Now().After(deadline) {
			t.Fatalf("it has not come to its end: %+v\n%s", b.Progress, s.Log)
		}
	}
}

func putUser(t *testing.T, s *apptest.Server, id account.UserID) {
	t.Helper()
	name := "Name of " + string(id)
	if _, _, err := s.Accounts.PutUser(t.Context(), account.PutUser{ID: id, Name: &name}); err != nil {
		t.Fatal(err)
	}
}

// TestBroadcastMessage says something in more rooms than a portion has, over a restart in the midst of it: each hears it once, and who
// cannot be reached is named.
func TestBroadcastMessage(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		testBroadcastMessage(t, "--data", t.TempDir())
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		testBroadcastMessage(t, "--database", pgtest.Database(t))
	})
}

func testBroadcastMessage(t *testing.T, flags ...string) {
	flags = append(flags, "--chat-dm-policy", "anyone", "--quota-rooms", "0")
	s := apptest.Serve(t, flags)
	ada := chat.Actor{ID: "ada", Name: "Ada"}
	putUser(t, s, "ada")
	putUser(t, s, "lin")
	rooms := make([]string, broadcast.Portion+3)
	for i := range rooms {
		rooms[i] = fmt.Sprintf("room-%d", i)
		if _, err := s.Chat.CreateRoom(t.Context(), ada, chat.CreateRoom{ID: rooms[i], Name: "A room", ByBackend: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Jobs.Pause(t.Context(), string(broadcast.Broadcasting), true); err != nil {
		t.Fatal(err)
	}
	b, err := s.Broadcasts.Create(t.Context(), broadcast.Create{Kind: broadcast.Broadcasting, Key: "news", Spec: broadcast.Spec{
		Rooms: append([]string{"no-such-room", rooms[0]}, rooms...), Users: []account.UserID{"lin", "ada", "nobody"},
		Message: &broadcast.Message{SenderID: "ada", Content: "Hear, hear!"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	// A server has died that had sent some of the first portion, and stored nothing of it: who has the message does not get it again.
	if _, err := s.Chat.SendDirect(t.Context(), ada, chat.SendDirect{RecipientID: "lin", Content: "Hear, hear!", ClientMsgID: broadcast.ClientMsgID(b.ID, "", "lin")}); err != nil {
		t.Fatal(err)
	}
	s.Close()

	s = apptest.Serve(t, flags)
	if err := s.Jobs.Pause(t.Context(), string(broadcast.Broadcasting), false); err != nil {
		t.Fatal(err)
	}
	b = ended(t, s, broadcast.Broadcasting, b.ID)
	if b.State != broadcast.Done || b.Reached != int64(len(rooms)+1) || b.Missed != 3 || b.Error != "" {
		t.Errorf("it is %+v", b.Progress)
	}
	missed := map[string]string{}
	for _, f := range b.Failures {
		missed[f.Room+string(f.User)] = string(f.Code)
	}
	if len(missed) != 3 || missed["no-such-room"] != "room_not_found" || missed["nobody"] != "user_not_found" || missed["ada"] != "invalid_field" {
		t.Errorf("missed are %v", missed)
	}
	heard := func(q chat.HistoryQuery) (n int) {
		t.Helper()
		page, err := s.Chat.History(t.Context(), ada, q)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Messages {
			if m := &page.Messages[i]; strings.HasPrefix(m.ClientMsgID, "broadcast:"+b.ID) && m.SenderID == "ada" && m.Content == "Hear, hear!" {
				n++
			}
		}
		return n
	}
	for _, room := range rooms {
		if n := heard(chat.HistoryQuery{RoomID: room}); n != 1 {
			t.Errorf("%s has heard it %d times", room, n)
		}
	}
	if n := heard(chat.HistoryQuery{UserID: "lin"}); n != 1 {
		t.Errorf("lin has heard it %d times", n)
	}
}

// TestNotificationToAll: everybody who is connected gets it, on whatever server of a database, and who is not known keeps it from nobody.
func TestNotificationToAll(t *testing.T) {
	t.Parallel()
	flags := []string{"--database", pgtest.Database(t)}
	servers := []*apptest.Server{apptest.Serve(t, flags), apptest.Serve(t, flags)}
	devices := make([]*client.Client, len(servers))
	for i, s := range servers {
		user := fmt.Sprintf("zoe-%d", i) // the last ones
		c, err := client.Dial(t.Context(), client.Config{URL: s.URL, Token: client.StaticToken(s.Token(t, user, user, time.Hour))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		devices[i] = c
	}
	s := servers[0]
	for i := range broadcast.Portion + 1 {
		putUser(t, s, account.UserID(fmt.Sprintf("user-%03d", i)))
	}
	hear := func(id string) {
		t.Helper()
		for i, c := range devices {
			for heard := false; !heard; {
				var n *client.Notification
				select {
				case e := <-c.Events():
					if n, heard = e.(*client.Notification); !heard {
						continue
					}
				case <-time.After(apptest.Patience):
					t.Fatalf("device %d is not told of %s", i, id)
				}
				var told struct{ Title, NotificationID, Timestamp string }
				if err := json.Unmarshal(n.Payload, &told); err != nil || told.Title != "Lunch" || told.NotificationID != id || told.Timestamp == "" {
					t.Errorf("device %d is told %s, %v", i, n.Payload, err)
				}
			}
		}
	}
	lunch := map[string]json.RawMessage{"title": json.RawMessage(`"Lunch"`)}
	all, err := s.Broadcasts.Create(t.Context(), broadcast.Create{Kind: broadcast.Notification, Spec: broadcast.Spec{All: true, Notification: lunch}})
	if err != nil {
		t.Fatal(err)
	}
	hear(all.ID)
	if b := ended(t, s, broadcast.Notification, all.ID); b.State != broadcast.Done || b.Reached != broadcast.Portion+3 || b.Missed != 0 {
		t.Errorf("it is %+v", b.Progress)
	}

	var ids []account.UserID
	for i := range broadcast.Portion + 1 {
		ids = append(ids, account.UserID(fmt.Sprintf("user-%03d", i)))
	}
	ids = append(ids, "nobody", "zoe-0", "zoe-1", "zoe-1")
	some, err := s.Broadcasts.Create(t.Context(), broadcast.Create{Kind: broadcast.Notification, Spec: broadcast.Spec{Users: ids, Notification: lunch}, Priority: job.High})
	if err != nil {
		t.Fatal(err)
	}
	hear(some.ID)
	b := ended(t, s, broadcast.Notification, some.ID)
	if b.State != broadcast.Done || b.Reached != int64(len(ids)-2) || b.Missed != 1 || len(b.Failures) != 1 || b.Failures[0].User != "nobody" || b.Failures[0].Code != account.CodeUserNotFound {
		t.Errorf("it is %+v", b.Progress)
	}
}

// TestBroadcastCancelled: nothing is said of what is cancelled before its time, nor by a sender who is not there.
func TestBroadcastCancelled(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil)
	ada := chat.Actor{ID: "ada", Name: "Ada"}
	putUser(t, s, "ada")
	if _, err := s.Chat.CreateRoom(t.Context(), ada, chat.CreateRoom{ID: "hall", Name: "Hall"}); err != nil {
		t.Fatal(err)
	}
	spec := broadcast.Spec{Rooms: []string{"hall"}, Message: &broadcast.Message{Content: "x"}}
	if err := s.Jobs.Pause(t.Context(), string(broadcast.Broadcasting), true); err != nil {
		t.Fatal(err)
	}
	b, err := s.Broadcasts.Create(t.Context(), broadcast.Create{Kind: broadcast.Broadcasting, Spec: spec})
	if err != nil {
		t.Fatal(err)
	}
	if b, err = s.Broadcasts.Cancel(t.Context(), broadcast.Broadcasting, b.ID); err != nil || b.State != broadcast.Cancelled {
		t.Errorf("%+v, %v", b.Progress, err)
	}
	if err := s.Jobs.Pause(t.Context(), string(broadcast.Broadcasting), false); err != nil {
		t.Fatal(err)
	}
	spec.Message = &broadcast.Message{Content: "x", SenderID: "nobody"}
	if b, err = s.Broadcasts.Create(t.Context(), broadcast.Create{Kind: broadcast.Broadcasting, Spec: spec}); err != nil {
		t.Fatal(err)
	}
	if b = ended(t, s, broadcast.Broadcasting, b.ID); b.State != broadcast.Failed || b.Error == "" || b.Reached != 0 {
		t.Errorf("of nobody it is %+v", b.Progress)
	}
	page, err := s.Chat.History(t.Context(), ada, chat.HistoryQuery{RoomID: "hall"})
	if err != nil || len(page.Messages) != 0 {
		t.Errorf("%v, %+v", err, page.Messages)
	}
}

// TestNotificationToRooms: who is in some rooms, on more than one page of them, gets a notification once, and who is named too; of a
// room that is not there it is noted. Nobody else gets it.
func TestNotificationToRooms(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil)
	for _, id := range []account.UserID{"ada", "zoe-0", "zoe-1", "zoe-2"} {
		putUser(t, s, id)
	}
	members := make([]account.UserID, broadcast.Portion)
	for i := range members {
		members[i] = account.UserID(fmt.Sprintf("user-%03d", i))
		putUser(t, s, members[i])
	}
	for room, who := range map[string][]account.UserID{"hall": append(members, "zoe-0", "zoe-1"), "attic": {"user-007", "zoe-1"}, "cellar": {"zoe-2"}} {
		if _, err := s.Chat.CreateRoom(t.Context(), chat.Actor{ID: "ada", Name: "Ada"}, chat.CreateRoom{ID: room, Name: room, MaxMembers: 200, ByBackend: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Chat.AddMembers(t.Context(), chat.Actor{}, room, who); err != nil {
			t.Fatal(err)
		}
	}
	heard := make(map[string]func() string) // what a user hears next
	for _, user := range []string{"zoe-0", "zoe-1", "zoe-2"} {
		c, err := client.Dial(t.Context(), client.Config{URL: s.URL, Token: client.StaticToken(s.Token(t, user, user, time.Hour))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		heard[user] = func() string {
			t.Helper()
			for {
				select {
				case e := <-c.Events():
					if n, is := e.(*client.Notification); is {
						var told struct{ Title string }
						if err := json.Unmarshal(n.Payload, &told); err != nil {
							t.Fatal(err)
						}
						return told.Title
					}
				case <-time.After(apptest.Patience):
					t.Fatalf("%s hears nothing", user)
				}
			}
		}
	}
	tell := func(spec broadcast.Spec, title string) broadcast.Broadcast {
		t.Helper()
		spec.Notification = map[string]json.RawMessage{"title": json.RawMessage(title)}
		b, err := s.Broadcasts.Create(t.Context(), broadcast.Create{Kind: broadcast.Broadcasting, Spec: spec})
		if err != nil {
			t.Fatal(err)
		}
		return ended(t, s, broadcast.Broadcasting, b.ID)
	}
	b := tell(broadcast.Spec{Rooms: []string{"hall", "no-such-room", "attic"}, Users: []account.UserID{"zoe-1"}}, `"Lunch"`)
	if b.State != broadcast.Done || b.Reached != int64(len(members)+3) || b.Missed != 1 || len(b.Failures) != 1 || b.Failures[0].Room != "no-such-room" || b.Failures[0].Code != chat.CodeRoomNotFound {
		t.Errorf("it is %+v", b.Progress)
	}
	tell(broadcast.Spec{Rooms: []string{"hall", "cellar"}}, `"Tea"`)
	for user, want := range map[string]string{"zoe-0": "LunchTea", "zoe-1": "LunchTea", "zoe-2": "Tea"} {
		got := ""
		for len(got) < len(want) {
			got += heard[user]()
		}
		if got != want {
			t.Errorf("%s has heard %s, not %s", user, got, want)
		}
	}
}
