package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/feed/redis/redistest"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// TestNodes: what is said at one of three servers of a database arrives at the others, in order and once, with Redis and
// without; who signs out everywhere is out everywhere; and no server needs the others.
func TestNodes(t *testing.T) {
	for name, flags := range map[string]func(*testing.T) []string{
		"PostgreSQL": func(t *testing.T) []string { return []string{"--database", pgtest.Database(t)} },
		"Redis": func(t *testing.T) []string {
			return []string{"--database", pgtest.Database(t), "--redis", redistest.Start(t).URL()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shared := append(flags(t), oneOfSome...)
			nodes := []*running{start(t, t.TempDir(), shared...), start(t, t.TempDir(), shared...), start(t, t.TempDir(), shared...)}
			ada, bob := nodes[0].login("Ada"), nodes[1].login("Bob")
			p := nodes[0].connect(ada)
			p.send(`420["room:create",{"id":"hall","name":"Hall"}]`)
			p.read(`430[{"ok":true`)
			q := nodes[1].connect(bob)
			q.send(`420["room:join",{"roomId":"hall"}]`)
			q.read(`430[{"ok":true`)
			p.read(`42["room:user_joined"`)
			third := nodes[2].connect(ada)
			listeners := []*peer{nodes[0].connect(bob), nodes[1].connect(ada), nodes[2].connect(bob)} // which send nothing
			said := []string{"one", "two", "three", "four", "five"}
			for i, by := range []*peer{p, q, third, q, p} {
				by.send(`421["room:message",{"roomId":"hall","content":"` + said[i] + `"}]`)
				by.read(`431[{"ok":true`)
			}
			for _, listener := range listeners {
				for _, text := range said {
					if got := listener.read(`42["room:message"`); !strings.Contains(got, `"content":"`+text+`"`) {
						t.Errorf("got %s, want %s", got, text)
					}
				}
			}
			nodes[1].stop()
			nodes[1].end()
			p.send(`422["room:message",{"roomId":"hall","content":"six"}]`)
			if got := listeners[2].read(`42["room:message"`); !strings.Contains(got, `"content":"six"`) {
				t.Errorf("with one server less: %s", got)
			}
			for _, n := range []*running{nodes[0], nodes[2]} {
				if status, body := n.get("/ready"); status != http.StatusOK {
					t.Errorf("/ready: %d %s", status, body)
				}
			}
		})
	}
}

// TestOutOfStep: while the database is away a server lets nobody in, as it does not know whose tokens are revoked; those who
// are in stay, and all goes on when it is back.
func TestOutOfStep(t *testing.T) {
	database := pgtest.Start(t)
	r := start(t, t.TempDir(), "--database", database.Database(t), "--dev", "--limits", "off")
	ada := r.login("Ada")
	p := r.connect(ada)
	p.send(`420["room:create",{"id":"hall","name":"Hall"}]`)
	p.read(`430[{"ok":true`)
	database.Kill(t)
	if status, body := r.as(ada, "/api/v1/rooms/hall"); status != http.StatusServiceUnavailable || !strings.Contains(body, `"code":"unavailable"`) {
		t.Errorf("while the database is away: %d %s", status, body)
	}
	database.Restart(t)
	r.eventually("being in step", func() bool { status, _ := r.as(ada, "/api/v1/rooms/hall"); return status == http.StatusOK })
	p.send(`421["room:message",{"roomId":"hall","content":"back"}]`)
	p.read(`431[`)
}

// TestMissedCommits: a server that has missed what is kept no longer ends all connections, and knows whose tokens are revoked. A
// writer whose commits are forgotten stands for one that it has not heard of for long.
func TestMissedCommits(t *testing.T) {
	database := pgtest.Database(t)
	r := start(t, t.TempDir(), "--database", database, "--dev", "--limits", "off")
	ada, bob := r.login("Ada"), r.login("Bob")
	p, q := r.connect(ada), r.connect(bob)
	pgtest.Exec(t, database, `
		INSERT INTO revoked_users (user_id, issued_by) VALUES ('demo-bob', 32503680000000);
		INSERT INTO writers (n, began_at, forgotten) VALUES (5, 1, 5)`)
	p.closed()
	q.closed()
	r.connect(ada)
	if status, body := r.as(bob, "/api/v1/users/me"); status != http.StatusUnauthorized {
		t.Errorf("a revoked token: %d %s", status, body)
	}
	if !strings.Contains(r.log.String(), "missed commits") {
		t.Errorf("the log says nothing of it:\n%s", r.log)
	}
}

// as is get with a token.
func (r *running) as(token, path string) (int, string) {
	r.t.Helper()
	request, err := http.NewRequest(http.MethodGet, r.url+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := r.http.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// eventually waits until something is so.
func (r *running) eventually(what string, so func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited in vain for %s\n%s", what, r.log)
		}
	}
}
