package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/socketio"
)

// tidings is what is told about somebody.
type tidings struct {
	UserID, Username, By, RoomID string
	Online                       []string
}

func (d *device) tidings(event string) tidings {
	d.t.Helper()
	var got tidings
	d.event(event, &got)
	return got
}

func TestFriendship(t *testing.T) {
	n := serve(t)
	eve, eves, fay := n.device("eve"), n.device("eve"), n.device("fay")
	relation := func(d *device, command, user string) string {
		t.Helper()
		var answer struct {
			OK       bool
			Relation string
		}
		d.askInto(command, map[string]string{"userId": user}, &answer)
		if !answer.OK {
			t.Fatalf("%s was refused", command)
		}
		return answer.Relation
	}
	ask := func(d *device, command, user, want string) {
		t.Helper()
		if got := relation(d, command, user); got != want {
			t.Errorf("%s: relation %q, want %q", command, got, want)
		}
	}
	told := func(event string, want tidings, devices ...*device) {
		t.Helper()
		for _, d := range devices {
			if got := d.tidings(event); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %+v, want %+v", event, got, want)
			}
		}
	}
	ask(eve, "friend:request", "fay", "sent")
	told("friend:requested", tidings{UserID: "eve", Username: "Eve", By: "eve"}, fay)
	told("friend:requested", tidings{UserID: "fay", Username: "Fay", By: "eve"}, eves)
	ask(fay, "friend:decline", "eve", "none")
	told("friend:declined", tidings{UserID: "fay", Username: "Fay", By: "fay"}, eve, eves)
	ask(eve, "friend:request", "fay", "sent")
	told("friend:requested", tidings{UserID: "eve", Username: "Eve", By: "eve"}, fay)
	told("friend:requested", tidings{UserID: "fay", Username: "Fay", By: "eve"}, eves)
	ask(eve, "friend:remove", "fay", "none")
	told("friend:cancelled", tidings{UserID: "eve", Username: "Eve", By: "eve"}, fay)
	told("friend:cancelled", tidings{UserID: "fay", Username: "Fay", By: "eve"}, eves)
	ask(eve, "friend:request", "fay", "sent")
	ask(fay, "friend:accept", "eve", "friends")
	told("friend:accepted", tidings{UserID: "fay", Username: "Fay", By: "fay"}, eve, eves)
	told("user:online", tidings{UserID: "fay", Username: "Fay"}, eve, eves)
	told("user:online", tidings{UserID: "eve", Username: "Eve"}, fay)
	eve.must("message:send", `{"recipientId":"fay","content":"hi"}`)

	var circle struct {
		Friends, Sent, Received, Blocked []struct {
			UserID, Username string
			Online           bool
		}
		Counts struct{ Friends int }
	}
	eve.askInto("friend:list", `{}`, &circle)
	if len(circle.Friends) != 1 || circle.Friends[0].UserID != "fay" || !circle.Friends[0].Online || circle.Counts.Friends != 1 ||
		circle.Sent == nil || circle.Blocked == nil {
		t.Errorf("friends: %+v", circle)
	}
	ask(fay, "user:block", "eve", "blocked")
	told("friend:removed", tidings{UserID: "fay", Username: "Fay", By: "fay"}, eve, eves)
	eve.mustFail("message:send", `{"recipientId":"fay","content":"hi"}`, "not_friends", "Can only send messages to friends")
	ask(eve, "friend:request", "fay", "sent") // as if it were
	fay.message("friend:requested")           // the two from before
	ask(fay, "user:unblock", "eve", "received")
	eve.mustFail("friend:request", `{"userId":"eve"}`, "invalid_field", "userId must be another user")
	eve.mustFail("friend:request", `{"userId":"nobody"}`, "user_not_found", "User not found")
	eve.mustFail("friend:list", `{"list":"foes"}`, "invalid_field", "list must be friends, sent, received or blocked")
	eve.mustFail("friend:list", `{"limit":501}`, "invalid_field", "limit must be 1 to 500")
}

