package client_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// asks has a method for every command of the server, with a payload in which
// nothing is left out; of what may stand in one place, one.
var asks = map[string]func(context.Context, *client.Client) (any, error){
	"message:send": func(ctx context.Context, c *client.Client) (any, error) {
		return c.SendDirect(ctx, client.DirectDraft{RecipientID: "u", Draft: wholeDraft})
	},
	"room:message": func(ctx context.Context, c *client.Client) (any, error) {
		return c.SendToRoom(ctx, client.RoomDraft{RoomID: "r", Draft: wholeDraft})
	},
	"message:schedule": func(ctx context.Context, c *client.Client) (any, error) {
		s, err := c.ScheduleMessage(ctx, client.Scheduling{RoomID: "r", RecipientID: "u", SendAt: time.Now(), Draft: wholeDraft})
		return scheduledOnly{s}, err
	},
	"message:scheduled": func(ctx context.Context, c *client.Client) (any, error) {
		all, err := c.Scheduled(ctx)
		return struct {
			S []client.Scheduled `json:"scheduled"`
		}{all}, err
	},
	"message:reschedule": func(ctx context.Context, c *client.Client) (any, error) {
		text, at := "x", time.Now()
		s, err := c.RescheduleMessage(ctx, client.Rescheduling{ScheduledID: "s", Content: &text, SendAt: &at, Now: true})
		return scheduledOnly{s}, err
	},
	"message:unschedule": func(ctx context.Context, c *client.Client) (any, error) {
		return nil, c.UnscheduleMessage(ctx, "s")
	},
	"message:edit": func(ctx context.Context, c *client.Client) (any, error) {
		m, err := c.EditMessage(ctx, "m", "x")
		return struct {
			M client.Message `json:"message"`
		}{m}, err
	},
	"message:delete": func(ctx context.Context, c *client.Client) (any, error) {
		m, err := c.DeleteMessage(ctx, "m")
		return messageOnly{m}, err
	},
	"message:pin": func(ctx context.Context, c *client.Client) (any, error) {
		m, err := c.PinMessage(ctx, "m")
		return messageOnly{m}, err
	},
	"message:unpin": func(ctx context.Context, c *client.Client) (any, error) {
		m, err := c.UnpinMessage(ctx, "m")
		return messageOnly{m}, err
	},
	"message:pins": func(ctx context.Context, c *client.Client) (any, error) {
		m, err := c.PinnedMessages(ctx, everywhere)
		return struct {
			M []client.Message `json:"messages"`
		}{m}, err
	},
	"reaction:add":    func(ctx context.Context, c *client.Client) (any, error) { return nil, c.AddReaction(ctx, "m", "e") },
	"reaction:remove": func(ctx context.Context, c *client.Client) (any, error) { return nil, c.RemoveReaction(ctx, "m", "e") },
	"history":         func(ctx context.Context, c *client.Client) (any, error) { return c.History(ctx, everywhere, wholeSpan) },
	"thread":          func(ctx context.Context, c *client.Client) (any, error) { return c.Thread(ctx, "m", wholeSpan) },
	"message:search": func(ctx context.Context, c *client.Client) (any, error) {
		return c.SearchMessages(ctx, client.MessageSearch{Query: "q", ConversationID: "c", Before: "m", Limit: 1})
	},
	"room:create": func(ctx context.Context, c *client.Client) (any, error) {
		number, yes := 1, true
		r, err := c.CreateRoom(ctx, client.NewRoom{
			ID: "r", Name: "n", Description: "d", Type: "public", MaxMembers: 2,
			Settings: &client.RoomSettingsUpdate{AllowFileUpload: &yes, AllowVoiceMessage: &yes, MessageRetention: &number},
		})
		return roomOnly{r}, err
	},
	"room:join":  func(ctx context.Context, c *client.Client) (any, error) { return c.JoinRoom(ctx, "r") },
	"room:leave": func(ctx context.Context, c *client.Client) (any, error) { return nil, c.LeaveRoom(ctx, "r") },
	"room:get": func(ctx context.Context, c *client.Client) (any, error) {
		r, err := c.Room(ctx, "r")
		return roomOnly{r}, err
	},
	"room:list": func(ctx context.Context, c *client.Client) (any, error) {
		return c.Rooms(ctx, client.RoomQuery{Mine: true, Invited: true, After: "a", Limit: 1})
	},
	"room:members": func(ctx context.Context, c *client.Client) (any, error) {
		return c.Members(ctx, client.MemberQuery{RoomID: "r", After: "a", Limit: 1})
	},
	"room:bans": func(ctx context.Context, c *client.Client) (any, error) {
		return c.Bans(ctx, client.BanQuery{RoomID: "r", After: "a", Limit: 1})
	},
	"room:search": func(ctx context.Context, c *client.Client) (any, error) {
		r, err := c.SearchRooms(ctx, "q", 1)
		return client.RoomPage{Rooms: r}, err
	},
	"room:update": func(ctx context.Context, c *client.Client) (any, error) {
		text, number, yes := "x", 1, true
		r, err := c.UpdateRoom(ctx, client.RoomUpdate{
			RoomID: "r", Name: &text, Description: &text, Type: &text, MaxMembers: &number,
			Settings: &client.RoomSettingsUpdate{AllowFileUpload: &yes, AllowVoiceMessage: &yes, MessageRetention: &number},
		})
		return roomOnly{r}, err
	},
	"room:delete":  func(ctx context.Context, c *client.Client) (any, error) { return nil, c.DeleteRoom(ctx, "r") },
	"room:invite":  func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Invite(ctx, "r", "u") },
	"room:kick":    func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Kick(ctx, "r", "u") },
	"room:ban":     func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Ban(ctx, "r", "u") },
	"room:unban":   func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Unban(ctx, "r", "u") },
	"room:promote": func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Promote(ctx, "r", "u") },
	"room:demote":  func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Demote(ctx, "r", "u") },
	"message:read": func(ctx context.Context, c *client.Client) (any, error) { return nil, c.MarkRead(ctx, "m") },
	"conversation:read": func(ctx context.Context, c *client.Client) (any, error) {
		return nil, c.MarkConversation(ctx, "c", 1)
	},
	"conversation:list": func(ctx context.Context, c *client.Client) (any, error) { return c.Conversations(ctx, "a", 1) },
	"sync": func(ctx context.Context, c *client.Client) (any, error) {
		return c.Sync(ctx, map[string]int64{"c": 1})
	},
	"typing:start":   func(ctx context.Context, c *client.Client) (any, error) { return nil, c.StartTyping(ctx, wholeTyping) },
	"typing:stop":    func(ctx context.Context, c *client.Client) (any, error) { return nil, c.StopTyping(ctx, wholeTyping) },
	"friend:request": relation((*client.Client).RequestFriend),
	"friend:accept":  relation((*client.Client).AcceptFriend),
	"friend:decline": relation((*client.Client).DeclineFriend),
	"friend:remove":  relation((*client.Client).RemoveFriend),
	"user:block":     relation((*client.Client).BlockUser),
	"user:unblock":   relation((*client.Client).UnblockUser),
	"friend:list": func(ctx context.Context, c *client.Client) (any, error) {
		return c.Friends(ctx, client.FriendQuery{List: "friends", After: "u", Limit: 1})
	},
	"user:get": func(ctx context.Context, c *client.Client) (any, error) { return c.User(ctx, "u") },
	"user:search": func(ctx context.Context, c *client.Client) (any, error) {
		u, err := c.SearchUsers(ctx, "q", 1)
		return struct {
			U []client.User `json:"users"`
		}{u}, err
	},
	"presence:get": func(ctx context.Context, c *client.Client) (any, error) {
		p, err := c.Presence(ctx, "u")
		return struct {
			P []client.Presence `json:"presence"`
		}{p}, err
	},
	"client:visible": func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Look(ctx, true, "c") },
	"notification:subscribe": func(ctx context.Context, c *client.Client) (any, error) {
		names, err := c.Subscribe(ctx, "t")
		return topicsOnly{names}, err
	},
	"notification:unsubscribe": func(ctx context.Context, c *client.Client) (any, error) {
		names, err := c.Unsubscribe(ctx, "t")
		return topicsOnly{names}, err
	},
	"auth:refresh": func(ctx context.Context, c *client.Client) (any, error) {
		at, err := c.RefreshToken(ctx, "t")
		return struct {
			At any `json:"expiresAt"`
		}{at}, err
	},
}

