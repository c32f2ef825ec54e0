package gateway_test

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
)

// broken is a store that takes no command any more.
type broken struct{ chat.Store }

var errDisk = errors.New("disk /dev/sdz is on fire")

func (broken) AppendMessage(context.Context, chat.Append) (chat.Message, error) {
	return chat.Message{}, errDisk
}
func (broken) StartAppend(_ context.Context, _ chat.Append, done func(chat.Message, error)) {
	done(chat.Message{}, errDisk)
}
func (broken) Message(context.Context, string, chat.UserID) (chat.Message, chat.Standing, error) {
	return chat.Message{}, chat.Standing{}, errDisk
}
func (broken) EditMessage(context.Context, chat.Edit) (chat.Message, error) {
	return chat.Message{}, errDisk
}
func (broken) DeleteMessage(context.Context, chat.Delete) (chat.Message, error) {
	return chat.Message{}, errDisk
}
func (broken) ScheduleMessage(context.Context, chat.Schedule) (chat.Scheduled, error) {
	return chat.Scheduled{}, errDisk
}
func (broken) RescheduleMessage(context.Context, chat.Reschedule) (chat.Scheduled, error) {
	return chat.Scheduled{}, errDisk
}
func (broken) ScheduledMessages(context.Context, chat.UserID) ([]chat.Scheduled, error) {
	return nil, errDisk
}
func (broken) UnscheduleMessage(context.Context, chat.Unschedule) error { return errDisk }
func (broken) PinMessage(context.Context, chat.Pin) (chat.Message, error) {
	return chat.Message{}, errDisk
}
func (broken) Thread(context.Context, chat.UserID, chat.ThreadQuery) (chat.Thread, error) {
	return chat.Thread{}, errDisk
}
func (broken) SearchMessages(context.Context, chat.MessageSearch) (chat.Page, error) {
	return chat.Page{}, errDisk
}
func (broken) Rooms(context.Context, chat.UserID, chat.RoomQuery) (chat.RoomPage, error) {
	return chat.RoomPage{}, errDisk
}
func (broken) Members(context.Context, chat.UserID, chat.MemberQuery) (chat.MemberPage, error) {
	return chat.MemberPage{}, errDisk
}
func (broken) Access(context.Context, chat.ConversationRef, chat.UserID) (chat.Access, bool, error) {
	return chat.Access{}, false, errDisk
}
func (broken) Conversations(context.Context, chat.ConversationQuery) ([]chat.Summary, error) {
	return nil, errDisk
}
func (broken) Sync(context.Context, chat.SyncQuery) (chat.Synced, error) {
	return chat.Synced{}, errDisk
}
func (broken) SearchRooms(context.Context, string, int) ([]chat.Room, error) { return nil, errDisk }
func (broken) Bans(context.Context, chat.UserID, chat.BanQuery) (chat.BanPage, error) {
	return chat.BanPage{}, errDisk
}
func (broken) Room(context.Context, string) (chat.Room, error)                 { return chat.Room{}, errDisk }
func (broken) React(context.Context, chat.React) error                         { return errDisk }
func (broken) CreateRoom(context.Context, chat.NewRoom) error                  { return errDisk }
func (broken) UpdateRoom(context.Context, chat.UpdateRoom) error               { return errDisk }
func (broken) DeleteRoom(context.Context, chat.DeleteRoom) error               { return errDisk }
func (broken) Join(context.Context, chat.Join) (bool, error)                   { return false, errDisk }
func (broken) Leave(context.Context, chat.Leave) (bool, error)                 { return false, errDisk }
func (broken) Invite(context.Context, chat.Moderate) error                     { return errDisk }
func (broken) Kick(context.Context, chat.Moderate) error                       { return errDisk }
func (broken) Ban(context.Context, chat.Moderate) error                        { return errDisk }
func (broken) Unban(context.Context, chat.Moderate) error                      { return errDisk }
func (broken) SetRole(context.Context, chat.SetRole) error                     { return errDisk }
func (broken) MarkRead(context.Context, chat.MarkRead) ([]chat.Receipt, error) { return nil, errDisk }
func (broken) MarkConversation(context.Context, chat.MarkConversation) error   { return errDisk }

// brokenAccounts is such a store of accounts, once it is on.
type brokenAccounts struct {
	account.Store
	on  atomic.Bool
	why error // errDisk if nil
}

