package postgres_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// migrated is a database with a new schema, in which no server was: what an empty one becomes when the first server comes.
func migrated(t testing.TB) (address string) {
	t.Helper()
	return pgtest.Prepared(t, migrate)
}

func migrate(ctx context.Context, address string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	return errors.Join(postgres.Migrate(ctx, conn), conn.Close(ctx))
}

// TestMigratedAgain: a database in which every table had rows is as new then, to the last column and to the next number.
func TestMigratedAgain(t *testing.T) {
	address := pgtest.Database(t)
	if err := migrate(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	before, err := pgtest.Photograph(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	filled, err := os.ReadFile("testdata/filled.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, statements := range []string{
		string(filled),
		`UPDATE server SET epoch = '0123456789abcdef', readable_from = 1; DELETE FROM goose_db_version WHERE version_id = 2`,
		`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true); DELETE FROM goose_db_version WHERE version_id = 99`,
	} {
		pgtest.Exec(t, address, statements)
		if full, err := pgtest.Photograph(t.Context(), address); err != nil || full.Equal(before) {
			t.Fatalf("nothing has changed, %v", err)
		}
		if err := before.Restore(t.Context(), address); err != nil {
			t.Fatal(err)
		}
		if after, err := pgtest.Photograph(t.Context(), address); err != nil || !after.Equal(before) {
			t.Fatalf("error %v; it was\n%+v\nand is\n%+v", err, before, after)
		}
	}
	for _, statement := range []string{
		`ALTER TABLE messages ADD COLUMN more TEXT`, `CREATE SEQUENCE more`, `CREATE SCHEMA more`, `CREATE INDEX another ON messages (content)`,
		`CREATE FUNCTION more() RETURNS void LANGUAGE sql AS ''`,
	} {
		pgtest.Exec(t, address, statement)
		if err := before.Restore(t.Context(), address); !errors.Is(err, pgtest.ErrOtherSchema) {
			t.Fatalf("%s is not noticed: %v", statement, err)
		}
		before, err = pgtest.Photograph(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
	}
	pgtest.Exec(t, address, `DROP SCHEMA more`)
}
