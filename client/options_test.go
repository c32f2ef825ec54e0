package client_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-im/sockeye/client"
)

// TestNoAutoConnect: nothing is tried before the application says so.
func TestNoAutoConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := new(unreachable)
		c := must[*client.Client](t)(client.New(client.Config{
			URL: "http://chat.example", Token: client.StaticToken("t"), HTTPClient: &http.Client{Transport: net},
			NoAutoConnect: true, Backoff: client.Backoff{First: 100 * time.Millisecond, Attempts: 2},
		}))
		defer c.Close()
		time.Sleep(time.Hour)
		if made := net.attempts(); made != 0 || c.State() != client.Idle {
			t.Fatalf("%d attempts, %v", made, c.State())
		}
		if got := c.ConnectionStatus(); got != (client.ConnectionStatus{}) {
			t.Errorf("before: %+v", got)
		}
		c.Connect()
		if failed, ok := (<-c.Events()).(*client.ReconnectFailed); !ok || failed.Attempts != 2 {
			t.Errorf("got %+v", failed)
		}
		synctest.Wait()
		if got := c.ConnectionStatus(); got != (client.ConnectionStatus{Attempts: 2}) || c.State() != client.Waiting {
			t.Errorf("after two attempts: %+v, %v", got, c.State())
		}
		if waited := net.waits()[0]; waited < 100*time.Millisecond || waited > 200*time.Millisecond {
			t.Errorf("waited %s before the second attempt", waited)
		}
	})
}

// TestDialGivesUp: where nobody answers, Dial says so after the attempts of Backoff, however patient its context is.
func TestDialGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := new(unreachable)
		_, err := client.Dial(t.Context(), client.Config{
			URL: "http://chat.example", Token: client.StaticToken("t"), HTTPClient: &http.Client{Transport: net},
		})
		if made := net.attempts(); !errors.Is(err, errNoNetwork) || made != 5 {
			t.Errorf("after %d attempts: %v", made, err)
		}
	})
}

// TestNoReconnection: a failed attempt is the last one until the application says so.
func TestNoReconnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := new(unreachable)
		cfg := client.Config{
			URL: "http://chat.example", Token: client.StaticToken("t"), HTTPClient: &http.Client{Transport: net}, NoReconnection: true,
		}
		if _, err := client.Dial(t.Context(), cfg); !errors.Is(err, errNoNetwork) {
			t.Errorf("Dial: %v", err)
		}
		c := must[*client.Client](t)(client.New(cfg))
		defer c.Close()
		time.Sleep(time.Hour)
		if made := net.attempts(); made != 2 || c.State() != client.Idle {
			t.Fatalf("%d attempts, %v", made, c.State())
		}
		c.Connect()
		if err := c.Ready(t.Context()); !errors.Is(err, errNoNetwork) {
			t.Errorf("Ready after Connect: %v", err)
		}
		if made := net.attempts(); made != 3 {
			t.Errorf("%d attempts", made)
		}
	})
}

// TestLostWithoutReconnection: a client that does not come back by itself does so when it is told, and what it was
// given meanwhile goes out then.
func TestLostWithoutReconnection(t *testing.T) {
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		s := startServer(t)
		p := startProxy(t, s.addr)
		cfg := s.config(p.addr, "ada", protocol)
		cfg.NoReconnection = true
		c := dial(t, cfg)
		before := c.ConnectionStatus()
		if !before.Connected || before.ID == "" || before.Node != "" || before.Transport != "websocket" || before.Attempts != 0 {
			t.Errorf("online: %+v", before)
		}
		p.cut()
		await(t, c, func(*client.Disconnected) bool { return true })
		if c.State() != client.Idle {
			t.Errorf("lost, and %v", c.State())
		}
		if lost := c.ConnectionStatus(); lost.Connected || lost.ID != "" || lost.Node != "" || lost.Transport != "" {
			t.Errorf("lost: %+v", lost)
		}
		sent := make(chan error, 1)
		go func() {
			_, err := c.SendDirect(t.Context(), client.DirectDraft{RecipientID: "bob", Draft: client.Draft{Content: "later"}})
			sent <- err
		}()
		c.Connect()
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-sent; err != nil {
			t.Errorf("what waited: %v", err)
		}
		if after := c.ConnectionStatus(); !after.Connected || after.ID == "" || after.ID == before.ID {
			t.Errorf("again: %+v, before %+v", after, before)
		}
	})
}
