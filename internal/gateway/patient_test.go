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
		for timeout := 50 * time.Millisecond; !outwaits(t, protocol, isOver, timeout); timeout *= 2 {
			t.Log("the test has stalled") // a busy machine needs longer for a token to come
		}
	}
}

// outwaits reports false when the client was too slow to send its token in time.
func outwaits(t *testing.T, protocol client.Protocol, isOver func(*node), timeout time.Duration) bool {
	t.Helper()
	busy := &busySignIn{release: make(chan struct{})}
	n := serve(t, func(s *setup) {
		s.Native.AuthTimeout, s.Sockets.ConnectTimeout = timeout, timeout
		s.SignIn = func(inner gateway.Accounts) gateway.Accounts { busy.Accounts = inner; return busy }
	})
	token := n.token("ada")
	began := time.Now()
	c, err := client.New(client.Config{
		URL: n.url, Protocol: protocol, Timeout: patience,
		Token: func(context.Context) (string, error) { return token, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	inTime := false
	eventually(t, "the client to wait", func() bool {
		inTime = busy.asked.Load() == 1 && time.Since(began) < timeout
		return inTime || time.Since(began) >= timeout
	})
	if !inTime {
		close(busy.release)
		return false
	}
	isOver(n) // the time of one that came after it
	close(busy.release)
	connected(t, c)
	if tries := busy.asked.Load(); tries != 1 {
		t.Errorf("protocol %v: it took %d sign-ins", protocol, tries)
	}
	return true
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
