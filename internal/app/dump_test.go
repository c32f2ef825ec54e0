package app_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// TestDump: what docs/operations.md says about backups of PostgreSQL is so. A dump is taken beside a server, and another
// database that is made of it has what was acknowledged before, under another epoch.
func TestDump(t *testing.T) {
	database, file := pgtest.Database(t), filepath.Join(t.TempDir(), "sockeye.dump")
	r := start(t, t.TempDir(), "--database", database, "--dev")
	token := r.login("Ada")
	p := r.connect(token)
	p.send(`420["room:create",{"id":"hall","name":"Hall"}]`)
	p.read(`430[{"ok":true`)
	p.send(`421["room:message",{"roomId":"hall","content":"before"}]`)
	p.read(`431[{"ok":true`)
	command(t, "pg_dump", "--format=custom", "--file="+file, database)
	p.send(`422["room:message",{"roomId":"hall","content":"after"}]`)
	p.read(`432[{"ok":true`)
	p.send(`423["sync",{"conversations":{}}]`)
	epoch := epochIn(p.read(`433[{"ok":true`))

	restored := pgtest.Database(t)
	command(t, "pg_restore", "--no-owner", "--exit-on-error", "--dbname="+restored, file)
	command(t, "psql", "--dbname="+restored, "--command=UPDATE server SET epoch = left(md5(random()::text), 16)")
	again := start(t, t.TempDir(), "--database", restored)
	back := again.connect(token)
	back.send(`421["history",{"roomId":"hall"}]`)
	if answer := back.read(`431[{"ok":true`); !strings.Contains(answer, `"before"`) || strings.Contains(answer, `"after"`) {
		t.Errorf("it has %s", answer)
	}
	back.send(`422["sync",{"conversations":{}}]`)
	if other := epochIn(back.read(`432[{"ok":true`)); other == epoch || len(other) != 16 {
		t.Errorf("the epoch is %q, it was %q", other, epoch)
	}
}

// epochIn is that of an answer to sync.
func epochIn(answer string) string {
	_, rest, _ := strings.Cut(answer, `"epoch":"`)
	epoch, _, _ := strings.Cut(rest, `"`)
	return epoch
}

// command runs one of PostgreSQL's programs.
func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