type (
	messageOnly struct {
		M client.Message `json:"message"`
	}
	roomOnly struct {
		R client.Room `json:"room"`
	}
	scheduledOnly struct {
		S client.Scheduled `json:"scheduled"`
	}
	topicsOnly struct {
		T []string `json:"topics"`
	}
)

var (
	reply       = "m"
	wholeDraft  = client.Draft{Content: "x", Type: "text", ClientMsgID: "1", ReplyTo: reply, Attachments: []string{"f"}}
	wholeSpan   = client.Span{Before: "m", After: "m", Limit: 1}
	everywhere  = client.Where{ConversationID: "c", RoomID: "r", UserID: "u"}
	wholeTyping = client.Typing{RecipientID: "u", RoomID: "r"}
)

func relation(do func(*client.Client, context.Context, string) (client.Relation, error)) func(context.Context, *client.Client) (any, error) {
	return func(ctx context.Context, c *client.Client) (any, error) {
		r, err := do(c, ctx, "u")
		return struct {
			R client.Relation `json:"relation"`
		}{r}, err
	}
}

// left are fields that the client has no use for: one user is a list of one, and
// one's own devices are told by name. An invitation is in no log and ends nothing.
var left = map[string][]string{"presence:get": {"userId"}, "sync": {"epoch"}, "room:invited": {"/seq", "/reason"}}

