package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

// applicationName is what the database calls connections of a store.
const applicationName = "sockeye"

// connectionSettings are those of all connections of a store.
func connectionSettings(cfg Config) (*pgxpool.Config, error) {
	settings, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("postgres: the address of the database: %w", err) // it leaves the password out
	}
	conn := settings.ConnConfig
	conn.ConnectTimeout = cfg.ConnectTimeout
	conn.RuntimeParams["application_name"] = applicationName
	conn.Tracer = cfg.tracer
	// Where the server does not answer the cancelling of a statement, the connection is closed.
	conn.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: time.Second}
	}
	return settings, nil
}

// Address is the host:port of the first server that the address of a database names. For a Unix socket it is one of this
// machine.
func Address(url string) (string, error) {
	settings, err := pgconn.ParseConfig(url)
	if err != nil {
		return "", fmt.Errorf("postgres: the address of the database: %w", err) // it leaves the password out
	}
	host := settings.Host
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") {
		host = "localhost"
	}
	return net.JoinHostPort(host, strconv.Itoa(int(settings.Port))), nil
}

// findPooler finds out whether there is a pooler before the database, which lends another connection for each
// transaction: nothing can be kept in a connection then, prepared statements neither. Such a pooler makes up the process
// ids that it tells.
func findPooler(ctx context.Context, cfg Config, settings *pgxpool.Config) (err error) {
	if strings.Contains(cfg.URL, "default_query_exec_mode") {
		return nil // it has been said
	}
	plain := settings.ConnConfig.Copy()
	plain.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, plain)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, closeConn(conn)) }()
	var pid uint32
	if err := conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		return fmt.Errorf("ask whether there is a pooler: %w", err)
	}
	if pid != conn.PgConn().PID() {
		settings.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		note(cfg.Log, slog.LevelInfo, "there is a pooler before the database: statements are not prepared")
	}
	return nil
}

// checkSettings reads back what an acknowledgement rests upon.
func checkSettings(ctx context.Context, conn *pgx.Conn, log *slog.Logger) error {
	var fsync, synchronousCommit, readOnly, encoding, fullPageWrites string
	err := conn.QueryRow(ctx, `
		SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('transaction_read_only'),
			current_setting('server_encoding'), current_setting('full_page_writes')`).
		Scan(&fsync, &synchronousCommit, &readOnly, &encoding, &fullPageWrites)
	switch {
	case err != nil:
		return fmt.Errorf("read back the settings: %w", err)
	case fsync == "off":
		return errors.New("fsync is off: what is acknowledged would be lost with the machine's power")
	case synchronousCommit == "off":
		return errors.New("synchronous_commit is off: what is acknowledged would be lost when the database dies")
	case readOnly == "on":
		return errors.New("transaction_read_only is on: it is a standby, or set so")
	case encoding != "UTF8":
		return fmt.Errorf("the database's encoding is %s: it must be UTF8, or not every text could be stored", encoding)
	case fullPageWrites == "off":
		note(log, slog.LevelWarn, "full_page_writes is off: where the file system does not write whole pages, a crash of the machine can destroy the database")
	}
	return nil
}

func note(log *slog.Logger, level slog.Level, text string, args ...any) {
	if log != nil {
		log.Log(context.Background(), level, text, args...)
	}
}

// closeConn gives the server a second for the goodbye.
func closeConn(conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return conn.Close(ctx)
}
