package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-im/sockeye/client"
)

// TestFaultsPass: a message outlasts a server that has a fault for most of an hour,
// and one that always meets a fault does not hold the others up for ever.
func TestFaultsPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var times []time.Time
		_, httpClient := startBubble(t, func(request map[string]any) map[string]any {
			faulty := map[string]any{"type": "ack", "ok": false, "error": map[string]any{"code": "internal", "message": "Failed"}}
			switch {
			case request["type"] == "ping":
				return map[string]any{"type": "pong"}
			case request["content"] == "bad":
				times = append(times, time.Now())
				return faulty
			case request["content"] == "late" && time.Since(began) < 50*time.Minute:
				return faulty
			}
			return map[string]any{"type": "ack", "ok": true, "clientMsgId": request["clientMsgId"]}
		})
		c := must[*client.Client](t)(client.Dial(t.Context(), client.Config{
			URL: "http://chat.example", Protocol: client.WebSocket, HTTPClient: httpClient, Token: client.StaticToken("t"),
		}))
		defer c.Close()
		for _, content := range []string{"late", "bad", "good"} {
			must[string](t)(c.Queue(t.Context(), outgoing(content)))
		}
		if d := outlast[*client.Delivered](c); d == nil || d.ClientMsgID != "id-late" {
			t.Fatalf("got %+v", d)
		}
		if u := outlast[*client.Undelivered](c); u == nil || client.Code(u.Err) != "internal" || u.Outgoing.ClientMsgID != "id-bad" {
			t.Fatalf("got %+v", u)
		}
		if tried := times[len(times)-1].Sub(times[0]); tried < time.Hour || tried > time.Hour+time.Minute {
			t.Errorf("was tried for %s", tried)
		}
		for i := range times[1:] {
			if pause := times[i+1].Sub(times[i]); pause > 30*time.Second {
				t.Fatalf("a pause of %s", pause)
			}
		}
		if d := outlast[*client.Delivered](c); d == nil || d.ClientMsgID != "id-good" {
			t.Errorf("got %+v", d)
		}
	})
}

// outlast reads events until one of a kind comes, however long that takes.
func outlast[E client.Event](c *client.Client) (none E) {
	for e := range c.Events() {
		if e, ok := e.(E); ok {
			return e
		}
	}
	return none
}

// TestAwayPasses: a message waits for a database that is away as long as the server asks it to, and goes out.
func TestAwayPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		asked := 0
		_, httpClient := startBubble(t, func(request map[string]any) map[string]any {
			if request["type"] == "ping" {
				return map[string]any{"type": "pong"}
			}
			if request["content"] != nil {
				asked++
			}
			if request["content"] != nil && asked <= 3 {
				return map[string]any{"type": "ack", "ok": false, "error": map[string]any{"code": "unavailable", "message": "Away", "retryAfter": 7}}
			}
			return map[string]any{"type": "ack", "ok": true, "clientMsgId": request["clientMsgId"]}
		})
		c := must[*client.Client](t)(client.Dial(t.Context(), client.Config{
			URL: "http://chat.example", Protocol: client.WebSocket, HTTPClient: httpClient, Token: client.StaticToken("t"),
		}))
		defer c.Close()
		must[client.Sent](t)(c.SendToRoom(t.Context(), client.RoomDraft{RoomID: "hall", Draft: client.Draft{Content: "hello"}}))
		if took := time.Since(began); took < 21*time.Second {
			t.Errorf("it was sent for the fourth time after %s", took)
		}
	})
}
