package app_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/transfer"
)

// usedData is the data folder of a server of now that has run and has something of most kinds.
func usedData(t *testing.T) (data string) {
	t.Helper()
	if usedFiles == nil {
		usedFiles = filesOf(t, furnished(t))
	}
	data = t.TempDir()
	for name, content := range usedFiles {
		if err := os.WriteFile(filepath.Join(data, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

// usedFiles are those of usedData, once it was made. No tests that ask for it run at the same time.
var usedFiles map[string]string

func furnished(t *testing.T) string {
	t.Helper()
	data := oldFolder(t)
	r := start(t, data, "--chat-dm-policy", "anyone")
	token, err := secretIssuer(t, data).Sign("s-ada", "Ada", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	p := r.connect(token)
	p.send(`421["message:send",{"recipientId":"f-eve","content":"good old days","clientMsgId":"c1"}]`)
	id, _, _ := strings.Cut(strings.SplitN(p.read(`431[{"ok":true`), `"id":"`, 2)[1], `"`)
	p.send(`422["reaction:add",{"messageId":"` + id + `","emoji":"🎉"}]`)
	p.read(`432[{"ok":true`)
	r.stop()
	r.end()
	return data
}

func migrate(ctx context.Context, data, database string) (string, error) {
	return app.Migrate(ctx, config.Signing{Data: data, Database: config.DatabaseURL(database)}, func(string, int64, int64) {})
}

// filesOf are the contents of a folder's files.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(content)
	}
	return files
}

// TestMigrate: a server on the database is the one that was on the folder, for everybody; and the folder is as it was.
func TestMigrate(t *testing.T) {
	data, database := usedData(t), pgtest.Database(t)
	before := filesOf(t, data)
	said, err := migrate(t.Context(), data, database)
	if err != nil || !strings.Contains(said, "8 messages in 4 conversations, 6 users") {
		t.Fatalf("says %q, %v", said, err)
	}
	if after := filesOf(t, data); !maps.Equal(before, after) {
		t.Error("the folder is not as it was")
	}
	r := start(t, t.TempDir(), "--database", database, "--chat-dm-policy", "anyone")
	own := secretIssuer(t, data)
	sign := func(user account.UserID) string {
		token, err := own.Sign(user, "", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	r.keeps(sign("s-ada"), "lunch", "message 0", "message 1", "message 2", "message 3", "message 4")
	r.keeps(sign("f-eve"), "forever", "kept")
	var session struct{ Token string }
	if status := r.ask("POST", "/api/v1/login", "", `{"login":"dora","password":"correct horse battery"}`, &session); status != http.StatusOK {
		t.Fatalf("login: %d", status)
	}
	r.keeps(session.Token, "week", "a week")
	for login, want := range map[string]int{"DORA": http.StatusConflict, "em1l": http.StatusCreated, "emiI": http.StatusConflict} {
		if got := r.ask("POST", "/api/v1/accounts", "", `{"login":"`+login+`","password":"correct horse battery"}`, nil); got != want {
			t.Errorf("register %s: %d", login, got)
		}
	}
	var found struct {
		Messages []struct {
			Content   string
			Reactions map[string][]string
		}
	}
	r.ask("GET", "/api/v1/search/messages?query=days", sign("f-eve"), "", &found)
	if len(found.Messages) != 1 || len(found.Messages[0].Reactions) != 1 {
		t.Errorf("searching finds %+v", found)
	}
	// The same message once more is the one that is stored.
	p := r.connect(sign("s-ada"))
	p.send(`421["message:send",{"recipientId":"f-eve","content":"good old days","clientMsgId":"c1"}]`)
	if answer := p.read(`431[{"ok":true`); !strings.Contains(answer, `"seq":1`) {
		t.Errorf("it was stored again: %s", answer)
	}
	p.send(`422["message:send",{"recipientId":"f-eve","content":"a new one"}]`)
	if answer := p.read(`432[{"ok":true`); !strings.Contains(answer, `"seq":3`) {
		t.Errorf("a new one is %s", answer)
	}
}

// TestMigrateRefuses: what it may not copy, or copy into, stays as it is.
func TestMigrateRefuses(t *testing.T) {
	data, used := usedData(t), pgtest.Database(t)
	start(t, t.TempDir(), "--database", used, "--dev").login("Ada") // runs on
	running, idle := t.TempDir(), pgtest.Database(t)
	start(t, running)
	taken := pgtest.Database(t)
	r := start(t, t.TempDir(), "--database", taken, "--dev")
	r.connect(r.login("Ada"))
	r.stop()
	r.end()
	for name, c := range map[string]struct{ data, database, says string }{
		"beside the folder's server":   {running, idle, "Stop the server first"},
		"beside the database's server": {data, used, "in use by a server"},
		"into another's database":      {data, taken, "it holds something already"},
		"from nothing":                 {t.TempDir(), idle, "no server has run in the folder"},
		"from an old folder":           {oldFolder(t), idle, "start a server of this version on the folder once"},
	} {
		if _, err := migrate(t.Context(), c.data, c.database); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMigrateGoesOn: one that was interrupted keeps servers away, and goes on where it was; and begins again if the
// folder was used between.
func TestMigrateGoesOn(t *testing.T) {
	data, database := usedData(t), pgtest.Database(t)
	interrupt := func() {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		at := config.Signing{Data: data, Database: config.DatabaseURL(database)}
		_, err := app.Migrate(ctx, at, func(stage string, done, total int64) {
			if done > total/2 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted, it says %v", err)
		}
	}
	interrupt()
	if err := run(t, settings(t, "--data", t.TempDir(), "--database", database)); !errors.Is(err, postgres.ErrUnfinished) {
		t.Errorf("a server on half of it: %v", err)
	}
	if _, err := migrate(t.Context(), furnished(t), database); !errors.Is(err, postgres.ErrUnfinished) {
		t.Errorf("another folder's: %v", err)
	}
	r := start(t, data, "--dev")
	r.connect(r.login("Frank"))
	r.stop()
	r.end()
	interrupt()
	var first int64
	said, err := app.Migrate(t.Context(), config.Signing{Data: data, Database: config.DatabaseURL(database)}, func(_ string, done, _ int64) {
		if first == 0 {
			first = done
		}
	})
	if err != nil || !strings.Contains(said, "7 users") {
		t.Fatalf("says %q, %v", said, err)
	}
	if first < 20 {
		t.Errorf("it went on at row %d", first)
	}
	start(t, t.TempDir(), "--database", database)
}

// TestMigrateCompares: a database that does not hold the same in the end is found out, and filled again.
func TestMigrateCompares(t *testing.T) {
	data := usedData(t)
	for name, harm := range map[string]string{
		"other contents": `UPDATE messages SET content = 'bad new days' WHERE content = 'good old days'`,
		"too little":     `DELETE FROM members WHERE user_id = 'f-eve'`,
		"too much":       `INSERT INTO users (id, name, created_at) VALUES ('mallory', 'Mallory', 1)`,
	} {
		t.Run(name, func(t *testing.T) {
			database := pgtest.Database(t)
			at := config.Signing{Data: data, Database: config.DatabaseURL(database)}
			ctx, cancel := context.WithCancel(t.Context())
			_, err := app.Migrate(ctx, at, func(_ string, done, total int64) {
				if done == total { // all is copied, and nothing compared
					cancel()
				}
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			pgtest.Exec(t, database, harm)
			if _, err := migrate(t.Context(), data, database); !errors.Is(err, transfer.ErrDiffer) {
				t.Errorf("it says %v", err)
			}
			if err := run(t, settings(t, "--data", t.TempDir(), "--database", database)); !errors.Is(err, postgres.ErrUnfinished) {
				t.Errorf("a server on it: %v", err)
			}
			if _, err := migrate(t.Context(), data, database); err != nil {
				t.Errorf("once more: %v", err)
			}
		})
	}
}