func (b *brokenAccounts) err() error {
	if !b.on.Load() {
		return nil
	}
	return cmp.Or(b.why, errDisk)
}

func (b *brokenAccounts) ChangePair(ctx context.Context, cmd account.ChangePair) (account.Pair, error) {
	if err := b.err(); err != nil {
		return account.Pair{}, err
	}
	return b.Store.ChangePair(ctx, cmd)
}

func (b *brokenAccounts) Pair(ctx context.Context, one, other account.UserID) (account.Pair, error) {
	if err := b.err(); err != nil {
		return account.Pair{}, err
	}
	return b.Store.Pair(ctx, one, other)
}

func (b *brokenAccounts) EnsureUser(ctx context.Context, cmd account.EnsureUser) (account.User, bool, error) {
	if err := b.err(); err != nil {
		return account.User{}, false, err
	}
	return b.Store.EnsureUser(ctx, cmd)
}

func (b *brokenAccounts) Circle(ctx context.Context, user account.UserID, q account.CircleQuery) (account.Circle, error) {
	if err := b.err(); err != nil {
		return account.Circle{}, err
	}
	return b.Store.Circle(ctx, user, q)
}

func (b *brokenAccounts) FriendIDs(ctx context.Context, user account.UserID) ([]account.UserID, error) {
	if err := b.err(); err != nil {
		return nil, err
	}
	return b.Store.FriendIDs(ctx, user)
}

func (b *brokenAccounts) User(ctx context.Context, id account.UserID) (account.User, bool, error) {
	if err := b.err(); err != nil {
		return account.User{}, false, err
	}
	return b.Store.User(ctx, id)
}

func (b *brokenAccounts) SearchUsers(ctx context.Context, folded string, limit int) ([]account.User, error) {
	if err := b.err(); err != nil {
		return nil, err
	}
	return b.Store.SearchUsers(ctx, folded, limit)
}

// confused is a store with a mistake in it.
type confused struct{ account.Store }

func (confused) Circle(context.Context, account.UserID, account.CircleQuery) (account.Circle, error) {
	panic("nobody is home")
}

// A mistake in one command is a fault of the server's: it is told so, and all
// connections go on.
func TestPanics(t *testing.T) {
	n := serve(t, func(s *setup) { s.People = func(inner account.Store) account.Store { return confused{inner} } })
	ada, bob := n.device("ada"), n.plain(n.token("bob"), "sockeye.v1")
	ada.mustFail("friend:list", `{}`, "internal", "Failed to list friends")
	bob.send(`{"type":"friend:list"}`)
	if got := bob.next("error"); got["code"] != "internal" || got["message"] != "Failed to list friends" {
		t.Errorf("got %v", got)
	}
	bob.send(`{"type":"ping"}`)
	bob.next("pong")
	if log := n.log.String(); !strings.Contains(log, "nobody is home") || !strings.Contains(log, "fault_test.go") {
		t.Error("the cause is not in the log")
	}
}

// muddled is a store with a mistake in what is started.
type muddled struct{ chat.Store }

func (muddled) StartAppend(context.Context, chat.Append, func(chat.Message, error)) {
	panic("nobody writes")
}

// The same of a message, which nobody waits for: it is answered, and does not stay
// under way.
func TestPanicsOfMessages(t *testing.T) {
	n := serve(t, func(s *setup) { s.Chats = func(inner chat.Store) chat.Store { return muddled{inner} } })
	ada, bob := n.device("ada"), n.plain(n.token("bob"), "sockeye.v1")
	ada.must("room:create", `{"name":"Lounge","id":"lounge"}`)
	ada.mustFail("room:message", `{"roomId":"lounge","content":"hello"}`, "internal", "Failed to send room message")
	ada.must("room:list", `{}`)
	bob.send(`{"type":"room:join","roomId":"lounge","ref":1}`)
	bob.next("ack")
	bob.send(`{"type":"room:message","roomId":"lounge","content":"hello"}`)
	if got := bob.next("error"); got["code"] != "internal" {
		t.Errorf("got %v", got)
	}
	bob.send(`{"type":"ping"}`)
	bob.next("pong")
	if log := n.log.String(); !strings.Contains(log, "nobody writes") {
		t.Error("the cause is not in the log")
	}
}

