package client_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-im/sockeye/client"
)

// TestRefreshGoesOn: a new token that the server has refused, or that came while there
// was no connection, is not the last one.
func TestRefreshGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refreshes := 0
		_, httpClient := startBubble(t, func(request map[string]any) map[string]any {
			switch request["type"] {
			case "ping":
				return map[string]any{"type": "pong"}
			case "room:get":
				return nil // the connection counts as lost
			case "auth:refresh":
				if refreshes++; refreshes == 1 {
					return map[string]any{"type": "ack", "ok": false, "error": map[string]any{"code": "internal"}}
				}
			}
			return map[string]any{"type": "ack", "ok": true}
		})
		var asked atomic.Int32
		slow := make(chan struct{})
		c := must[*client.Client](t)(client.Dial(t.Context(), client.Config{
			URL: "http://chat.example", Protocol: client.WebSocket, HTTPClient: httpClient,
			Token: func(context.Context) (string, error) {
				number := asked.Add(1)
				if number == 4 {
					<-slow
				}
				return jwt(int(number), time.Now().Add(10*time.Minute)), nil
			},
		}))
		defer c.Close()
		time.Sleep(9*time.Minute + 15*time.Second) // refused at 9 min, taken 10 s later
		synctest.Wait()
		if refreshes != 2 || asked.Load() != 3 {
			t.Fatalf("refreshed %d times, asked %d times", refreshes, asked.Load())
		}
		time.Sleep(9 * time.Minute) // the source is being asked
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Room(ctx, "hall"); err == nil {
			t.Error("a deaf server has answered")
		}
		for e := range c.Events() {
			if _, lost := e.(*client.Disconnected); lost {
				break
			}
		}
		close(slow) // it comes without a connection
		time.Sleep(9*time.Minute + time.Minute)
		synctest.Wait()
		if got := fmt.Sprint(asked.Load(), c.State()); got != "5 online" {
			t.Errorf("asked, state: %s", got)
		}
	})
}
