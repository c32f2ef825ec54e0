//go:build unix

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// ForStandby are the settings of a server that is to have a standby.
func ForStandby() []string { return []string{"wal_level=replica", "max_wal_senders=4"} }

// Standby makes another server that copies this one, and for which each commit waits from then on. There can be one.
func (p *Postgres) Standby(ctx context.Context) (*Postgres, error) {
	const name = "standby"
	s := &Postgres{folder: p.folder, name: name, port: p.port + 1, bin: p.bin, more: append([]string{"cluster_name=" + name}, p.more...)}
	copying := p.folder.Command(filepath.Join(p.bin, "pg_basebackup"), "--pgdata="+s.data(), "--host="+p.folder.path, "--port="+strconv.Itoa(p.port),
		"--username="+Superuser, "--write-recovery-conf", "--create-slot", "--slot="+name, "--checkpoint=fast", "--no-sync")
	if out, err := copying.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	if err := s.Start(); err != nil {
		return nil, err
	}
	return s, p.awaitSynchronous(ctx, name)
}

// awaitSynchronous has commits wait for a standby, and returns when they do.
func (p *Postgres) awaitSynchronous(ctx context.Context, name string) (err error) {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	for _, order := range []string{"ALTER SYSTEM SET synchronous_standby_names = '" + name + "'", "SELECT pg_reload_conf()"} {
		if _, err := conn.Exec(ctx, order); err != nil {
			return err
		}
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var synchronous bool
		err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync')`).Scan(&synchronous)
		if err != nil || synchronous {
			return err
		}
		if time.Now().After(deadline) {
			return errors.New("the standby does not follow")
		}
	}
}

// Promote makes a standby a server of its own. It returns when that can be written to.
func (p *Postgres) Promote() error {
	if out, err := p.folder.Command(filepath.Join(p.bin, "pg_ctl"), "promote", "--wait", "--pgdata="+p.data()).CombinedOutput(); err != nil {
		return fmt.Errorf("pg_ctl promote: %w: %s", err, out)
	}
	return nil
}
