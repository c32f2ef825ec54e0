package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"

	"github.com/sockeye-im/sockeye/internal/store/rows"
)

// Copy is a database as it was at one moment, which a server may go on writing to: neither waits for the other. Until
// Close the log beside the database (FileName-wal) grows with what is written meanwhile.
type Copy struct {
	Schema       int64  // its version
	ReadableFrom int64  // the schema that a program must know to use it
	Epoch        string // empty before there were epochs
	Size         int64  // bytes

	db   *sql.DB
	conn *sql.Conn
}

// OpenCopy takes the state of now of the database in a folder. Close must be called. It changes
// nothing that is stored; without a server, Close may fold the log of one that has died into the file.
func OpenCopy(ctx context.Context, dir string) (_ *Copy, err error) {
	path, err := filepath.Abs(filepath.Join(dir, FileName))
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	} else if info.Size() == 0 {
		return nil, fmt.Errorf("sqlite: %s is empty: what was in it is lost, or it was never written", path)
	}
	cfg := DefaultConfig(dir)
	cfg.BusyTimeout = 10 * time.Second // of a server that is just folding the log into the file
	db, err := sql.Open("sqlite", dataSource(path, cfg, "query_only(1)"))
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	c := &Copy{db: db, conn: conn}
	if err := c.begin(ctx); err != nil {
		return nil, fmt.Errorf("sqlite: %s: %w", path, errors.Join(damage(err), conn.Close()))
	}
	return c, nil
}

// begin opens the transaction that keeps the state, by its first read.
func (c *Copy) begin(ctx context.Context) error {
	if _, err := c.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	at, err := versionsOf(ctx, c.conn)
	if err != nil {
		return err
	}
	c.Schema, c.ReadableFrom = at.schema, at.readableFrom
	if c.Schema == 0 {
		return errors.New("it is no database of sockeye")
	}
	if c.Schema >= firstEpoch {
		if c.Epoch, err = epochOf(ctx, c.conn); err != nil {
			return err
		}
	}
	var pages, size int64
	if err := c.conn.QueryRowContext(ctx, `SELECT page_count, page_size FROM pragma_page_count, pragma_page_size`).Scan(&pages, &size); err != nil {
		return err
	}
	c.Size = pages * size
	return nil
}

// Release lets the state go, so that the log can be folded into the file again. Only Close is left.
func (c *Copy) Release(ctx context.Context) error {
	_, err := c.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	return err
}

// Close closes the file.
func (c *Copy) Close() error { return errors.Join(c.conn.Close(), c.db.Close()) }

// Check reads all of the state and fails where it is damaged.
func (c *Copy) Check(ctx context.Context) error { return quickCheck(ctx, c.conn) }

// Write writes the state as a database file, Size bytes.
func (c *Copy) Write(ctx context.Context, to io.Writer) error {
	return c.conn.Raw(func(raw any) (err error) {
		// Not by database/sql, which would copy each page once more.
		stmt, err := raw.(driver.ConnPrepareContext).PrepareContext(ctx, `SELECT data FROM sqlite_dbpage`)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stmt.Close()) }()
		rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for page := make([]driver.Value, 1); ; {
			err := rows.Next(page)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if _, err := to.Write(page[0].([]byte)); err != nil {
				return err
			}
		}
	})
}

// Damaged is what is wrong with a database file.
type Damaged struct{ Findings []string }

func (d *Damaged) Error() string {
	return "the database is damaged: " + strings.Join(d.Findings, "; ")
}

// quickCheck fails with a Damaged, or where nothing can be read.
func quickCheck(ctx context.Context, db asker) error {
	return pragmaCheck(ctx, db, `PRAGMA quick_check(5)`)
}

func pragmaCheck(ctx context.Context, db asker, pragma string) (err error) {
	rows, err := db.QueryContext(ctx, pragma)
	if err != nil {
		return damage(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var findings []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		if line != "ok" {
			findings = append(findings, line)
		}
	}
	if err := rows.Err(); err != nil {
		return damage(err)
	}
	if len(findings) > 0 {
		return &Damaged{findings}
	}
	return nil
}

// damage tells an error of the file from others.
func damage(err error) error {
	const corrupt, notADatabase = 11, 26 // SQLITE_CORRUPT, SQLITE_NOTADB
	var coded *sqlite.Error
	if errors.As(err, &coded) && (coded.Code()&0xff == corrupt || coded.Code() == notADatabase) {
		return &Damaged{[]string{coded.Error()}}
	}
	return err
}

// NewestSchema is the version of the schema that this program makes.
func NewestSchema() int64 { return newestSchema() }

// CanUse fails with ErrNewerSchema where this program cannot work with a database.
func CanUse(schema, readableFrom int64) error {
	return schemaVersions{schema, readableFrom}.mayBeUsed(newestSchema())
}

// firstEpoch is the first schema that has one.
const firstEpoch = 10

// Restored looks whether a database file is whole and of the versions that are said of it, and begins another epoch in it,
// so that clients that have seen more than there is start afresh. The file is synced, and nothing is beside it. A database
// that is older than epochs gets one when a server opens it.
func Restored(ctx context.Context, path string, schema, readableFrom int64) (epoch string, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return "", fmt.Errorf("sqlite: %w", err)
	}
	// No log beside it: the file is the whole of it, whenever the process ends.
	db, err := sql.Open("sqlite", dataSource(path, DefaultConfig(filepath.Dir(path)), "journal_mode(DELETE)", "synchronous(EXTRA)", "secure_delete(1)"))
	if err != nil {
		return "", fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if err := quickCheck(ctx, db); err != nil {
		return "", fmt.Errorf("sqlite: %w", err)
	}
	at, err := versionsOf(ctx, db)
	if err != nil {
		return "", fmt.Errorf("sqlite: %w", err)
	}
	if at.schema == 0 {
		return "", errors.New("sqlite: it is no database of sockeye")
	}
	if said := (schemaVersions{schema, readableFrom}); at != said {
		return "", fmt.Errorf("sqlite: its schema is version %d, for programs that know %d; it should be %d, for %d", at.schema, at.readableFrom, schema, readableFrom)
	}
	if err := at.mayBeUsed(newestSchema()); err != nil {
		return "", fmt.Errorf("sqlite: %w", err)
	}
	if at.schema < firstEpoch {
		return "", nil
	}
	var name [8]byte
	_, _ = rand.Read(name[:]) // never fails: the runtime aborts the process when there is no randomness
	epoch = hex.EncodeToString(name[:])
	if _, err := db.ExecContext(ctx, `UPDATE server SET epoch = ?`, epoch); err != nil {
		return "", fmt.Errorf("sqlite: begin an epoch: %w", err)
	}
	return epoch, nil
}

// CheckAll is Check, and reads all indexes too, which takes several times as long.
func (c *Copy) CheckAll(ctx context.Context) error {
	return pragmaCheck(ctx, c.conn, `PRAGMA integrity_check(5)`)
}

// Latest is when something was stored last in a conversation; zero if nothing was, or nothing can be.
func (c *Copy) Latest(ctx context.Context) (at time.Time, err error) {
	if c.Schema < firstRooms {
		return at, nil
	}
	var latest sql.NullInt64
	if err := c.conn.QueryRowContext(ctx, `SELECT max(last_at) FROM conversations`).Scan(&latest); err != nil || !latest.Valid {
		return at, err
	}
	return rows.Instant(latest.Int64), nil
}