// New friends learn that they are, and then that the other one is online, also
// when a lot is to be told.
func TestFriendsFirstThenPresence(t *testing.T) {
	n := serve(t)
	n.told() // the probe is there
	eve, fay := n.device("eve"), n.device("fay")
	eve.must("friend:request", `{"userId":"fay"}`)
	eve.must("room:create", `{"id":"hall","name":"Hall"}`)
	held, release := make(chan struct{}), make(chan struct{})
	hold := sync.OnceFunc(func() { close(held); <-release })
	n.sockets.Of("/").OnAnyOutgoing(func(_ *socketio.Socket, event string, _ []any) {
		if event == "room:message" {
			hold()
		}
	})
	eve.must("room:message", `{"roomId":"hall","content":"x"}`)
	<-held
	fay.must("friend:accept", `{"userId":"eve"}`)
	for range 10 { // time enough to overtake
		fay.must("friend:list", `{}`)
	}
	close(release)
	for _, event := range []string{"friend:accepted", "user:online"} {
		p := eve.find("news of fay", func(p *packet) bool { return p.name == "friend:accepted" || p.name == "user:online" })
		if p.name != event {
			t.Errorf("got %s, want %s", p, event)
		}
	}
}

func TestFriendListHasPages(t *testing.T) {
	n := serve(t)
	ada := n.device("ada")
	var got []string
	after := ""
	for range cast {
		var page struct {
			Friends []struct{ UserID string }
			Blocked []struct{ UserID string }
		}
		ada.askInto("friend:list", fmt.Sprintf(`{"list":"friends","limit":1,"after":%q}`, after), &page)
		if page.Blocked != nil {
			t.Error("a list that was not asked for")
		}
		for _, friend := range page.Friends {
			got, after = append(got, friend.UserID), friend.UserID
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"bob", "cyd", "dan"}) {
		t.Errorf("got %q", got)
	}
}

func TestUsersAreFound(t *testing.T) {
	n := serve(t)
	ada := n.device("ada")
	var one struct {
		OK       bool
		User     struct{ UserID, Username, CreatedAt string }
		Relation string
	}
	ada.askInto("user:get", `{"userId":"bob"}`, &one)
	if one.User.UserID != "bob" || one.User.Username != "Bob" || !instant.MatchString(one.User.CreatedAt) || one.Relation != "friends" {
		t.Errorf("got %+v", one)
	}
	var some struct{ Users []struct{ UserID string } }
	ada.askInto("user:search", `{"query":"bO"}`, &some)
	if len(some.Users) != 1 || some.Users[0].UserID != "bob" {
		t.Errorf("found %+v", some)
	}
}

// A user is online with the first device, and offline some time after the last
// one went, on whichever protocol they are.
func TestPresence(t *testing.T) {
	n := serve(t)
	ada := n.device("ada")
	if got := ada.tidings("presence"); got.Online == nil || len(got.Online) > 0 {
		t.Errorf("alone: %+v", got)
	}
	bob := n.plain(n.token("bob"), "sockeye.v1")
	if got := bob.next("presence")["online"]; !reflect.DeepEqual(got, []any{"ada"}) {
		t.Errorf("bob sees %v", got)
	}
	if got := ada.tidings("user:online"); got.UserID != "bob" || got.Username != "Bob" {
		t.Errorf("got %+v", got)
	}
	eve := n.device("eve") // nobody's friend
	if got := eve.tidings("presence"); len(got.Online) > 0 {
		t.Errorf("a stranger sees %+v", got)
	}
	asked := func(d *device, ids string) (got []tidings) {
		var answer struct {
			Presence []struct {
				UserID, LastSeen string
				Online           bool
			}
		}
		d.askInto("presence:get", `{"userIds":`+ids+`}`, &answer)
		for _, p := range answer.Presence {
			got = append(got, tidings{UserID: p.UserID, Username: fmt.Sprint(p.Online), By: p.LastSeen})
		}
		return got
	}
	if got := asked(ada, `["bob","cyd","eve","nobody"]`); !reflect.DeepEqual(got, []tidings{{UserID: "bob", Username: "true"}, {UserID: "cyd", Username: "false"}}) {
		t.Errorf("presence:get: %+v", got)
	}
	if got := asked(eve, `["ada","bob"]`); len(got) > 0 {
		t.Errorf("a stranger learns %+v", got)
	}
	_ = bob.conn.Close()
	if got := ada.tidings("user:offline"); got.UserID != "bob" {
		t.Errorf("got %+v", got)
	}
	if got := asked(ada, `["bob"]`); len(got) != 1 || got[0].Username != "false" || !instant.MatchString(got[0].By) {
		t.Errorf("after bob went: %+v", got)
	}
}

// heldCircle holds up the questions for a user's friends, once armed.
type heldCircle struct {
	account.Store
	armed   atomic.Bool
	asked   chan struct{}
	release chan struct{}
}

func (h *heldCircle) Circle(ctx context.Context, user account.UserID, q account.CircleQuery) (account.Circle, error) {
	if h.armed.CompareAndSwap(true, false) {
		close(h.asked)
		<-h.release
	}
	return h.Store.Circle(ctx, user, q)
}

