package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// clockTolerance is how far the clock of a server may be from the database's. All servers of a database keep it, so they
// are no more than twice that apart.
const clockTolerance = 5 * time.Minute

// ErrClock says that a server's clock is too far from the database's: what it writes would seem to be of another time.
var ErrClock = errors.New("the clock of this machine or that of the database's is wrong")

// CheckClock fails with an [ErrClock] where the clocks differ by more than 5 minutes.
func (s *Store) CheckClock(ctx context.Context) error {
	asked := time.Now()
	var there pgtype.Timestamptz
	if err := s.readers.row(ctx, `SELECT clock_timestamp()`).Scan(&there); err != nil {
		return fmt.Errorf("postgres: ask for the time: %w", err)
	}
	if off := clockOff(asked, there.Time, time.Now()); off.Abs() > clockTolerance {
		return fmt.Errorf("postgres: %w: %s", ErrClock, offInWords(off))
	}
	return nil
}

// clockOff is how far the database's clock is ahead of this one's, at least: it was read at some time between asking and
// the answer.
func clockOff(asked, there, answered time.Time) time.Duration {
	switch {
	case there.After(answered):
		return there.Sub(answered)
	case there.Before(asked):
		return there.Sub(asked)
	}
	return 0
}

func offInWords(off time.Duration) string {
	if off > 0 {
		return fmt.Sprintf("this one is %v behind", off.Round(time.Second))
	}
	return fmt.Sprintf("this one is %v ahead", off.Abs().Round(time.Second))
}

// CheckSchema fails with an [ErrNewerSchema] where another program has changed the schema meanwhile so that this one cannot
// work with it.
func (s *Store) CheckSchema(ctx context.Context) error {
	steps, err := readMigrations(migrations)
	if err != nil {
		return err
	}
	var at schemaVersions
	err = s.readers.row(ctx, `SELECT (SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied), (SELECT readable_from FROM server)`).
		Scan(&at.schema, &at.readableFrom)
	if err != nil {
		return fmt.Errorf("postgres: read the version of the schema: %w", err)
	}
	return at.mayBeUsed(steps[len(steps)-1].version)
}

// CheckConnections fails where the database has fewer connections left than the store has still to open, and more beside
// it.
func (s *Store) CheckConnections(ctx context.Context, more int) error {
	var most, used int
	err := s.readers.row(ctx, `
		SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
			(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int`).Scan(&most, &used)
	if err != nil {
		return fmt.Errorf("postgres: ask for connections: %w", err)
	}
	needed := s.cfg.Readers - int(s.readers.pool.Stat().TotalConns()) + more
	if free := max(most-used, 0); free < needed {
		return fmt.Errorf("postgres: the database has room for %d of %d connections more, this server may need %d: raise max_connections of the database, or put pgbouncer in front", free, most, needed)
	}
	return nil
}

// Hint is what to do about an error, in a few words that begin with a colon; empty where nothing is known.
func Hint(err error) string {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return ""
	}
	switch refused.Code {
	case "53300": // too_many_connections
		return ": raise max_connections of the database, or put pgbouncer in front"
	case "28P01", "28000": // invalid_password, invalid_authorization_specification
		return ": correct the user and the password in --database, or pg_hba.conf of the database"
	case "3D000": // invalid_catalog_name
		return ": make it with createdb, or correct the name in --database"
	case "53100": // disk_full
		return ": make room on the disk of the database"
	}
	return ""
}
