package app_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// TestPostgres: a server that keeps everything in a PostgreSQL database finds it there again, tokens too, whatever its
// folder.
func TestPostgres(t *testing.T) {
	database := pgtest.Database(t)
	r := start(t, t.TempDir(), "--database", database, "--dev", "--files-shared", "on")
	token := r.login("Ada")
	p := r.connect(token)
	p.send(`420["room:create",{"id":"hall","name":"Hall"}]`)
	p.read(`430[{"ok":true`)
	p.send(`421["room:message",{"roomId":"hall","content":"hello"}]`)
	p.read(`431[{"ok":true`)
	if status, body := r.get("/ready"); status != http.StatusOK {
		t.Errorf("/ready: %d %s", status, body)
	}
	if _, body := r.get("/metrics"); strings.Contains(body, "\nsockeye_store_commands_total 0\n") || !strings.Contains(body, "\nsockeye_store_commands_total ") {
		t.Errorf("/metrics: %s", body)
	}
	r.stop()
	r.end()
	if strings.Contains(r.log.String(), `"level":"ERROR"`) || strings.Contains(r.log.String(), `"level":"WARN"`) {
		t.Errorf("logged %s", r.log)
	}
	again := start(t, t.TempDir(), "--database", database, "--files-shared", "on")
	back := again.connect(token)
	back.send(`422["history",{"roomId":"hall"}]`)
	if answer := back.read(`432[{"ok":true`); !strings.Contains(answer, `"content":"hello"`) {
		t.Errorf("the history is %s", answer)
	}
}

// TestPostgresOfTwo: a second server has the database too, unless its folder is the first one's, and either finds what the
// other one has stored.
func TestPostgresOfTwo(t *testing.T) {
	database, first := pgtest.Database(t), t.TempDir()
	shared := append([]string{"--database", database}, oneOfSome...)
	r := start(t, first, shared...)
	if err := run(t, settings(t, "--data", first, "--database", database)); err == nil || !strings.Contains(err.Error(), "in use by another server") {
		t.Errorf("in the same folder: %v", err)
	}
	second := start(t, t.TempDir(), shared...)
	ada := r.login("Ada")
	p := r.connect(ada)
	p.send(`420["room:create",{"id":"hall","name":"Hall"}]`)
	p.read(`430[{"ok":true`)
	q := second.connect(ada)
	q.send(`420["room:message",{"roomId":"hall","content":"hello"}]`)
	q.read(`430[{"ok":true`)
	p.send(`421["history",{"roomId":"hall"}]`)
	if answer := p.read(`431[{"ok":true`); !strings.Contains(answer, `"content":"hello"`) {
		t.Errorf("the history is %s", answer)
	}
	for _, server := range []*running{r, second} {
		if status, body := server.get("/ready"); status != http.StatusOK {
			t.Errorf("/ready: %d %s", status, body)
		}
	}
}

// TestPostgresSecret: a server that would sign tokens by another secret than those before it is refused.
func TestPostgresSecret(t *testing.T) {
	database := pgtest.Database(t)
	r := start(t, t.TempDir(), "--database", database)
	r.stop()
	r.end()
	err := run(t, settings(t, "--data", t.TempDir(), "--database", database, "--jwt-secret", "another secret than the one of the database"))
	if !errors.Is(err, postgres.ErrOtherSecret) {
		t.Errorf("another secret: %v", err)
	}
	known, err := app.KnownSecret(t.Context(), config.Signing{Data: t.TempDir(), Database: config.DatabaseURL(database)})
	if err != nil || known.Validate() != nil {
		t.Errorf("its own is not known: %v", err)
	}
	empty := config.Signing{Data: t.TempDir(), Database: config.DatabaseURL(pgtest.Database(t))}
	if _, err := app.KnownSecret(t.Context(), empty); !errors.Is(err, postgres.ErrNoServer) {
		t.Errorf("where no server has run: %v", err)
	}
}

// TestPostgresBesideAFolder: who has forgotten to take the folder's database along is told, and can still do it.
func TestPostgresBesideAFolder(t *testing.T) {
	data, database := usedData(t), pgtest.Database(t)
	told := func() bool {
		r := start(t, data, "--database", database)
		r.stop()
		r.end()
		return strings.Contains(r.log.String(), "run sockeye migrate")
	}
	if !told() {
		t.Error("on an empty database it says nothing")
	}
	if _, err := migrate(t.Context(), data, database); err != nil {
		t.Fatal(err)
	}
	if told() {
		t.Error("on one with everything it says so still")
	}
}
