//go:build unix

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// firstPort is PostgreSQL's own.
const firstPort = 5432

// Superuser is who owns all databases. There is no password: the socket's folder is the server's own.
const Superuser = "sockeye"

// settings make a small server. What it says is safe, is: fsync is on.
var settings = []string{
	"listen_addresses=", "fsync=on", "shared_buffers=32MB", "max_connections=100", "max_wal_senders=0", "wal_level=minimal",
	"max_wal_size=256MB", "min_wal_size=32MB", "autovacuum_naptime=10s", "jit=off", "logging_collector=off", "log_min_messages=warning",
}

// Postgres is a PostgreSQL server that listens on a Unix socket. Its methods must not be called concurrently.
type Postgres struct {
	folder  *Folder
	name    string // of its folder and its log
	port    int    // in the name of its socket
	bin     string // the folder of PostgreSQL's programs
	more    []string
	running *child
}

// Postgres makes a server, or takes the one that is in the folder, and starts it, with settings beside the usual ones, such
// as "fsync=off".
func (f *Folder) Postgres(settings ...string) (*Postgres, error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	p := &Postgres{folder: f, name: "postgres", port: firstPort, bin: bin, more: settings}
	if _, err := os.Stat(filepath.Join(p.data(), "PG_VERSION")); err != nil {
		args := []string{"--pgdata=" + p.data(), "--username=" + Superuser, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"}
		if out, err := f.Command(filepath.Join(bin, "initdb"), append(args, p.order()...)...).CombinedOutput(); err != nil {
			if errors.Is(err, os.ErrPermission) && f.as != nil {
				err = fmt.Errorf("%w: PostgreSQL does not run as root, and the user that it runs as has to reach the folder", err)
			}
			return nil, fmt.Errorf("initdb in %s: %w: %s", f.path, err, out)
		}
	}
	return p, p.Start()
}

func (p *Postgres) data() string { return p.folder.Path(p.name) }

// order has texts put in another order than that of their bytes, as most servers do, where the server can by itself: what
// is compared without a word about how shows.
func (p *Postgres) order() []string {
	version, err := p.folder.Command(filepath.Join(p.bin, "initdb"), "--version").Output() // initdb (PostgreSQL) 15.14
	if fields := strings.Fields(string(version)); err == nil && len(fields) > 2 {
		major, _, _ := strings.Cut(fields[2], ".")
		if n, err := strconv.Atoi(major); err == nil && n >= 15 {
			return []string{"--locale-provider=icu", "--icu-locale=en-US"}
		}
	}
	return nil
}

// Start starts a server that has ended, with settings in place of those of before, if there are any. It returns when the
// server takes connections.
func (p *Postgres) Start(more ...string) error {
	if len(more) > 0 {
		p.more = more
	}
	args := []string{"-D", p.data(), "-k", p.folder.path, "-p", strconv.Itoa(p.port)}
	for _, setting := range slices.Concat(settings, p.more) {
		args = append(args, "-c", setting)
	}
	var err error
	if p.running, err = p.folder.launch(p.folder.Command(filepath.Join(p.bin, "postgres"), args...), p.name); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := Greet(p.URL("postgres"))
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) || !p.running.running() {
			return fmt.Errorf("PostgreSQL does not start: %w\n%s", err, p.folder.said(p.name))
		}
	}
}

// Greet connects to a database once, without preparing anything.
func Greet(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	_, err = conn.PgConn().Exec(ctx, "SELECT 1").ReadAll()
	return errors.Join(err, conn.Close(ctx))
}

// URL is the address of a database of this server.
func (p *Postgres) URL(database string) string {
	query := url.Values{"host": {p.folder.path}, "user": {Superuser}}
	if p.port != firstPort {
		query.Set("port", strconv.Itoa(p.port))
	}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: query.Encode()}).String()
}

// Socket is the path of the Unix socket that it listens on.
func (p *Postgres) Socket() string { return p.folder.Path(".s.PGSQL." + strconv.Itoa(p.port)) }

// PID is the id of the server's first process, whose children do the work.
func (p *Postgres) PID() int { return p.running.pid }

// Running tells whether it was not ended.
func (p *Postgres) Running() bool { return p.running.running() }

// Kill ends the server at once, as pg_ctl stop -m immediate does: connections break, and the next start recovers.
func (p *Postgres) Kill() error { return p.running.end(syscall.SIGQUIT) }

// Stop ends the server in order. Connections break.
func (p *Postgres) Stop() error { return p.running.end(syscall.SIGINT) }

// Database makes an empty database, if it is not there, and returns its address.
func (p *Postgres) Database(ctx context.Context, name string) (address string, err error) {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, name).Scan(&there); err != nil {
		return "", err
	}
	if !there {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	}
	return p.URL(name), err
}

// postgresPrograms finds the folder of PostgreSQL's programs: that of pg_config, or the newest one of Debian's.
func postgresPrograms() (string, error) {
	var places []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		places = append(places, strings.TrimSpace(string(out)))
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	version := func(place string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(place)))
		return n
	}
	slices.SortFunc(debian, func(a, b string) int { return version(b) - version(a) })
	for _, place := range append(places, debian...) {
		if _, err := os.Stat(filepath.Join(place, "initdb")); err == nil {
			return place, nil
		}
	}
	return "", errors.New("PostgreSQL is not installed: as root on Debian `apt-get install postgresql` does it, elsewhere put its initdb and postgres where pg_config --bindir says")
}
