package client_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/sockeye-im/sockeye/client"
)

// TestManyConversations: a user of more conversations than a sync can name gets
// online. The server introduces again what was not named, and says that there is more.
func TestManyConversations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const all, most = 1500, 100
		syncs := 0
		_, httpClient := startBubble(t, func(request map[string]any) map[string]any {
			answer := map[string]any{"type": "ack", "ok": true}
			if syncs++; syncs > 50 {
				return nil // it would go on for ever
			}
			named := request["conversations"].(map[string]any)
			introduced := []any{}
			for i := range all {
				id := fmt.Sprintf("c%d", i)
				if _, known := named[id]; known {
					continue
				}
				if len(introduced) == most {
					answer["more"] = true
					break
				}
				introduced = append(introduced, map[string]any{"conversationId": id, "seq": 3})
			}
			answer["new"] = introduced
			return answer
		})
		c := must[*client.Client](t)(client.Dial(t.Context(), client.Config{
			URL: "http://chat.example", Protocol: client.WebSocket, HTTPClient: httpClient, Token: client.StaticToken("t"),
		}))
		defer c.Close()
		t.Logf("online after %d syncs", syncs)
	})
}
