package postgres

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// Condition is what a database and its server say of themselves.
type Condition struct {
	Schema, Newest int64     // the version of the schema, 0 without one, and the newest that this program knows
	Latest         time.Time // of what was stored last; zero if nothing was
	Secret         error     // why a server that is given that secret, or none, would be refused; nil if it would not

	Connections    int  // that programs may have at a time
	Used           int  // of these
	Private        bool // nobody on the way can read what is sent
	Standbys       int  // that copy the database, and for which a commit does not wait
	FullPageWrites bool
	ClockOff       time.Duration // how far its clock is ahead of this machine's, at least
}

// Examine looks at a database and changes nothing. Its error is why no server could work with it: an [ErrNewerSchema], an
// [ErrUnfinished], a setting that is refused, or that it cannot be reached.
func Examine(ctx context.Context, cfg Config, given account.Secret) (c Condition, err error) {
	settings, err := connectionSettings(cfg)
	if err != nil {
		return c, err
	}
	settings.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // there may be a pooler
	conn, err := pgx.ConnectConfig(ctx, settings.ConnConfig)
	if err != nil {
		return c, fmt.Errorf("postgres: connect: %w", err)
	}
	defer func() { err = errors.Join(err, closeConn(conn)) }()
	c.Private = private(conn.PgConn().Conn())
	if err := c.examineServer(ctx, conn); err != nil {
		return c, fmt.Errorf("postgres: %w", err)
	}
	if err := checkSettings(ctx, conn, nil); err != nil {
		return c, fmt.Errorf("postgres: %w", err)
	}
	if err := c.examineSchema(ctx, conn); err != nil {
		return c, fmt.Errorf("postgres: %w", err)
	}
	if c.Schema < c.Newest {
		return c, nil // what there is of it is not as this program knows it
	}
	if err := c.examineContents(ctx, conn, given); err != nil {
		return c, fmt.Errorf("postgres: %w", err)
	}
	return c, nil
}

// private tells whether a connection is encrypted, or stays on the machine.
func private(conn net.Conn) bool {
	if _, encrypted := conn.(*tls.Conn); encrypted {
		return true
	}
	to, overIP := conn.RemoteAddr().(*net.TCPAddr)
	return !overIP || to.IP.IsLoopback()
}

func (c *Condition) examineServer(ctx context.Context, conn *pgx.Conn) error {
	asked := time.Now()
	var there time.Time
	err := conn.QueryRow(ctx, `
		SELECT clock_timestamp(), current_setting('full_page_writes') = 'on',
			current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
			(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int,
			(SELECT count(*) FROM pg_stat_replication WHERE current_setting('synchronous_standby_names') = '')::int`).
		Scan(&there, &c.FullPageWrites, &c.Connections, &c.Used, &c.Standbys)
	c.ClockOff = clockOff(asked, there, time.Now())
	return err
}

func (c *Condition) examineSchema(ctx context.Context, conn *pgx.Conn) error {
	steps, err := readMigrations(migrations)
	if err != nil {
		return err
	}
	at, err := versionsOf(ctx, conn)
	if err != nil {
		return err
	}
	c.Schema, c.Newest = at.schema, steps[len(steps)-1].version
	return at.mayBeUsed(c.Newest)
}

func (c *Condition) examineContents(ctx context.Context, conn *pgx.Conn, given account.Secret) error {
	if err := refuseUnfinished(ctx, conn); err != nil {
		return err
	}
	var latest int64
	if err := conn.QueryRow(ctx, `SELECT coalesce(max(last_at), 0) FROM conversations`).Scan(&latest); err != nil {
		return err
	}
	c.Latest = rows.InstantOrZero(latest)
	var value sql.NullString
	var known []byte
	found, err := rows.Found(conn.QueryRow(ctx, `SELECT value, fingerprint FROM secrets WHERE name = $1`, tokenSecret).Scan(&value, &known))
	if found {
		_, c.Secret = agree(given, account.Secret(value.String), known)
	}
	return err
}
