package app_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/doctor"
	"github.com/sockeye-im/sockeye/internal/feed/redis/redistest"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// admitRemote is admit of a server that has everything in a database.
func admitRemote(t *testing.T, database string) *ward {
	t.Helper()
	w := admit(t)
	w.do(os.Remove(w.path(sqlite.FileName)))
	w.move(database)
	return w
}

// move has the server keep everything elsewhere.
func (w *ward) move(database string) {
	w.set("--database", database)
	w.Remote = app.Remote(config.Signing{Data: w.data, Database: config.DatabaseURL(database)})
}

// usedDatabase is one on which a server has run.
func usedDatabase(t *testing.T, server *pgtest.Server) string {
	t.Helper()
	database := pgtest.Database(t)
	if server != nil {
		database = server.Database(t)
	}
	r := start(t, t.TempDir(), "--database", database)
	r.stop()
	r.end()
	return database
}

func TestDoctorOfPostgres(t *testing.T) {
	used := usedDatabase(t, nil)
	if found, others := admitRemote(t, used).examine("database"); len(found)+len(others) > 0 {
		t.Errorf("of one that is well it finds %+v, %+v", found, others)
	}
	exec := func(database, statements string) {
		t.Helper()
		pgtest.Exec(t, database, statements)
	}
	for name, c := range map[string]struct {
		level doctor.Level
		says  string
		stage func() *ward
	}{
		"nobody there": {doctor.Trouble, "no server can work with postgres:///none", func() *ward {
			return admitRemote(t, "postgres:///none?host=/nowhere/at/all&user=ada&password=hunter2")
		}},
		"a newer schema": {doctor.Trouble, "newer version of sockeye", func() *ward {
			database := usedDatabase(t, nil)
			exec(database, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true); UPDATE server SET readable_from = 999`)
			return admitRemote(t, database)
		}},
		"half a migration": {doctor.Trouble, "holds a part of what is copied into it", func() *ward {
			database := usedDatabase(t, nil)
			exec(database, `INSERT INTO imports (one, source, mark, reached) VALUES (1, 'x', 'x', '{}')`)
			return admitRemote(t, database)
		}},
		"another secret": {doctor.Trouble, "sign tokens by another secret", func() *ward {
			w := admit(t)
			w.do(os.Remove(w.path(sqlite.FileName)))
			w.set("--database", used, "--jwt-secret", "another secret than the one of the database")
			w.Remote = app.Remote(config.Signing{Data: w.data, Database: config.DatabaseURL(used), JWTSecret: "another secret than the one of the database"})
			return w
		}},
		"a clock of yesterday": {doctor.Trouble, "the clock is", func() *ward {
			database := usedDatabase(t, nil)
			exec(database, `INSERT INTO conversations (id, kind, head_seq, member_count, last_at, created_at) VALUES ('dm:1', 'direct', 1, 2, 4102444800000, 1)`)
			return admitRemote(t, database)
		}},
		"a folder left behind": {doctor.Warning, "is not used", func() *ward {
			w := admit(t)
			w.move(pgtest.Database(t))
			return w
		}},
		"whole pages off": {doctor.Warning, "full_page_writes is off", func() *ward {
			return admitRemote(t, usedDatabase(t, pgtest.Start(t, "full_page_writes=off")))
		}},
		"no fsync": {doctor.Trouble, "fsync is off", func() *ward {
			return admitRemote(t, pgtest.Start(t, "fsync=off").Database(t))
		}},
		"a clock that is off": {doctor.Trouble, "the database's clock is 7m0s off", func() *ward {
			database := usedDatabase(t, nil)
			exec(database, `CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() + interval '7 minutes' $$`)
			return admitRemote(t, database+"&options=-csearch_path%3Dpublic,pg_catalog")
		}},
		"a clock that is a bit off": {doctor.Warning, "the database's clock is 30s off", func() *ward {
			database := usedDatabase(t, nil)
			exec(database, `CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() - interval '30 seconds' $$`)
			return admitRemote(t, database+"&options=-csearch_path%3Dpublic,pg_catalog")
		}},
		"few connections": {doctor.Warning, "a server needs 11", func() *ward {
			return admitRemote(t, usedDatabase(t, pgtest.Start(t, "max_connections=12")))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := c.stage()
			found, others := w.examine("database")
			if len(found) != 1 || found[0].Level != c.level || !strings.Contains(found[0].Found, c.says) || found[0].Do == "" || len(others) > 0 {
				t.Errorf("found %+v, %+v", found, others)
			}
			if strings.Contains(found[0].Found, "hunter2") {
				t.Error("it prints the password")
			}
		})
	}
}

// A server that others cannot reach is named where the settings say so.
func TestDoctorOfTheWayBetweenServers(t *testing.T) {
	database := usedDatabase(t, nil)
	for listen, wanted := range map[string]int{"127.0.0.1:3100": 1, "localhost:0": 1, ":3100": 0, "10.0.0.5:3100": 0} {
		w := admitRemote(t, database)
		w.set("--cluster-listen", listen)
		found, others := w.examine("settings")
		if len(found) != wanted || len(others) > 0 || wanted > 0 && (found[0].Level != doctor.Note || found[0].Do == "") {
			t.Errorf("%s: found %+v, %+v", listen, found, others)
		}
	}
}

func TestDoctorOfRedis(t *testing.T) {
	redis := redistest.Start(t, "--requirepass", "hunter2")
	database := usedDatabase(t, nil)
	examine := func(address string) (found, others []doctor.Finding) {
		w := admitRemote(t, database)
		w.set("--redis", address)
		w.Redis = app.Redis(address)
		return w.examine("redis")
	}
	if found, others := examine("redis://:hunter2@" + redis.Address()); len(found)+len(others) > 0 {
		t.Errorf("of one that is well it finds %+v, %+v", found, others)
	}
	for address, says := range map[string]string{
		"redis://:hunter3@" + redis.Address(): "the password in --redis is wrong",
		"redis://" + redis.Address():          "Redis asks for a password",
		"redis://:hunter2@127.0.0.1:1":        "connection refused",
		"redis://:hunter2@127.0.0.1?x=1":      "parameter x",
	} {
		found, others := examine(address)
		if len(found) != 1 || found[0].Level != doctor.Warning || !strings.Contains(found[0].Found, says) || found[0].Do == "" || len(others) > 0 {
			t.Errorf("%s: found %+v, %+v", address, found, others)
		}
		if strings.Contains(fmt.Sprint(found), "hunter") {
			t.Error("it prints the password")
		}
	}
}
