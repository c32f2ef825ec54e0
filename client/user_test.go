package client_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
)

// TestUserChanged: what one user has queued does not go out as another's.
func TestUserChanged(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		s := startServer(t)
		cfg := s.config(s.addr, "ada", protocol)
		var isIn atomic.Bool
		given := 0 // since she is in
		cfg.Token = func(context.Context) (string, error) {
			if isIn.Load() {
				given++
			}
			if given <= 1 {
				return s.token("ada", 4*time.Second), nil
			}
			return s.token("bob", time.Hour), nil
		}
		c := dial(t, cfg)
		isIn.Store(true)
		wantChanged(t, c)
		if c.UserID() != "ada" {
			t.Errorf("is %q", c.UserID())
		}

		cfg = s.config(s.addr, "bob", protocol)
		cfg.UserID = "ada" // whose messages wait
		wantChanged(t, must[*client.Client](t)(client.New(cfg)))
	})
}

// wantChanged reads events until the client stops.
func wantChanged(t *testing.T, c *client.Client) {
	t.Helper()
	t.Cleanup(c.Close)
	late := time.After(patience)
	for {
		select {
		case e, open := <-c.Events():
			if open {
				if me, ok := e.(*client.Connected); ok && me.UserID == "bob" {
					t.Fatal("is connected as bob")
				}
				continue
			}
			if !errors.Is(c.Err(), client.ErrUserChanged) || !errors.Is(c.Err(), client.ErrStopped) {
				t.Errorf("stopped for %v", c.Err())
			}
			return
		case <-late:
			t.Fatal("the client has not stopped")
		}
	}
}
