package gateway_test

import (
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func TestWrongPayloadsNameTheField(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	n.hall(ada, bob)
	digits := strings.Repeat("1", 100_000)
	for _, c := range []struct{ event, payload, code, field, message string }{
		{"message:send", `{"recipientId":1,"content":"x"}`, "invalid_field", "recipientId", "recipientId must be a string, not number"},
		{"message:send", `{"recipientId":"bob","content":{}}`, "invalid_field", "content", "content must be a string, not object"},
		{"message:send", `{"recipientId":"bob","content":["x"]}`, "invalid_field", "content", "content must be a string, not array"},
		{"message:send", `{"recipientId":"bob","content":` + digits + `}`, "invalid_field", "content", "content must be a string, not number"},
		{"message:send", `{"recipientId":"bob","content":"x","type":true}`, "invalid_field", "type", "type must be a string, not bool"},
		{"message:send", `{"recipientId":"bob","content":"x","clientMsgId":7}`, "invalid_field", "clientMsgId", "clientMsgId must be a string, not number"},
		{"message:send", `{"recipientId":"bob","content":"x","attachments":"f"}`, "invalid_field", "attachments", "attachments must be an array of strings, not string"},
		{"message:send", `{"recipientId":"bob","content":"x","attachments":[1]}`, "invalid_field", "attachments", "attachments must be an array of strings, not number"},
		{"room:message", `{"roomId":"hall","content":5}`, "invalid_field", "content", "content must be a string, not number"},
		{"room:message", `{"roomId":[],"content":"x"}`, "invalid_field", "roomId", "roomId must be a string, not array"},
		{"room:create", `{"name":"x","maxMembers":"5"}`, "invalid_field", "maxMembers", "maxMembers must be an integer, not string"},
		{"room:create", `{"name":"x","maxMembers":1.5}`, "invalid_field", "maxMembers", "maxMembers must be an integer, not number"},
		{"room:create", `{"name":"x","maxMembers":` + digits + `}`, "invalid_field", "maxMembers", "maxMembers must be an integer, not number"},
		{"message:read", `{"messageIds":"m"}`, "invalid_field", "messageIds", "messageIds must be an array of strings, not string"},
		{"auth:refresh", `{"token":{}}`, "invalid_field", "token", "token must be a string, not object"},

		{"message:send", `{"recipientId":"bob"}`, "missing_fields", "content", "Missing required fields"},
		{"message:send", `{"content":"x"}`, "missing_fields", "recipientId", "Missing required fields"},
		{"message:send", `{"recipientId":null,"content":"x"}`, "missing_fields", "recipientId", "Missing required fields"},
		{"message:send", `{"recipientId":"bob","content":""}`, "missing_fields", "content", "Missing required fields"},
		{"message:send", `null`, "missing_fields", "recipientId", "Missing required fields"},
		{"message:send", ``, "missing_fields", "", "Missing required fields"},
		{"message:read", `{}`, "missing_fields", "messageIds", "Missing required fields"},
		{"auth:refresh", `{}`, "missing_fields", "token", "Missing required fields"},

		{"message:send", `"text"`, "invalid_field", "payload", "Payload must be an object"},
		{"message:send", `7`, "invalid_field", "payload", "Payload must be an object"},
		{"message:send", `[{"recipientId":"bob","content":"x"}]`, "invalid_field", "payload", "Payload must be an object"},

		{"message:send", `{"recipientId":"ada","content":"x"}`, "invalid_field", "recipientId", "recipientId must be another user"},
		{"message:send", `{"recipientId":"bob","content":"x","type":"system"}`, "invalid_field", "type", "type must be one of text, image, video, audio, voice, file"},
		{"message:send", `{"recipientId":"bob","content":"x","replyTo":"none"}`, "message_not_found", "replyTo", "Message not found"},
		{"message:send", `{"recipientId":"bob","content":"\u0000"}`, "invalid_field", "content", "content must not contain the character U+0000"},
		{"message:send", `{"recipientId":"bob","content":"` + strings.Repeat("é", 10_001) + `"}`, "limit_exceeded", "content", "content must have at most 10000 characters"},
		{"message:send", `{"recipientId":"` + strings.Repeat("b", 129) + `","content":"x"}`, "limit_exceeded", "recipientId", "recipientId must have at most 128 bytes"},
		{"message:send", `{"recipientId":"b\u0007b","content":"x"}`, "invalid_field", "recipientId", "recipientId must be printable"},
	} {
		if f := ada.mustFail(c.event, c.payload, c.code, c.message); f.Field != c.field {
			t.Errorf("%s %.200s: field %q, want %q", c.event, c.payload, f.Field, c.field)
		}
	}
	bob.quiet(n, "refused messages")
	ada.must("message:send", `{"recipientId":"bob","content":"`+strings.Repeat("é", 10_000)+`"}`)
	if m := bob.message("message:received"); m.Seq != 1 {
		t.Errorf("refusals took a seq: %d", m.Seq)
	}
}

func TestErrorsWithoutAcknowledgementNameTheEvent(t *testing.T) {
	n := serve(t)
	ada := n.device("ada")
	for event, want := range map[string]failure{
		"message:send": {Code: "missing_fields", Message: "Missing required fields", Field: "recipientId"},
		"room:join":    {Code: "missing_fields", Message: "Missing required fields", Field: "roomId"},
		"auth:refresh": {Code: "missing_fields", Message: "Missing required fields", Field: "token"},
	} {
		ada.emit(event, `{}`)
		var got failure
		ada.event("error", &got)
		want.Event = event
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		// With one, there is no event.
		ada.ask(event, `{}`)
	}
	ada.quiet(n, "acknowledged failures")
	// What no command is called is ignored.
	ada.emit("no:such:event", `{}`)
	ada.emit("__proto__", `{}`)
	ada.quiet(n, "unknown events")
	if got := n.count("websocket_errors_total", "type", "command", "code", "missing_fields"); got != 6 {
		t.Errorf("counted %v errors", got)
	}
	if got := n.count("websocket_messages_total", "type", "room:join", "status", "error"); got != 2 {
		t.Errorf("counted %v failed joins", got)
	}
}

func TestRatesAreByUserAndEvent(t *testing.T) {
	const most = 4
	n := serve(t, events(perMinute(most)))
	ada, adas, bob := n.device("ada"), n.device("ada"), n.device("bob")
	known := `{"recipientId":"bob","content":"known","clientMsgId":"k"}`
	first := ada.must("message:send", known)
	for i := range most - 1 {
		[]*device{ada, adas}[i%2].must("message:send", `{"recipientId":"bob","content":"x"}`)
	}
	for _, d := range []*device{ada, adas} { // one allowance for all devices
		f := d.mustFail("message:send", `{"recipientId":"bob","content":"x","clientMsgId":"new"}`, "rate_limited", "Too many requests")
		if f.Limit != most || f.RetryAfter < 1 || f.RetryAfter > 60/most {
			t.Errorf("refused with %+v", f)
		}
	}
	ada.emit("message:send", `{"recipientId":"bob","content":"x"}`)
	var f failure
	ada.event("error", &f)
	if f.Code != "rate_limited" || f.Event != "message:send" || f.RetryAfter < 1 {
		t.Errorf("got %+v", f)
	}
	// A repetition is answered all the same: the client asks what became of it.
	if again := ada.must("message:send", known); again.ID != first.ID {
		t.Errorf("got %+v", again)
	}
	ada.mustFail("message:send", `{"recipientId":"bob","content":"other","clientMsgId":"k"}`, "client_msg_id_reused", "clientMsgId was used for another message")
	// Other events and other users have their own.
	ada.must("room:create", `{"name":"x"}`)
	bob.must("message:send", `{"recipientId":"ada","content":"x"}`)
	for range most {
		bob.message("message:received")
	}
	if got := bob.rest(); len(got) != 1 { // its own message:sent
		t.Errorf("more than %d messages: %s", most, got)
	}
}

// What is malformed counts, or else nothing bounds it.
func TestRatesCountWhatIsMalformed(t *testing.T) {
	const most = 4
	n := serve(t, events(perMinute(most)))
	ada := n.device("ada")
	for range most {
		ada.mustFail("room:join", `[]`, "invalid_field", "Payload must be an object")
	}
	ada.mustFail("room:join", `[]`, "rate_limited", "Too many requests")
	ada.mustFail("room:join", `{"roomId":"x"}`, "rate_limited", "Too many requests")
}

// A binary content would be decoded as base64 and stored as a text that nobody
// wrote.
func TestBinaryPayloadsAreRefused(t *testing.T) {
	n := serve(t)
	ada, bob := n.device("ada"), n.device("bob")
	n.known("ada", "bob")
	ada.send(`51-["message:send",{"recipientId":"bob","content":{"_placeholder":true,"num":0}}]`)
	ada.write(ws.OpBinary, "\x01\x02\x03")
	var refused failure
	ada.event("error", &refused)
	if refused.Code != "invalid_field" || refused.Field != "payload" {
		t.Errorf("got %+v", refused)
	}
	bob.quiet(n, "a binary message")
}