// TestCommands wants a method for every command, which sends all its fields and
// returns all of its answer.
func TestCommands(t *testing.T) {
	asked := make(chan map[string]any, 1)
	c := dial(t, client.Config{URL: recorder(t, asked), Protocol: client.WebSocket, Token: client.StaticToken("t")})
	<-asked // the client's own sync
	for _, name := range command.Names() {
		t.Run(name, func(t *testing.T) {
			ask := asks[name]
			if ask == nil {
				t.Fatal("the client has no method for it")
			}
			answer, err := ask(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			sent := <-asked
			for len(sent) == 0 || sent["type"] == "sync" && name != "sync" { // the client's own, after joining
				sent = <-asked
			}
			if sent["type"] != name {
				t.Fatalf("sends %v", sent)
			}
			shape, _ := command.Describe(name)
			for _, field := range fields(shape.Payload) {
				on := field
				if field == "type" {
					on = "messageType"
					if strings.HasPrefix(name, "room:") && name != "room:message" {
						on = "roomType"
					}
				}
				if _, there := sent[on]; !there && !slices.Contains(left[name], field) {
					t.Errorf("sends %v without %s", sent, field)
				}
			}
			known := map[string]bool{"/ok": true}
			if answer != nil {
				maps.Copy(known, paths(reflect.TypeOf(answer), ""))
			}
			for path := range paths(shape.Answer, "") {
				if !known[path] {
					t.Errorf("returns nothing of %s", path)
				}
			}
		})
	}
}

// fields are the names of a struct's fields in JSON.
func fields(of reflect.Type) []string {
	var names []string
	for _, f := range reflect.VisibleFields(of) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" && f.IsExported() {
			names = append(names, name)
		}
	}
	return names
}

// recorder is a server that says yes to everything, and what it was asked. It is
// no judge of how the client does with a real one.
func recorder(t *testing.T, asked chan<- map[string]any) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"sockeye.v1"}})
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		_ = conn.Write(r.Context(), websocket.MessageText, []byte(`{"type":"connection","userId":"u"}`))
		for {
			_, text, err := conn.Read(r.Context())
			if err != nil {
				return
			}
			var request map[string]any
			if json.Unmarshal(text, &request) != nil {
				return
			}
			select {
			case asked <- request:
			case <-r.Context().Done():
				return
			}
			answer, _ := json.Marshal(map[string]any{"type": "ack", "ok": true, "ref": request["ref"]})
			if conn.Write(r.Context(), websocket.MessageText, answer) != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// paths are the names of all fields, with those in them.
func paths(of reflect.Type, at string) map[string]bool {
	all := make(map[string]bool)
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return all
	}
	for _, f := range reflect.VisibleFields(of) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		all[at+"/"+name] = true
		for inner := range paths(f.Type, at+"/"+name) {
			all[inner] = true
		}
	}
	return all
}

// TestEventsAreKnown wants a type for every event of the protocol.
func TestEventsAreKnown(t *testing.T) {
	text, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n## Events\n")
	table, _, _ = strings.Cut(table, "\nL stands for")
	handled := []string{"server:epoch", "server:leaving", "conversation:heads", "conversation:head"} // by the client itself
	count := 0
	for _, row := range regexp.MustCompile(`(?m)^\| (.*?) \|`).FindAllStringSubmatch(table, -1) {
		for _, name := range regexp.MustCompile("`([a-z:_]+)`").FindAllStringSubmatch(row[1], -1) {
			count++
			if !slices.Contains(handled, name[1]) && !client.KnowsEvent(name[1]) {
				t.Errorf("%s has no type", name[1])
			}
		}
	}
	if count < 35 {
		t.Errorf("found %d events in the protocol", count)
	}
}

// TestEventsAreWhole wants all that an event carries in its type.
func TestEventsAreWhole(t *testing.T) {
	for name, carries := range wire.Describe() {
		of := client.EventType(name)
		if of == nil || carries == nil {
			continue // see TestEventsAreKnown; and the application's own
		}
		if carries.Kind() == reflect.Slice {
			of = of.Field(0).Type // a struct of the list alone
		}
		known := paths(of, "")
		for path := range paths(carries, "") {
			if !known[path] && !slices.Contains(left[name], path) {
				t.Errorf("%s: the client has no %s", name, path)
			}
		}
	}
}
