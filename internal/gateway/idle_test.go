package gateway_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/gateway"
)

// Who sends nothing for too long is closed, whatever the protocol; who sends something is not, and nobody is where the
// setting is off.
func TestIdleConnections(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"off": 0, "on": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			var ahead atomic.Int64
			n := serve(t, func(s *setup) {
				s.Door = gateway.Config{MaxConnections: 10, IdleTimeout: timeout}
				s.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			})
			idle, busy := n.device("ada"), n.device("bob")
			plain := n.plain(n.tokenFor("cyd", 24*time.Hour), "sockeye.v1")
			plain.does(`{"type":"room:list","ref":"1"}`)
			ahead.Store(int64(10 * time.Minute))
			busy.settle()
			// The clock of deadlines looks for them when one comes that is due.
			n.mustDial(4, nil, nil).send("0" + text(map[string]string{"token": n.tokenFor("dan", time.Minute)}))
			if timeout == 0 {
				idle.settle()
				plain.does(`{"type":"room:list","ref":"1"}`)
				return
			}
			var f failure
			idle.event("error", &f)
			if f.Code != "idle" || f.Message != "Idle for too long" {
				t.Errorf("got %+v", f)
			}
			idle.closed()
			if got := plain.next("error"); got["code"] != "idle" {
				t.Errorf("got %v", got)
			}
			if code := plain.ended(); code != ws.StatusCode(4410) {
				t.Errorf("closed with %d", code)
			}
			busy.settle()
			eventually(t, "both are counted", func() bool {
				return n.count("websocket_disconnections_total", "reason", "idle timeout") == 2
			})
		})
	}
}

func TestConnectionsPerUser(t *testing.T) {
	n := serve(t, func(s *setup) {
		s.Users = account.DefaultConfig()
		s.Door.MaxConnectionsPerUser = 2
	})
	first := n.device("ada")
	plain := n.plain(n.token("ada"), "sockeye.v1")
	plain.does(`{"type":"room:list","ref":"1"}`)
	over := n.mustDial(4, nil, nil)
	over.send("0" + text(map[string]string{"token": n.token("ada")}))
	var f failure
	over.event("error", &f)
	if f.Code != "too_many_connections" || f.Message != "Too many connections" {
		t.Errorf("got %+v", f)
	}
	over.closed()
	if got := n.plain(n.token("ada"), "sockeye.v1").next("error"); got["code"] != "too_many_connections" {
		t.Errorf("got %v", got)
	}
	if got := n.count("websocket_connections_refused_total", "reason", "connections_per_user"); got != 2 {
		t.Errorf("counted %v", got)
	}
	n.device("bob")
	n.lose(first)
	n.device("ada")
}
