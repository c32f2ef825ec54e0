package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

func TestCheckClock(t *testing.T) {
	address := pgtest.Database(t)
	// The database's clock can be read at another place first.
	const ownFirst = "&options=-csearch_path%3Dpublic,pg_catalog"
	for off, says := range map[string]string{
		"0 minutes":    "",
		"4.9 minutes":  "",
		"-4.9 minutes": "",
		"5.1 minutes":  "this one is 5m6s behind",
		"-1 day":       "this one is 24h0m0s ahead",
	} {
		pgtest.Exec(t, address, `CREATE OR REPLACE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() + interval '`+off+`' $$`)
		err := openStore(t, address+ownFirst, discard).CheckClock(t.Context())
		switch {
		case says == "" && err != nil:
			t.Errorf("%s: %v", off, err)
		case says != "" && (!errors.Is(err, postgres.ErrClock) || !strings.Contains(err.Error(), says)):
			t.Errorf("%s: %v, which does not say %q", off, err, says)
		}
	}
}

func TestCheckSchema(t *testing.T) {
	address := pgtest.Database(t)
	s := openStore(t, address, discard)
	if err := s.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	pgtest.Exec(t, address, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)`)
	if err := s.CheckSchema(t.Context()); err != nil {
		t.Errorf("of the next version: %v", err)
	}
	pgtest.Exec(t, address, `UPDATE server SET readable_from = 999`)
	if err := s.CheckSchema(t.Context()); !errors.Is(err, postgres.ErrNewerSchema) {
		t.Errorf("of a later version: %v", err)
	}
}

func TestCheckConnections(t *testing.T) {
	server := pgtest.Start(t, "max_connections=20") // 3 are for superusers, and who is on the way out still has one
	s := openStore(t, server.Database(t), discard)
	if err := s.CheckConnections(t.Context(), 0); err != nil {
		t.Error(err)
	}
	err := s.CheckConnections(t.Context(), 20)
	if err == nil || !strings.Contains(err.Error(), "max_connections") {
		t.Errorf("%v, which names no setting", err)
	}
}

func TestHints(t *testing.T) {
	server := pgtest.Start(t, "max_connections=5", "superuser_reserved_connections=4")
	database := server.Database(t)
	pgtest.Exec(t, database, `CREATE ROLE ada LOGIN`)
	asAda := strings.Replace(database, "user=sockeye", "user=ada", 1)
	// Who is on the way out still has a connection.
	only, err := pgx.Connect(t.Context(), asAda)
	for deadline := time.Now().Add(30 * time.Second); err != nil; only, err = pgx.Connect(t.Context(), asAda) {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	defer func() { _ = only.Close(context.Background()) }()
	for name, c := range map[string]struct{ address, hint string }{
		"no such database": {strings.Replace(database, "/"+database[strings.LastIndexByte(database, '/')+1:strings.IndexByte(database, '?')], "/nowhere", 1), "createdb"},
		"no such user":     {strings.Replace(database, "user=sockeye", "user=nobody", 1), "--database"},
		"no connection":    {asAda, "max_connections"},
	} {
		s, err := postgres.Open(t.Context(), postgres.DefaultConfig(c.address), discard)
		if err == nil {
			_ = s.Close()
		}
		if hint := postgres.Hint(err); err == nil || !strings.Contains(hint, c.hint) {
			t.Errorf("%s: %v has the hint %q, without %q", name, err, hint, c.hint)
		}
	}
	if hint := postgres.Hint(errors.New("another")); hint != "" {
		t.Error(hint)
	}
}
