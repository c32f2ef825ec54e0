package client_test

import (
	"errors"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/sockeye-im/sockeye/client"
)

// TestUntoldIsBounded: who queues messages and never reads what becomes of them is
// refused at the limit, and can go on after reading.
func TestUntoldIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, httpClient := startBubble(t, func(request map[string]any) map[string]any {
			return map[string]any{"type": "ack", "ok": true, "clientMsgId": request["clientMsgId"]}
		})
		c := must[*client.Client](t)(client.Dial(t.Context(), client.Config{
			URL: "http://chat.example", Protocol: client.WebSocket, HTTPClient: httpClient, Token: client.StaticToken("t"), QueueLimit: 5,
		}))
		defer c.Close()
		for i := range 5 {
			must[string](t)(c.Queue(t.Context(), outgoing(strconv.Itoa(i))))
			synctest.Wait() // it is delivered
		}
		if _, err := c.Queue(t.Context(), outgoing("5")); !errors.Is(err, client.ErrQueueFull) {
			t.Errorf("one too many: %v", err)
		}
		outlast[*client.Delivered](c)
		must[string](t)(c.Queue(t.Context(), outgoing("6")))
	})
}
