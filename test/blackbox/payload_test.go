package blackbox_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// TestBadPayloads sends commands that are well-formed and wrong: each is answered by an error that names the field.
func TestBadPayloads(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{})
	long := strings.Repeat("x", 10_001)
	for name, tc := range map[string]struct {
		event, payload string // JSON
		code, field    string
		limit          int
	}{
		"no payload":            {"room:message", ``, "missing_fields", "", 0},
		"null":                  {"room:message", `null`, "missing_fields", "roomId", 0},
		"text":                  {"room:message", `"hall"`, "invalid_field", "payload", 0},
		"number":                {"room:message", `7`, "invalid_field", "payload", 0},
		"array":                 {"room:message", `[]`, "invalid_field", "payload", 0},
		"empty":                 {"room:message", `{}`, "missing_fields", "roomId", 0},
		"no content":            {"room:message", `{"roomId":"hall"}`, "missing_fields", "content", 0},
		"empty content":         {"room:message", `{"roomId":"hall","content":""}`, "missing_fields", "content", 0},
		"content is a number":   {"room:message", `{"roomId":"hall","content":7}`, "invalid_field", "content", 0},
		"content too long":      {"room:message", `{"roomId":"hall","content":"` + long + `"}`, "limit_exceeded", "content", 10_000},
		"content with NUL":      {"room:message", `{"roomId":"hall","content":"a\u0000b"}`, "invalid_field", "content", 0},
		"room is a number":      {"room:message", `{"roomId":7,"content":"x"}`, "invalid_field", "roomId", 0},
		"bad room id":           {"room:message", `{"roomId":"../hall","content":"x"}`, "invalid_field", "roomId", 0},
		"long room id":          {"room:message", `{"roomId":"` + long[:65] + `","content":"x"}`, "limit_exceeded", "roomId", 64},
		"no such room":          {"room:message", `{"roomId":"nowhere","content":"x"}`, "room_not_found", "", 0},
		"unknown type":          {"room:message", `{"roomId":"hall","content":"x","type":"shout"}`, "invalid_field", "type", 0},
		"the server's own type": {"room:message", `{"roomId":"hall","content":"x","type":"system"}`, "invalid_field", "type", 0},
		"long clientMsgId":      {"room:message", `{"roomId":"hall","content":"x","clientMsgId":"` + long[:129] + `"}`, "limit_exceeded", "clientMsgId", 128},
		"reply to nothing":      {"room:message", `{"roomId":"hall","content":"x","replyTo":"none"}`, "message_not_found", "replyTo", 0},
		"11 attachments":        {"room:message", `{"roomId":"hall","content":"x","attachments":["1","2","3","4","5","6","7","8","9","10","11"]}`, "limit_exceeded", "attachments", 10},
		"attachments as text":   {"room:message", `{"roomId":"hall","content":"x","attachments":"1"}`, "invalid_field", "attachments", 0},
		"no recipient":          {"message:send", `{"content":"x"}`, "missing_fields", "recipientId", 0},
		"to oneself":            {"message:send", `{"recipientId":"keeper","content":"x"}`, "invalid_field", "recipientId", 0},
		"invisible recipient":   {"message:send", `{"recipientId":"a\u0007","content":"x"}`, "invalid_field", "recipientId", 0},
		"room without a name":   {"room:create", `{"id":"r"}`, "missing_fields", "name", 0},
		"room that is":          {"room:create", `{"id":"hall","name":"x"}`, "room_exists", "id", 0},
		"room of nobody":        {"room:create", `{"name":"x","maxMembers":-1}`, "limit_exceeded", "maxMembers", 100_000},
		"half a member":         {"room:create", `{"name":"x","maxMembers":1.5}`, "invalid_field", "maxMembers", 0},
		"join nothing":          {"room:join", `{}`, "missing_fields", "roomId", 0},
		"read nothing":          {"message:read", `{"messageIds":[]}`, "missing_fields", "messageIds", 0},
		"read what is not":      {"message:read", `{"messageIds":["none"]}`, "message_not_found", "", 0},
		"history of nothing":    {"history", `{}`, "missing_fields", "conversationId", 0},
		"history too long":      {"history", `{"roomId":"hall","limit":101}`, "limit_exceeded", "limit", 100},
		"history before naught": {"history", `{"roomId":"hall","before":"none"}`, "message_not_found", "before", 0},
		"refresh with nothing":  {"auth:refresh", `{}`, "missing_fields", "token", 0},
		"refresh with rubbish":  {"auth:refresh", `{"token":"rubbish"}`, "authentication_failed", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			args := strconv.Quote(tc.event)
			if tc.payload != "" {
				args += "," + tc.payload
			}
			got := h.keeper.askRaw(t, "42%d["+strings.ReplaceAll(args, "%", "%%")+"]", nil)
			if got.OK || got.Error.Code != tc.code || got.Error.Field != tc.field || got.Error.Limit != tc.limit || got.Error.Message == "" {
				t.Errorf("got %+v", got)
			}
			if err := h.keeper.link.text("42[" + args + "]"); err != nil {
				t.Fatal(err)
			}
			raw, err := h.keeper.next(t.Context(), "error")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(raw), `"code":"`+tc.code+`"`) || !strings.Contains(string(raw), `"event":"`+tc.event+`"`) {
				t.Errorf("the error event is %s", raw)
			}
			h.unchanged(t)
		})
	}
}

// askRaw sends a packet, with the id of its acknowledgement filled in, and its attachment.
func (c *client) askRaw(t *testing.T, packet string, attachment []byte) answer {
	t.Helper()
	waiting := make(chan json.RawMessage, 1)
	c.mu.Lock()
	id := c.asked
	c.asked++
	c.acks[id] = waiting
	c.mu.Unlock()
	if err := c.link.text(fmt.Sprintf(packet, id)); err != nil {
		t.Fatal(err)
	}
	if attachment != nil {
		if err := c.link.frame(ws.NewBinaryFrame(attachment)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case raw := <-waiting:
		a, err := parseAnswer(raw)
		if err != nil {
			t.Fatal(err)
		}
		return a
	case <-c.done:
		t.Fatalf("connection lost: %v", c.reason())
	case <-time.After(patience):
		t.Fatal("no answer")
	}
	return answer{}
}
