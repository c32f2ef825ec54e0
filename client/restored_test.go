package client_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/sockeye-im/sockeye/client"
)

// TestRestoredServer: a client that comes with the numbers of another epoch is told of a reset of each conversation, of more
// than one sync can name too, once; from then on it speaks of the epoch of now.
func TestRestoredServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const all, before, now = 1500, "before", "now"
		since := make(map[string]int64, all)
		for i := range all {
			since[fmt.Sprintf("c%d", i)] = 100
		}
		var epochs []any
		reset := make(map[string]bool)
		_, httpClient := startBubble(t, func(request map[string]any) map[string]any {
			epochs = append(epochs, request["epoch"])
			conversations := make(map[string]any)
			for id, seq := range request["conversations"].(map[string]any) {
				// All have 100 again: a number alone would tell nothing.
				is := map[string]any{"firstSeq": 1, "seq": 100}
				if request["epoch"] == before {
					is["reset"] = true
					if reset[id] {
						t.Errorf("%s is asked about once more with %v of %s", id, seq, before)
					}
					reset[id] = true
				}
				conversations[id] = is
			}
			return map[string]any{"type": "ack", "ok": true, "epoch": now, "conversations": conversations, "new": []any{}}
		})
		c := must[*client.Client](t)(client.New(client.Config{
			URL: "http://chat.example", Protocol: client.WebSocket, HTTPClient: httpClient, Token: client.StaticToken("t"),
			Since: since, Epoch: before, Buffer: 10 * all,
		}))
		defer c.Close()
		told := make(map[string]int)
		for e := range c.Events() {
			if e, ok := e.(*client.ConversationReset); ok {
				told[e.ConversationID]++
			}
			if _, ok := e.(*client.CaughtUp); ok {
				break
			}
		}
		if len(told) != all || told["c0"] != 1 {
			t.Errorf("told of %d resets, of c0 %d times", len(told), told["c0"])
		}
		if len(epochs) < 3 || epochs[0] != before || epochs[1] != before || epochs[len(epochs)-1] != now || c.Epoch() != now {
			t.Errorf("it asked with %v, and is in %q", epochs, c.Epoch())
		}
	})
}
