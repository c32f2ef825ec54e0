package app_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// TestAnyNode: a polling session goes on at another server than its own, which counts that; and what cannot be reached is
// said.
func TestAnyNode(t *testing.T) {
	database := append([]string{"--database", pgtest.Database(t)}, oneOfSome...)
	a, b := start(t, t.TempDir(), database...), start(t, t.TempDir(), database...)
	var sid string
	a.eventually("the servers know each other", func() bool {
		_, opened := a.get("/socket.io/?EIO=4&transport=polling")
		_, rest, _ := strings.Cut(opened, `"sid":"`)
		sid, _, _ = strings.Cut(rest, `"`)
		status, body := b.post("/socket.io/?EIO=4&transport=polling&sid="+sid, `40{"token":"`+a.login("Ada")+`"}`)
		return status == http.StatusOK && body == "ok"
	})
	if status, body := b.get("/socket.io/?EIO=4&transport=polling&sid=" + sid); status != http.StatusOK || !strings.HasPrefix(body, `40{"sid"`) {
		t.Fatalf("%d %s", status, body)
	}
	for of, line := range map[*running]string{b: "sockeye_passed_requests_total 2", a: "sockeye_passed_taken_total 2"} {
		if _, metrics := of.get("/metrics"); !strings.Contains(metrics, line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
	for _, r := range []*running{a, b} {
		r.eventually("it is ready without exception", func() bool {
			status, body := r.get("/ready")
			return status == http.StatusOK && !strings.Contains(body, "without")
		})
	}
	lost := start(t, t.TempDir(), append(database, "--cluster-address", "127.0.0.1:1")...)
	a.eventually("it is said", func() bool { _, body := a.get("/ready"); return strings.Contains(body, `"without":["other nodes"]`) })
	lost.stop()
	lost.end()
	a.eventually("it is over", func() bool { _, body := a.get("/ready"); return !strings.Contains(body, "without") })
}

// post sends packets.
func (r *running) post(path, packets string) (int, string) {
	r.t.Helper()
	response, err := r.http.Post(r.url+path, "text/plain;charset=UTF-8", strings.NewReader(packets))
	if err != nil {
		r.t.Fatal(err)
	}
	return read(r.t, response)
}

// TestReachable: what other servers are told.
func TestReachable(t *testing.T) {
	for _, c := range []struct{ set, listens, want string }{
		{"", "10.0.0.5:3100", "10.0.0.5:3100"},
		{"", "0.0.0.0:3100", "192.0.2.7:3100"},
		{"", "[::]:3100", "192.0.2.7:3100"},
		{"node.example", "0.0.0.0:3100", "node.example:3100"},
		{"node.example:7000", "0.0.0.0:3100", "node.example:7000"},
		{"[2001:db8::1]:7000", "0.0.0.0:3100", "[2001:db8::1]:7000"},
		{"2001:db8::1", "0.0.0.0:3100", "[2001:db8::1]:3100"},
	} {
		at, err := net.ResolveTCPAddr("tcp", c.listens)
		if err != nil {
			t.Fatal(err)
		}
		if got := app.Reachable(c.set, at, "192.0.2.7"); got != c.want {
			t.Errorf("%q on %s: %s, want %s", c.set, c.listens, got, c.want)
		}
	}
}
