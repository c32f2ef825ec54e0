package client_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/client"
)

// FuzzFrames: whatever a server sends, a client survives it.
func FuzzFrames(f *testing.F) {
	for _, seed := range []string{
		`0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":60000,"maxPayload":1000000}`, `2`, `40{"sid":"a"}`, `41`,
		`42["room:message",{"conversationId":"c","seq":1}]`, `42["x"]`, `4312[{"ok":true}]`, `44{"message":"no","data":{"code":"x"}}`,
		`{"type":"ack","ref":7,"ok":true}`, `{"type":"conversation:heads","items":[{"conversationId":"c","seq":1}]}`,
		`{"type":"notification","messageType":"x","messageRef":1}`, `{"type":"error","code":"c","message":"m"}`, `43`, `4`, ``, `{}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, frame []byte) { client.ParseFrames(frame) })
}

func FuzzEvent(f *testing.F) {
	f.Add("room:message", []byte(`{"id":"m","conversationId":"c","seq":3,"timestamp":"2026-01-31T09:30:00.000Z"}`))
	f.Add("message:edited", []byte(`{"message":{"seq":1},"conversationId":"c","seq":4}`))
	f.Add("messages:unread", []byte(`[{}]`))
	f.Add("new:event", []byte(`{"conversationId":"c","seq":9}`))
	f.Fuzz(func(t *testing.T, name string, payload []byte) {
		e, conversation, seq, err := client.DecodeEvent(name, payload)
		if err == nil && client.Name(e) != name {
			t.Errorf("%q became %q", name, client.Name(e))
		}
		if err != nil && (conversation != "" || seq != 0) {
			t.Errorf("a place with an error: %v", err)
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEiLCJleHAiOjE3NjkwMDAwMDB9.x")
	f.Add("a.b.c")
	f.Fuzz(func(_ *testing.T, token string) { client.ReadToken(token) })
}

func FuzzLogin(f *testing.F) {
	f.Add(200, []byte(`{"token":"t"}`))
	f.Add(401, []byte(`{"code":"invalid_credentials","detail":"no"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if token, err := client.ReadLogin(status, body); (token == "") == (err == nil) {
			t.Errorf("token %q, %v", token, err)
		}
	})
}

// FuzzStore: what is read from a file of waiting messages can be written and is the
// same again.
func FuzzStore(f *testing.F) {
	f.Add([]byte("{\"add\":{\"roomId\":\"r\",\"clientMsgId\":\"1\",\"content\":\"x\"}}\n{\"remove\":\"1\"}\n{\"add\":{\"roo"))
	f.Fuzz(func(t *testing.T, content []byte) {
		waiting, err := client.ReadLines(content)
		if err != nil {
			return
		}
		var text strings.Builder
		for i := range waiting {
			line, err := json.Marshal(map[string]any{"add": &waiting[i]})
			if err != nil {
				t.Fatal(err)
			}
			text.Write(append(line, '\n'))
		}
		again, err := client.ReadLines([]byte(text.String()))
		if err != nil || len(again) != len(waiting) {
			t.Errorf("%d messages became %d: %v", len(waiting), len(again), err)
		}
	})
}
