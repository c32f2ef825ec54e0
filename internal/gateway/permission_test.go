package gateway_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/command"
)

// permitted is what a command may answer to who has no right to it: nothing of
// what others have said or done.
const permitted = "ok"

// refusals are the codes that a command about the vault, a private room, answers:
// to a stranger, to who is banned, and to a plain member (empty: it is the
// member's right).
type refusals struct{ payload, stranger, banned, member string }

// Of payloads, MESSAGE is a message of the admin's in the vault, CONVERSATION the
// vault's, TOKEN a token of the admin's.
var rights = map[string]refusals{
	"message:send":   {`{"recipientId":"ada","content":"x"}`, "not_friends", "not_friends", "not_friends"},
	"room:message":   {`{"roomId":"vault","content":"x"}`, "not_in_room", "not_in_room", ""},
	"message:edit":   {`{"messageId":"MESSAGE","content":"x"}`, "message_not_found", "message_not_found", "not_own_message"},
	"message:delete": {`{"messageId":"MESSAGE"}`, "message_not_found", "message_not_found", "delete_not_permitted"},
	"message:pin":    {`{"messageId":"MESSAGE"}`, "message_not_found", "message_not_found", "pin_not_permitted"},
	"message:unpin":  {`{"messageId":"MESSAGE"}`, "message_not_found", "message_not_found", "pin_not_permitted"},
	"message:pins":   {`{"conversationId":"CONVERSATION"}`, "conversation_not_found", "conversation_not_found", ""},
	"reaction:add":   {`{"messageId":"MESSAGE","emoji":"🐟"}`, "message_not_found", "message_not_found", ""},
	"reaction:remove": {
		`{"messageId":"MESSAGE","emoji":"🐟"}`, "message_not_found", "message_not_found", "",
	},
	"history":        {`{"roomId":"vault"}`, "not_in_room", "not_in_room", ""},
	"thread":         {`{"messageId":"MESSAGE"}`, "message_not_found", "message_not_found", ""},
	"message:search": {`{"query":"treasure"}`, permitted, permitted, ""},
	"room:create":    {`{"id":"vault","name":"Mine now"}`, "room_exists", "room_exists", "room_exists"},
	"room:join":      {`{"roomId":"vault"}`, "private_room", "banned", ""},
	"room:leave":     {`{"roomId":"vault"}`, permitted, permitted, ""},
	"room:get":       {`{"roomId":"vault"}`, "not_in_room", "not_in_room", ""},
	"room:list":      {`{}`, permitted, permitted, ""},
	"room:members":   {`{"roomId":"vault"}`, "not_in_room", "not_in_room", ""},
	"room:search":    {`{"query":"treasure"}`, permitted, permitted, ""},
	"room:update":    {`{"roomId":"vault","type":"public"}`, "not_in_room", "not_in_room", "not_admin"},
	"room:delete":    {`{"roomId":"vault"}`, "not_in_room", "not_in_room", "not_admin"},
	"room:invite":    {`{"roomId":"vault","userId":"guest"}`, "not_in_room", "not_in_room", "not_admin"},
	"room:kick":      {`{"roomId":"vault","userId":"ada"}`, "not_in_room", "not_in_room", "not_admin"},
	"room:ban":       {`{"roomId":"vault","userId":"ada"}`, "not_in_room", "not_in_room", "not_admin"},
	"room:unban":     {`{"roomId":"vault","userId":"outlaw"}`, "not_in_room", "invalid_field", "not_admin"},
	"room:promote":   {`{"roomId":"vault","userId":"member"}`, "not_in_room", "not_in_room", "not_admin"},
	"room:demote":    {`{"roomId":"vault","userId":"ada"}`, "not_in_room", "not_in_room", "not_admin"},
	"message:read":   {`{"messageIds":["MESSAGE"]}`, "message_not_found", "message_not_found", ""},
	"conversation:read": {
		`{"conversationId":"CONVERSATION","seq":1}`, "conversation_not_found", "conversation_not_found", "",
	},
	"conversation:list": {`{}`, permitted, permitted, ""},
	"sync":              {`{"conversations":{"CONVERSATION":0}}`, permitted, permitted, ""},
	"friend:request":    {`{"userId":"nobody"}`, "user_not_found", "user_not_found", "user_not_found"},
	"friend:accept":     {`{"userId":"ada"}`, "friend_request_not_found", "friend_request_not_found", "friend_request_not_found"},
	"friend:decline":    {`{"userId":"ada"}`, permitted, permitted, permitted},
	"friend:remove":     {`{"userId":"ada"}`, permitted, permitted, permitted},
	"friend:list":       {`{}`, permitted, permitted, permitted},
	"user:block":        {`{"userId":"nobody"}`, "user_not_found", "user_not_found", "user_not_found"},
	"user:unblock":      {`{"userId":"ada"}`, permitted, permitted, permitted},
	"user:get":          {`{"userId":"nobody"}`, "user_not_found", "user_not_found", "user_not_found"},
	"user:search":       {`{"query":"ada"}`, permitted, permitted, permitted},
	"presence:get":      {`{"userId":"ada"}`, permitted, permitted, permitted},
	"typing:start":      {`{"roomId":"vault"}`, "not_in_room", "not_in_room", ""},
	"typing:stop":       {`{"roomId":"vault"}`, permitted, permitted, permitted},
	"notification:subscribe": {
		`{"topics":["*"]}`, "invalid_field", "invalid_field", "invalid_field",
	},
	"notification:unsubscribe": {`{"topics":["news"]}`, permitted, permitted, permitted},
	"auth:refresh":             {`{"token":"TOKEN"}`, "authentication_failed", "authentication_failed", "authentication_failed"},
}

