package client_test

import (
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// TestNode: a client knows on which of several servers it is.
func TestNode(t *testing.T) {
	const secret = "a secret that all servers of a database have"
	issuer := must[*account.Issuer](t)(account.NewIssuer(secret, time.Now))
	token := client.StaticToken(must[string](t)(issuer.Sign("ada", "Ada", time.Hour)))
	bothProtocols(t, func(t *testing.T, protocol client.Protocol) {
		args := []string{"--database", pgtest.Database(t), "--jwt-secret", secret}
		here, there := startServer(t, args...), startServer(t, args...)
		config := func(addr string) client.Config {
			return client.Config{
				URL: "http://" + addr, Protocol: protocol, Token: token, Timeout: patience,
				Backoff: client.Backoff{First: 10 * time.Millisecond, Longest: 200 * time.Millisecond, Slow: 200 * time.Millisecond},
			}
		}
		one, other := dial(t, config(here.addr)).ConnectionStatus().Node, dial(t, config(there.addr)).ConnectionStatus().Node
		if one == "" || other == "" || one == other {
			t.Fatalf("the nodes are %q and %q", one, other)
		}
		p := startProxy(t, here.addr)
		c := dial(t, config(p.addr))
		if got := c.ConnectionStatus().Node; got != one {
			t.Errorf("it is on %q, and not %q", got, one)
		}
		p.set(func() { p.target = there.addr })
		p.cut()
		await(t, c, any1[*client.Disconnected])
		await(t, c, any1[*client.CaughtUp])
		if got := c.ConnectionStatus().Node; got != other {
			t.Errorf("it is on %q now, and not %q", got, other)
		}
	})
}