// A client that could not sign in because of the server loses its connection, so
// that it comes back by itself: after a refusal clients do not.
func TestFaultAtSignIn(t *testing.T) {
	people := new(brokenAccounts)
	n := serve(t, func(s *setup) {
		s.People = func(inner account.Store) account.Store { people.Store = inner; return people }
	})
	people.on.Store(true)
	d := n.mustDial(4, nil, nil)
	d.send("0" + text(map[string]string{"token": n.token("ada")}))
	d.closed()
	if got := d.unread(); len(got) > 0 {
		t.Errorf("was told %s", got)
	}
	if status := n.refusedUpgrade(n.token("ada")); status != http.StatusServiceUnavailable {
		t.Errorf("the upgrade was answered with %d", status)
	}
	p := n.plain("", "sockeye.v1")
	p.send(`{"type":"auth","token":"` + n.token("ada") + `"}`)
	if got := p.next("error"); got["code"] != "internal" || got["message"] != "Failed to sign in" {
		t.Errorf("got %v", got)
	}
	if code := p.ended(); code != ws.StatusInternalServerError {
		t.Errorf("closed with %d", code)
	}
	if got := n.count("websocket_connections_refused_total", "reason", "fault"); got != 3 {
		t.Errorf("%v counted", got)
	}
	if !strings.Contains(n.log.String(), errDisk.Error()) {
		t.Error("the cause is not in the log")
	}
	people.on.Store(false)
	n.device("ada").settle()
}

// forgetful is a store with a mistake in what sign-ins need, once it is on.
type forgetful struct {
	account.Store
	on atomic.Bool
}

func (f *forgetful) EnsureUser(ctx context.Context, cmd account.EnsureUser) (account.User, bool, error) {
	if f.on.Load() {
		panic("who was that again")
	}
	return f.Store.EnsureUser(ctx, cmd)
}

// What went wrong at a sign-in is for the log, although the library tells clients
// the errors of middlewares: here they read that there was one.
func TestPanicAtSignIn(t *testing.T) {
	people := new(forgetful)
	n := serve(t, func(s *setup) {
		s.People = func(inner account.Store) account.Store { people.Store = inner; return people }
	})
	people.on.Store(true)
	d := n.mustDial(4, nil, nil)
	if got := d.refused(text(map[string]string{"token": n.token("ada")})); got != `{"message":"Internal server error"}` {
		t.Errorf("was told %s", got)
	}
	if log := n.log.String(); !strings.Contains(log, "who was that again") || !strings.Contains(log, "fault_test.go") {
		t.Error("the cause is not in the log")
	}
}

// refusedUpgrade is the status that a plain WebSocket with a token is refused with.
func (n *node) refusedUpgrade(token string) int {
	n.t.Helper()
	conn, _, _, err := ws.Dialer{Timeout: patience}.Dial(context.Background(), "ws"+strings.TrimPrefix(n.url, "http")+"/ws?token="+token)
	if err == nil {
		_ = conn.Close()
		n.t.Fatal("the connection is open")
	}
	var status ws.StatusError
	if !errors.As(err, &status) {
		n.t.Fatal(err)
	}
	return int(status)
}