// No command shows or changes anything to who has no right to it, and nobody is
// told of the attempt.
func TestEveryCommandHasItsRefusals(t *testing.T) {
	for name := range rights {
		if !slices.Contains(command.Names(), name) {
			t.Errorf("%s is no command", name)
		}
	}
	n := serve(t, func(s *setup) { s.chat.DirectPolicy = chat.DirectFriends })
	ada, plain, stranger, outlaw := n.device("ada"), n.device("member"), n.device("stranger"), n.device("outlaw")
	guest := n.device("guest")
	id := ada.must("room:create", `{"id":"vault","name":"Treasure vault"}`).conversation(t)
	plain.must("room:join", `{"roomId":"vault"}`)
	outlaw.must("room:join", `{"roomId":"vault"}`)
	said := ada.must("room:message", `{"roomId":"vault","content":"the treasure"}`)
	ada.must("room:update", `{"roomId":"vault","type":"private"}`)
	ada.must("room:ban", `{"roomId":"vault","userId":"outlaw"}`)
	ada.findUntil(`{"query":"treasure"}`)
	for _, d := range []*device{ada, plain, outlaw} {
		n.told()
		d.settle()
		d.change(func() { d.packets = nil })
	}
	fill := strings.NewReplacer("MESSAGE", said.ID, "CONVERSATION", id, "TOKEN", n.token("ada"))

	for _, name := range slices.Sorted(slices.Values(command.Names())) {
		row, there := rights[name]
		if !there {
			t.Errorf("%s has no row", name)
			continue
		}
		for who, c := range map[string]struct {
			d    *device
			code string
		}{"stranger": {stranger, row.stranger}, "banned": {outlaw, row.banned}, "member": {plain, row.member}} {
			if c.code == "" {
				continue
			}
			var raw json.RawMessage
			c.d.askInto(name, fill.Replace(row.payload), &raw)
			var a ack
			if err := json.Unmarshal(raw, &a); err != nil {
				t.Fatal(err)
			}
			if a.OK != (c.code == permitted) || !a.OK && a.Error.Code != c.code {
				t.Errorf("%s by a %s: got %s, want %s", name, who, raw, c.code)
			}
			if strings.Contains(strings.ToLower(string(raw)), "treasure") {
				t.Errorf("%s tells a %s %s", name, who, raw)
			}
		}
	}
	for who, d := range map[string]*device{"admin": ada, "member": plain, "stranger": stranger, "banned": outlaw, "guest": guest} {
		d.quiet(n, who)
	}
	after := ada.sync(map[string]int64{id: 0}).Conversations[id]
	if after.Seq != 6 { // created, two came, a message, an update, a ban
		t.Errorf("the log goes to %d: refused commands have taken a seq", after.Seq)
	}
}
