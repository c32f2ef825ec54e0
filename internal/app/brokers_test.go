package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/feed/redis/redistest"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// until waits for an answer of the server that is as wanted.
func (r *running) until(path string, wanted func(status int, body string) bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		status, body := r.get(path)
		if wanted(status, body) {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s is still %d %s\n%s", path, status, body, r.log)
		}
	}
}

// ready waits until the server is ready, without those aids.
func (r *running) ready(without string) {
	r.t.Helper()
	want := `{"status":"ready"}`
	if without != "" {
		want = `{"status":"ready","without":["` + without + `"]}`
	}
	r.until("/ready", func(status int, body string) bool { return status == http.StatusOK && strings.TrimSpace(body) == want })
}

// TestRedis: two servers on one database tell each other's devices what is said, by Redis where it is, else by the database.
func TestRedis(t *testing.T) {
	database, redis := pgtest.Database(t), redistest.Start(t, "--requirepass", "hunter2")
	t.Setenv("REDISCLI_AUTH", "hunter2")
	args := append([]string{"--database", database, "--redis", "redis://:hunter2@" + redis.Address()}, oneOfSome...)
	one, other := start(t, t.TempDir(), args...), start(t, t.TempDir(), args...)
	ada, bob := one.connect(one.login("Ada")), other.connect(other.login("Bob"))
	ada.send(`420["room:create",{"id":"hall","name":"Hall"}]`)
	ada.read(`430[{"ok":true`)
	bob.send(`420["room:join",{"roomId":"hall"}]`)
	bob.read(`430[{"ok":true`)
	said := 0
	talk := func(what string) {
		t.Helper()
		said++
		ada.send(fmt.Sprintf(`421%d["room:message",{"roomId":"hall","content":%q}]`, said, what))
		ada.read(fmt.Sprintf(`431%d[{"ok":true`, said))
		if heard := bob.read(`42["room:message"`); !strings.Contains(heard, what) {
			t.Fatalf("%s is heard, and not %q", heard, what)
		}
	}
	for _, r := range []*running{one, other} {
		r.ready("")
		r.until("/metrics", func(_ int, body string) bool {
			return strings.Contains(body, "\nsockeye_nodes 2\n") && strings.Contains(body, "\nsockeye_broker_redis_working 1\n") && strings.Contains(body, "\nsockeye_broker_notify_working 1\n")
		})
	}
	talk("by Redis")
	redis.Kill(t)
	talk("it has just died")
	one.ready("redis")
	other.ready("redis")
	talk("by the database")
	redis.Restart(t)
	one.ready("")
	other.ready("")
	talk("by Redis again")
	for _, r := range []*running{one, other} {
		if strings.Contains(r.log.String(), "hunter2") {
			t.Error("the password is in the log")
		}
	}
}

// TestWrongRedis: a server that cannot work with Redis says so, and serves.
func TestWrongRedis(t *testing.T) {
	redis := redistest.Start(t, "--requirepass", "hunter2")
	r := start(t, t.TempDir(), "--database", pgtest.Database(t), "--redis", "redis://:hunter3@"+redis.Address())
	r.ready("redis")
	if log := r.log.String(); !strings.Contains(log, "the password in --redis is wrong") || strings.Contains(log, "hunter3") {
		t.Errorf("the log is %s", log)
	}
	err := run(t, settings(t, "--data", t.TempDir(), "--database", pgtest.Database(t), "--redis", "redis://:hunter3@host?maste=x"))
	if err == nil || !strings.Contains(err.Error(), "redis: ") || !strings.Contains(err.Error(), "maste") || strings.Contains(err.Error(), "hunter3") {
		t.Errorf("%v", err)
	}
}

// TestConditionsOfPostgres: a clock that is off and a schema of a later version are said by /ready, and what is unwise at the start.
func TestConditionsOfPostgres(t *testing.T) {
	database := pgtest.Database(t)
	pgtest.Exec(t, database, `CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() $$`)
	r := start(t, t.TempDir(), "--database", database+"&options=-csearch_path%3Dpublic,pg_catalog")
	r.ready("")
	pgtest.Exec(t, database, `CREATE OR REPLACE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() - interval '6 minutes' $$`)
	r.until("/ready", func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && strings.Contains(body, "clock is off the database's")
	})
	pgtest.Exec(t, database, `CREATE OR REPLACE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() $$`)
	r.ready("")
	pgtest.Exec(t, database, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true); UPDATE server SET readable_from = 999`)
	r.until("/ready", func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && strings.Contains(body, "schema is of a newer version")
	})
	crowded := start(t, t.TempDir(), "--database", pgtest.Start(t, "max_connections=12").Database(t))
	if log := crowded.log.String(); !strings.Contains(log, "raise max_connections") {
		t.Errorf("the log is %s", log)
	}
}