func holdCircle() (*heldCircle, func(*setup)) {
	held := &heldCircle{asked: make(chan struct{}), release: make(chan struct{})}
	return held, func(s *setup) {
		s.People = func(inner account.Store) account.Store {
			held.Store = inner
			return held
		}
	}
}

// A device that comes back under its id is here, although the server is done with
// its lost connection only after.
func TestPresenceOfRecoveredDevices(t *testing.T) {
	held, option := holdCircle()
	n := serve(t, option)
	ada := n.device("ada")
	held.armed.Store(true)
	ada.emit("friend:list", `{}`)
	<-held.asked
	ada.drop()
	back := n.recover(ada, n.token("ada"))
	if back.sid != ada.sid {
		t.Fatal("not recovered")
	}
	ended := n.count("websocket_connections_total", "status", "disconnected")
	close(held.release)
	eventually(t, "the end of the lost connection", func() bool {
		return n.count("websocket_connections_total", "status", "disconnected") > ended
	})
	n.lose(n.device("ada")) // what is gone of ada has been noticed by now
	if devices, online := n.presence.Devices("ada"), n.presence.Online([]account.UserID{"ada"}); devices != 1 || len(online) != 1 {
		t.Errorf("%d devices, online: %q", devices, online)
	}
	back.settle()
	n.lose(back)
	eventually(t, "the last device to go", func() bool { return len(n.presence.Online([]account.UserID{"ada"})) == 0 })
}

// What ends a lost connection does not concern the one that continues it, under
// the same id but with another token.
func TestRevokedAfterRecovery(t *testing.T) {
	held, option := holdCircle()
	n := serve(t, option)
	old := n.token("ada")
	identity, err := n.accounts.Verify(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	ada := n.deviceWith(old)
	held.armed.Store(true)
	ada.emit("friend:list", `{}`)
	<-held.asked
	ada.drop()
	back := n.recover(ada, n.token("ada"))
	if back.sid != ada.sid {
		t.Fatal("not recovered")
	}
	if err := n.accounts.RevokeToken(t.Context(), identity); err != nil {
		t.Fatal(err)
	}
	close(held.release)
	back.quiet(n, "the end of another connection")
}

func TestTypingIsSeen(t *testing.T) {
	n := serve(t)
	ada, adas, eve := n.device("ada"), n.device("ada"), n.device("eve")
	bob := n.plain(n.token("bob"), "sockeye.v1")
	bob.next("connection")
	bob.send(`{"type":"typing:start","recipientId":"ada","ref":1}`)
	bob.next("ack")
	for _, d := range []*device{ada, adas} {
		if got := d.tidings("typing:start"); got.UserID != "bob" || got.Username != "Bob" || got.RoomID != "" {
			t.Errorf("got %+v", got)
		}
	}
	ada.must("room:create", `{"id":"hall","name":"Hall"}`)
	bob.send(`{"type":"room:join","roomId":"hall","ref":2}`)
	bob.next("room:messages")
	n.told() // from when on bob is in the room
	ada.must("typing:start", `{"roomId":"hall"}`)
	if got := bob.next("typing:start"); got["userId"] != "ada" || got["roomId"] != "hall" {
		t.Errorf("got %v", got)
	}
	ada.must("typing:stop", `{"roomId":"hall"}`)
	if got := bob.next("typing:stop"); got["userId"] != "ada" || got["roomId"] != "hall" {
		t.Errorf("got %v", got)
	}
	_ = bob.conn.Close() // the last device of bob's
	if got := ada.tidings("typing:stop"); got.UserID != "bob" {
		t.Errorf("got %+v", got)
	}
	adas.tidings("typing:stop")
	eve.must("typing:start", `{"recipientId":"ada"}`) // a stranger's, who does not learn that it is not seen
	eve.mustFail("typing:start", `{"roomId":"hall"}`, "not_in_room", "Not in room")
	ada.must("user:block", `{"userId":"bob"}`)
	eve.mustFail("typing:start", `{}`, "missing_fields", "Missing required fields")
	eve.mustFail("typing:start", `{"roomId":"hall","recipientId":"ada"}`, "invalid_field", "roomId must not stand beside recipientId")
	adas.message("room:user_joined")
	adas.message("friend:removed")
	adas.message("user:blocked")
	adas.message("room:user_joined")
	ada.message("room:user_joined")
	for _, d := range []*device{ada, adas, eve} {
		d.quiet(n, "typing that is not to be seen")
	}
}

func TestTopicsAreOfTheDevice(t *testing.T) {
	n := serve(t)
	ada, adas := n.device("ada"), n.device("ada")
	bob := n.plain(n.token("bob"), "sockeye.v1")
	bob.next("connection")
	topics := func(d *device, command, payload string) []string {
		var answer struct{ Topics []string }
		d.askInto(command, payload, &answer)
		return answer.Topics
	}
	if got := topics(ada, "notification:subscribe", `{"topics":["news","prices","news"]}`); !slices.Equal(got, []string{"news", "prices"}) {
		t.Errorf("topics %q", got)
	}
	bob.send(`{"type":"notification:subscribe","topics":["news"],"ref":1}`)
	bob.next("ack")
	notify := func(title string, topics []string, users []account.UserID) {
		n.notify(topics, users, map[string]string{"title": title})
	}
	notify("both", []string{"news", "prices"}, []account.UserID{"ada"})
	notify("topic", []string{"prices"}, nil)
	if got := topics(ada, "notification:unsubscribe", `{"topics":["prices"]}`); !slices.Equal(got, []string{"news"}) {
		t.Errorf("topics %q", got)
	}
	notify("not for ada", []string{"prices"}, nil)
	n.notify(nil, []account.UserID{"ada", "bob"}, map[string]string{"title": "last", "type": "t", "ref": "r"})
	title := func(d *device) string {
		var got struct{ Title string }
		d.event("notification", &got)
		return got.Title
	}
	if got := []string{title(ada), title(ada), title(ada)}; !slices.Equal(got, []string{"both", "topic", "last"}) {
		t.Errorf("a subscriber gets %q", got)
	}
	if got := []string{title(adas), title(adas)}; !slices.Equal(got, []string{"both", "last"}) {
		t.Errorf("another device gets %q", got)
	}
	both, last := bob.next("notification"), bob.next("notification")
	if both["title"] != "both" || last["title"] != "last" || last["messageType"] != "t" || last["messageRef"] != "r" || last["ref"] != nil {
		t.Errorf("a native connection gets %v and %v", both, last)
	}

	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf(`"topic %d"`, i)
	}
	if f := ada.mustFail("notification:subscribe", `{"topics":[`+strings.Join(many, ",")+`]}`,
		"limit_exceeded", "topics must be at most 100 for one device"); f.Limit != 100 {
		t.Errorf("got %+v", f)
	}
	if got := topics(ada, "notification:unsubscribe", `{"topics":["news"]}`); len(got) > 0 {
		t.Errorf("a refused subscription left %q", got)
	}
	ada.mustFail("notification:subscribe", `{"topics":["a*"]}`, "invalid_field", "topics must be printable UTF-8 without *")
	ada.mustFail("notification:subscribe", `{"topics":[]}`, "missing_fields", "Missing required fields")
	ada.mustFail("notification:subscribe", `{"topics":["`+strings.Repeat("x", 257)+`"]}`, "limit_exceeded", "topics must have at most 256 bytes each")
}

