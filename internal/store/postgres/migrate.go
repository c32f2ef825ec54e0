package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readableFrom is the newest schema of the minor version before this one: what package sqlite says of its own holds here. A
// program that knows less than 4 would serve as if it were alone.
const readableFrom = 4

// ErrNewerSchema is for a database that a newer program has written, and that this one cannot work with.
var ErrNewerSchema = errors.New("the database was written by a newer version of sockeye")

// migrationLock is the key of the lock that one process at a time holds while it changes the schema.
const migrationLock = 0x736f636b657965

// migration is one step of the schema.
type migration struct {
	version int64
	name    string // of the file
	text    string // SQL
}

// migrate brings the schema up to date. All steps are one transaction: one that fails, or a process that dies, leaves the
// database as it was. A second process that comes meanwhile waits.
func migrate(ctx context.Context, conn *pgx.Conn, log *slog.Logger) error {
	steps, err := readMigrations(migrations)
	if err != nil {
		return err
	}
	var done []migration
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(migrationLock)); err != nil {
			return fmt.Errorf("wait for others: %w", err)
		}
		done, err = upgrade(ctx, tx, steps)
		return err
	})
	if err != nil {
		return err
	}
	if len(done) == len(steps) {
		return nil // it was empty
	}
	for _, step := range done {
		note(log, slog.LevelInfo, "the database was changed for this version", "migration", step.name)
	}
	return nil
}

// upgrade carries out the steps that are missing, and returns them.
func upgrade(ctx context.Context, tx pgx.Tx, steps []migration) ([]migration, error) {
	at, err := versionsOf(ctx, tx)
	if err != nil {
		return nil, err
	}
	newest := steps[len(steps)-1].version
	if err := at.mayBeUsed(newest); err != nil || at.schema >= newest {
		return nil, err
	}
	if _, err := tx.Exec(ctx, versionTable); err != nil {
		return nil, fmt.Errorf("make the table of versions: %w", err)
	}
	pending := steps[at.schema:]
	for _, step := range pending {
		if err := execAll(ctx, tx.Conn(), step.text); err != nil {
			return nil, fmt.Errorf("migration %s: %w; nothing was changed, and the version that ran before can run on", step.name, err)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)`, step.version); err != nil {
			return nil, fmt.Errorf("note migration %s: %w", step.name, err)
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE server SET readable_from = $1`, readableFrom); err != nil {
		return nil, fmt.Errorf("note who can read the schema: %w", err)
	}
	return pending, nil
}

// execAll runs several statements.
func execAll(ctx context.Context, conn *pgx.Conn, text string) error {
	return readAll(conn.PgConn().Exec(ctx, text))
}

func readAll(results *pgconn.MultiResultReader) error {
	_, err := results.ReadAll()
	return err
}

// readMigrations returns the steps in order; their numbers begin with 1 and have no holes.
func readMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	steps := make([]migration, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(i)+1 {
			return nil, fmt.Errorf("migration %d is called %s", i+1, name)
		}
		steps[i] = migration{version, path.Base(name), string(text)}
	}
	return steps, nil
}

// versionTable has the name and the shape that the other store's has.
const versionTable = `CREATE TABLE IF NOT EXISTS goose_db_version (
	id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, version_id BIGINT NOT NULL, is_applied BOOLEAN NOT NULL,
	tstamp TIMESTAMPTZ DEFAULT now())`

// schemaVersions are what a database says of its schema; 0 is a database without one.
type schemaVersions struct {
	schema       int64 // the last migration
	readableFrom int64 // who knows less cannot work with it
}

// asker is a connection, or a transaction.
type asker interface {
	QueryRow(ctx context.Context, query string, args ...any) pgx.Row
}

func versionsOf(ctx context.Context, tx asker) (at schemaVersions, err error) {
	var found bool
	err = tx.QueryRow(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&found)
	if err != nil || !found {
		return at, err
	}
	if err := tx.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&at.schema); err != nil {
		return at, fmt.Errorf("read the version of the schema: %w", err)
	}
	if err := tx.QueryRow(ctx, `SELECT readable_from FROM server`).Scan(&at.readableFrom); err != nil {
		return at, fmt.Errorf("read who can read the schema: %w", err)
	}
	return at, nil
}

// mayBeUsed fails where a program that knows the schema up to newest cannot work with it.
func (v schemaVersions) mayBeUsed(newest int64) error {
	if v.schema > newest && v.readableFrom > newest {
		return fmt.Errorf("%w: its schema is version %d, which programs can work with that know %d or more; this one knows %d. Start the newer version again, or restore a backup of before it",
			ErrNewerSchema, v.schema, v.readableFrom, newest)
	}
	return nil
}

// ErrNoServer says that no server has run on a database yet.
var ErrNoServer = errors.New("no server has run on the database yet")

// requireSchema is migrate for programs beside the server, which must not.
func requireSchema(ctx context.Context, conn *pgx.Conn) error {
	steps, err := readMigrations(migrations)
	if err != nil {
		return err
	}
	at, err := versionsOf(ctx, conn)
	newest := steps[len(steps)-1].version
	switch {
	case err != nil:
		return err
	case at.schema == 0:
		return ErrNoServer
	case at.schema < newest:
		return fmt.Errorf("the schema is version %d, this program works with %d: start the server with this version first", at.schema, newest)
	}
	return at.mayBeUsed(newest)
}

// refuseUnfinished fails where a database is still being filled.
func refuseUnfinished(ctx context.Context, conn *pgx.Conn) error {
	var unfinished bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM imports)`).Scan(&unfinished); err != nil || !unfinished {
		return err
	}
	return ErrUnfinished
}
