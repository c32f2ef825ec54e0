package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// TestDatabaseAway: while the database is away what needs it is refused, with how long to wait; connections stay, and all
// goes on when it is back.
func TestDatabaseAway(t *testing.T) {
	database := pgtest.Start(t)
	r := start(t, t.TempDir(), "--database", database.Database(t), "--dev", "--limits", "off")
	p := r.connect(r.login("Ada"))
	p.send(`420["room:create",{"id":"hall","name":"Hall"}]`)
	p.read(`430[{"ok":true`)

	database.Kill(t)
	for i, command := range []string{`"room:message",{"roomId":"hall","content":"hello","clientMsgId":"c1"}`, `"history",{"roomId":"hall"}`} {
		n := string(rune('1' + i))
		p.send("42" + n + "[" + command + "]")
		if answer := p.read("43" + n + "["); !strings.Contains(answer, `"code":"unavailable"`) || !strings.Contains(answer, `"retryAfter":`) {
			t.Errorf("%s: %s", command, answer)
		}
	}
	if status, body := r.get("/ready"); status != http.StatusServiceUnavailable || !strings.Contains(body, "database is unavailable") {
		t.Errorf("/ready: %d %s", status, body)
	}
	if status, _ := r.get("/health"); status != http.StatusOK {
		t.Errorf("/health: %d", status)
	}
	late := r.login("Bob") // who may not get in yet, and is told so rather than that the token is bad

	database.Restart(t)
	for deadline := time.Now().Add(patience); ; {
		p.send(`423["room:message",{"roomId":"hall","content":"hello","clientMsgId":"c1"}]`)
		answer := p.read(`433[`)
		if strings.Contains(answer, `"ok":true`) {
			break
		}
		if time.Now().After(deadline) || !strings.Contains(answer, `"code":"unavailable"`) {
			t.Fatalf("with the database back: %s", answer)
		}
	}
	p.send(`424["history",{"roomId":"hall"}]`)
	if answer := p.read(`434[{"ok":true`); strings.Count(answer, `"content":"hello"`) != 1 {
		t.Errorf("the history is %s", answer)
	}
	if status, body := r.get("/ready"); status != http.StatusOK {
		t.Errorf("/ready: %d %s", status, body)
	}
	r.connect(late)
	t.Log(r.log)
}