// A fault of the server is told in general words; what it was is for the log.
func TestFaults(t *testing.T) {
	people := new(brokenAccounts)
	n := serve(t, func(s *setup) {
		s.Chats = func(inner chat.Store) chat.Store { return broken{inner} }
		s.People = func(inner account.Store) account.Store { people.Store = inner; return people }
	})
	ada, bob := n.device("ada"), n.device("bob")
	people.on.Store(true)
	faults := map[string]struct{ payload, message string }{
		"message:send":       {`{"recipientId":"bob","content":"x"}`, "Failed to send message"},
		"room:message":       {`{"roomId":"hall","content":"x"}`, "Failed to send room message"},
		"message:schedule":   {`{"recipientId":"bob","content":"x","sendAt":"` + time.Now().Add(time.Hour).Format(time.RFC3339) + `"}`, "Failed to schedule message"},
		"message:scheduled":  {`{}`, "Failed to list scheduled messages"},
		"message:reschedule": {`{"scheduledId":"s","content":"x"}`, "Failed to reschedule message"},
		"message:unschedule": {`{"scheduledId":"s"}`, "Failed to cancel scheduled message"},
		"message:edit":       {`{"messageId":"m","content":"x"}`, "Failed to edit message"},
		"message:delete":     {`{"messageId":"m"}`, "Failed to delete message"},
		"message:pin":        {`{"messageId":"m"}`, "Failed to pin message"},
		"message:unpin":      {`{"messageId":"m"}`, "Failed to unpin message"},
		"message:pins":       {`{"roomId":"hall"}`, "Failed to load pinned messages"},
		"reaction:add":       {`{"messageId":"m","emoji":"👍"}`, "Failed to add reaction"},
		"reaction:remove":    {`{"messageId":"m","emoji":"👍"}`, "Failed to remove reaction"},
		"history":            {`{"roomId":"hall"}`, "Failed to load history"},
		"thread":             {`{"messageId":"m"}`, "Failed to load thread"},
		"message:search":     {`{"query":"x"}`, "Failed to search messages"},
		"room:create":        {`{"name":"x"}`, "Failed to create room"},
		"room:join":          {`{"roomId":"hall"}`, "Failed to join room"},
		"room:leave":         {`{"roomId":"hall"}`, "Failed to leave room"},
		"room:get":           {`{"roomId":"hall"}`, "Failed to load room"},
		"room:list":          {`{}`, "Failed to list rooms"},
		"room:members":       {`{"roomId":"hall"}`, "Failed to list members"},
		"room:bans":          {`{"roomId":"hall"}`, "Failed to list bans"},
		"room:search":        {`{"query":"x"}`, "Failed to search rooms"},
		"room:update":        {`{"roomId":"hall","name":"x"}`, "Failed to update room"},
		"room:delete":        {`{"roomId":"hall"}`, "Failed to delete room"},
		"room:invite":        {`{"roomId":"hall","userId":"bob"}`, "Failed to invite user"},
		"room:kick":          {`{"roomId":"hall","userId":"bob"}`, "Failed to remove user"},
		"room:ban":           {`{"roomId":"hall","userId":"bob"}`, "Failed to ban user"},
		"room:unban":         {`{"roomId":"hall","userId":"bob"}`, "Failed to unban user"},
		"room:promote":       {`{"roomId":"hall","userId":"bob"}`, "Failed to promote user"},
		"room:demote":        {`{"roomId":"hall","userId":"bob"}`, "Failed to demote user"},
		"message:read":       {`{"messageIds":["m"]}`, "Failed to mark messages as read"},
		"conversation:read":  {`{"conversationId":"c","seq":1}`, "Failed to mark conversation as read"},
		"conversation:list":  {`{}`, "Failed to list conversations"},
		"sync":               {`{"conversations":{}}`, "Failed to sync"},
		"friend:request":     {`{"userId":"bob"}`, "Failed to request friendship"},
		"friend:accept":      {`{"userId":"bob"}`, "Failed to accept friend"},
		"friend:decline":     {`{"userId":"bob"}`, "Failed to decline friend"},
		"friend:remove":      {`{"userId":"bob"}`, "Failed to remove friend"},
		"friend:list":        {`{}`, "Failed to list friends"},
		"user:block":         {`{"userId":"bob"}`, "Failed to block user"},
		"user:unblock":       {`{"userId":"bob"}`, "Failed to unblock user"},
		"user:get":           {`{"userId":"bob"}`, "Failed to load user"},
		"user:search":        {`{"query":"b"}`, "Failed to search users"},
		"presence:get":       {`{"userId":"bob"}`, "Failed to look up presence"},
		"typing:start":       {`{"recipientId":"bob"}`, "Failed to tell who types"},
	}
	for _, event := range command.Names() {
		if slices.Contains([]string{"auth:refresh", "typing:stop", "notification:subscribe", "notification:unsubscribe", "client:visible"}, event) {
			continue // asks no store
		}
		c, there := faults[event]
		if !there {
			t.Errorf("%s has no row", event)
			continue
		}
		if f := ada.mustFail(event, c.payload, "internal", c.message); f != (failure{Code: "internal", Message: c.message}) {
			t.Errorf("%s: got %+v", event, f)
		}
		if !strings.Contains(n.log.String(), `"event":"`+event+`"`) {
			t.Errorf("%s is not in the log", event)
		}
	}
	if !strings.Contains(n.log.String(), errDisk.Error()) {
		t.Error("the cause is not in the log")
	}
	bob.settle()
	for _, d := range []*device{ada, bob} {
		if got := d.rest(); len(got) > 0 {
			t.Errorf("told %s", got)
		}
	}
}
