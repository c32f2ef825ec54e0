package gateway_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/gateway"
)

// busySignIn holds up everybody who signs in, and counts them.
type busySignIn struct {
	gateway.Accounts
	asked   atomic.Int32
	release chan struct{}
}

func (b *busySignIn) SignIn(ctx context.Context, identity account.Identity) (account.User, error) {
	b.asked.Add(1)
	<-b.release
	return b.Accounts.SignIn(ctx, identity)
}

// A server that is busy for longer than clients have to send their tokens refuses none of them: over plain WebSocket the
// Go client would stop for good, over Socket.IO it would come back as the last of all.
func TestClientsOutwaitABusyServer(t *testing.T) {
	strangers := map[client.Protocol]func(*node){
		client.WebSocket: func(n *node) { n.plain("", "").ended() },
		client.SocketIO:  func(n *node) { n.mustDial(4, nil, nil).closed() },
	}
	for protocol, isOver := range strangers {
		busy := &busySignIn{release: make(chan struct{})}
		n := serve(t, func(s *setup) {
			s.Native.AuthTimeout, s.Sockets.ConnectTimeout = 50*time.Millisecond, 50*time.Millisecond
			s.SignIn = func(inner gateway.Accounts) gateway.Accounts { busy.Accounts = inner; return busy }
		})
		token := n.token("ada")
		c, err := client.New(client.Config{
			URL: n.url, Protocol: protocol, Timeout: patience,
			Token: func(context.Context) (string, error) { return token, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		eventually(t, "the client to wait", func() bool { return busy.asked.Load() == 1 })
		isOver(n) // the time of one that came after it
		close(busy.release)
		connected(t, c)
		if tries := busy.asked.Load(); tries != 1 {
			t.Errorf("protocol %v: it took %d sign-ins", protocol, tries)
		}
	}
}

// connected waits until a client is.
func connected(t *testing.T, c *client.Client) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e, open := <-c.Events():
			if _, in := e.(*client.Connected); in {
				return
			}
			if !open {
				t.Fatalf("the client has stopped: %v", c.Err())
			}
		case <-timeout:
			t.Fatal("the client is not let in")
		}
	}
}