// sign makes a token with claims beside the usual ones.
func (n *node) sign(user string, claims jwt.MapClaims) string {
	n.t.Helper()
	all := jwt.MapClaims{
		"iss": account.OwnIssuer, "sub": user, "name": nameOf(user), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	for key, value := range claims {
		all[key] = value
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString([]byte(secret))
	if err != nil {
		n.t.Fatal(err)
	}
	return token
}

func TestTopicsAreLimitedByTheToken(t *testing.T) {
	n := serve(t)
	ada := n.deviceWith(n.sign("ada", jwt.MapClaims{"topics": []string{"news", "orders.*.ada"}}))
	ada.must("notification:subscribe", `{"topics":["news","orders.7.ada"]}`)
	ada.mustFail("notification:subscribe", `{"topics":["orders.7.bob"]}`, "topic_not_permitted", "No permission for topic orders.7.bob")
	// Those that a new token does not permit go.
	ada.must("auth:refresh", map[string]string{"token": n.sign("ada", jwt.MapClaims{"topics": []string{"orders.*"}})})
	n.notify([]string{"news", "orders.7.ada"}, nil, map[string]string{"title": "x"})
	n.notify([]string{"news"}, nil, map[string]string{"title": "y"})
	var got struct{ Title string }
	if ada.event("notification", &got); got.Title != "x" {
		t.Errorf("got %+v", got)
	}
	ada.quiet(n, "a topic that is not permitted any more")
}

// Revoking ends the connections of both protocols; their tokens are good for
// nothing then. Disconnecting leaves the tokens good.
func TestRevokedConnectionsEnd(t *testing.T) {
	n := serve(t)
	old := n.token("ada")
	for _, c := range []struct {
		end    func() error
		reason string
		code   int
		again  bool
	}{
		{func() error { n.gateway.Overview().EndUser("ada"); return nil }, "disconnected", 4403, true},
		{func() error { return n.accounts.RevokeUser(t.Context(), "ada") }, "token_revoked", 4401, false},
	} {
		ada, bob := n.deviceWith(old), n.device("bob")
		plain := n.plain(old, "sockeye.v1")
		plain.next("connection")
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
		var why failure
		if ada.event("error", &why); why.Code != c.reason {
			t.Errorf("socket: got %+v, want %s", why, c.reason)
		}
		ada.closed()
		if got := plain.next("error"); got["code"] != c.reason {
			t.Errorf("native: got %v, want %s", got, c.reason)
		}
		for range plain.frames { //nolint:revive // until it is closed
		}
		if int(plain.code) != c.code {
			t.Errorf("native: closed with %d, want %d", plain.code, c.code)
		}
		bob.settle() // others stay
		d := n.mustDial(4, nil, nil)
		if c.again {
			d.connect(map[string]string{"token": old})
			d.drop()
			continue
		}
		if got := d.refused(text(map[string]string{"token": old})); !strings.Contains(got, "Authentication failed") {
			t.Errorf("a revoked token: %s", got)
		}
		if status := n.upgrade(t, old); status != http.StatusUnauthorized {
			t.Errorf("a revoked token over /ws: HTTP %d", status)
		}
	}
}

// upgrade asks for a native connection and returns the HTTP status.
func (n *node) upgrade(t *testing.T, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url+"/ws?token="+token, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// A new name is told to oneself and to friends, and open connections write under
// it.
func TestRenaming(t *testing.T) {
	n := serve(t)
	ada, bob, eve := n.device("ada"), n.device("bob"), n.device("eve")
	n.deviceWith(n.sign("ada", jwt.MapClaims{"name": "Countess"}))
	for _, d := range []*device{ada, bob} {
		if got := d.tidings("user:changed"); got.UserID != "ada" || got.Username != "Countess" {
			t.Errorf("got %+v", got)
		}
	}
	ada.must("message:send", `{"recipientId":"bob","content":"x"}`)
	if m := bob.message("message:received"); m.SenderUsername != "Countess" {
		t.Errorf("written by %q", m.SenderUsername)
	}
	eve.quiet(n, "a stranger's new name")
}

// What is told to one device does not reach a room that is called like it.
func TestRoomNamedLikeANativeConnection(t *testing.T) {
	n := serve(t)
	ada, eve := n.plain(n.token("ada"), "sockeye.v1"), n.device("eve")
	id, _ := ada.next("connection")["clientId"].(string)
	payload, err := json.Marshal(map[string]string{"id": id, "name": "x"})
	if err != nil {
		t.Fatal(err)
	}
	if a := eve.ask("room:create", string(payload)); a.OK || a.Error.Code != string(refusal.InvalidField) {
		t.Errorf("a room called %s: %+v", id, a)
	}
}

// Who is disabled is ended, and told why: also who comes with a token that would be good otherwise.
func TestDisabledConnectionsEnd(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	plain := n.plain(n.token("ada"), "sockeye.v1")
	plain.next("connection")
	if _, _, err := n.accounts.Disable(t.Context(), "ada", "bob"); err != nil {
		t.Fatal(err)
	}
	var why failure
	if ada.event("error", &why); why.Code != "account_disabled" || why.Message != "This account is disabled" {
		t.Errorf("socket: %+v", why)
	}
	ada.closed()
	if got := plain.next("error"); got["code"] != "account_disabled" {
		t.Errorf("native: %v", got)
	}
	for range plain.frames { //nolint:revive // until it is closed
	}
	if plain.code != 4401 {
		t.Errorf("native: closed with %d", plain.code)
	}
	bob.settle() // others stay

	d := n.mustDial(4, nil, nil)
	if got := d.refused(text(map[string]string{"token": n.token("ada")})); !strings.Contains(got, `"message":"Authentication failed"`) || !strings.Contains(got, `"code":"account_disabled"`) {
		t.Errorf("a new token: %s", got)
	}
	d.drop()
	late := n.plain("", "sockeye.v1")
	late.send(text(map[string]string{"type": "auth", "token": n.token("ada")}))
	if got := late.next("error"); got["code"] != "account_disabled" {
		t.Errorf("native, a new token: %v", got)
	}
	if _, _, err := n.accounts.Enable(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	n.device("ada").settle()
}
