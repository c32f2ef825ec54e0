package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strconv"
	"strings"
)

// readableFrom is the newest schema of the minor version before this one. Migrations only add, so a program that knows
// the schema up to there works with this one too, and two successive versions can share a database. Whoever releases
// a minor version sets it to the newest schema of the release before.
const readableFrom = 10

// ErrNewerSchema is for a database that a newer program has written, and that this one cannot work with.
var ErrNewerSchema = errors.New("the database was written by a newer version of sockeye")

// migration is one step of the schema.
type migration struct {
	version int64
	name    string // of the file
	text    string // SQL
}

// migrate brings the schema up to date, and says what that did to what was stored. All steps are one transaction: one
// that fails, or a process that dies, leaves the database as it was.
func migrate(ctx context.Context, db *sql.DB, log *slog.Logger) error {
	return migrateFrom(ctx, db, log, migrations)
}

// migrateFrom is migrate with the steps of a folder "migrations".
func migrateFrom(ctx context.Context, db *sql.DB, log *slog.Logger, files fs.FS) (err error) {
	steps, err := readMigrations(files)
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	at, err := versionsOf(ctx, conn)
	if err != nil {
		return err
	}
	newest := steps[len(steps)-1].version
	if err := at.mayBeUsed(newest); err != nil || at.schema > newest {
		return err
	}
	if at.schema == newest {
		missing, err := loginsWithout(ctx, conn)
		if err != nil || len(missing) == 0 {
			return err
		}
	}
	var forgetful []string
	if at.schema >= firstRooms && at.schema < roomRetention {
		if forgetful, err = roomsOf30Days(ctx, conn); err != nil {
			return fmt.Errorf("look at the rooms: %w", err)
		}
	}
	pending := steps[at.schema:]
	if err := upgrade(ctx, conn, pending); err != nil {
		return fmt.Errorf("%w; nothing was changed, and the version that ran before can run on", err)
	}
	if log != nil && at.schema > 0 {
		tellUpgrade(log, pending, forgetful)
	}
	return nil
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

// upgrade carries the steps out in one transaction.
func upgrade(ctx context.Context, conn *sql.Conn, steps []migration) (err error) {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// Whatever has become of ctx, the connection is not given back inside a transaction.
			_, undone := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
			err = errors.Join(err, undone)
		}
	}()
	if _, err := conn.ExecContext(ctx, versionTable); err != nil {
		return fmt.Errorf("make the table of versions: %w", err)
	}
	for _, step := range steps {
		if _, err := conn.ExecContext(ctx, step.text); err != nil {
			return fmt.Errorf("migration %s: %w", step.name, err)
		}
		if _, err := conn.ExecContext(ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)`, step.version); err != nil {
			return fmt.Errorf("note migration %s: %w", step.name, err)
		}
	}
	if err := fillSkeletons(ctx, conn); err != nil {
		return fmt.Errorf("fill in what names look like: %w", err)
	}
	if _, err := conn.ExecContext(ctx, `UPDATE server SET readable_from = ?`, readableFrom); err != nil {
		return fmt.Errorf("note who can read the schema: %w", err)
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}

// versionTable has its name and shape from github.com/pressly/goose, which earlier versions carried migrations out with.
const versionTable = `CREATE TABLE IF NOT EXISTS goose_db_version (
	id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL,
	tstamp TIMESTAMP DEFAULT (datetime('now')))`

// schemaVersions are what a database says of its schema; 0 is a database without one.
type schemaVersions struct {
	schema       int64 // the last migration
	readableFrom int64 // who knows less cannot work with it
}

// asker is a connection, or several.
type asker interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func versionsOf(ctx context.Context, db asker) (at schemaVersions, err error) {
	const has = `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?`
	var found int
	if err := db.QueryRowContext(ctx, has, "goose_db_version").Scan(&found); err != nil || found == 0 {
		return at, err
	}
	err = db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&at.schema)
	if err != nil {
		return at, fmt.Errorf("read the version of the schema: %w", err)
	}
	at.readableFrom = at.schema
	if err := db.QueryRowContext(ctx, has, "server").Scan(&found); err != nil || found == 0 {
		return at, err
	}
	if err := db.QueryRowContext(ctx, `SELECT readable_from FROM server`).Scan(&at.readableFrom); err != nil {
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

// newestSchema is that of this program.
func newestSchema() int64 {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return 0 // the pattern is good
	}
	return int64(len(names))
}

// requireSchema is migrate for programs beside the server, which must not.
func requireSchema(ctx context.Context, db *sql.DB) error {
	at, err := versionsOf(ctx, db)
	if err != nil {
		return err
	}
	if newest := newestSchema(); at.schema < newest {
		return fmt.Errorf("the schema is version %d, this program works with %d: it is in use by another version", at.schema, newest)
	}
	return at.mayBeUsed(newestSchema())
}

// tellUpgrade logs what was done.
func tellUpgrade(log *slog.Logger, done []migration, forgetful []string) {
	for _, step := range done {
		log.Info("the database was changed for this version", "migration", step.name)
		if step.version == roomRetention && len(forgetful) > 0 {
			log.Warn("rooms that kept messages for 30 days, the former default, keep them for ever now: their admins can choose again",
				"count", len(forgetful), "rooms", forgetful[:min(len(forgetful), mostNamed)])
		}
	}
}

// Schemas: the first with rooms, and the one that made them keep messages for ever.
const (
	firstRooms    = 2
	roomRetention = 8
)

// mostNamed is how many rooms a line of the log names.
const mostNamed = 100

// roomsOf30Days are those that 00008_room_retention.sql is about, by their ids.
func roomsOf30Days(ctx context.Context, db asker) (rooms []string, err error) {
	rows, err := db.QueryContext(ctx, `SELECT id FROM rooms WHERE retention_ms = 2592000000 ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		rooms = append(rooms, id)
	}
	return rooms, rows.Err()
}
