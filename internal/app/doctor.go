package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/doctor"
	"github.com/sockeye-im/sockeye/internal/feed/redis"
	"github.com/sockeye-im/sockeye/internal/machine"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// Doctor looks at the server that has these settings, whether it runs or not. environ is its environment.
func Doctor(ctx context.Context, cfg config.Config, environ []string) []doctor.Finding {
	patient := doctor.Patient{
		Config: cfg, Environ: environ, Machine: thisMachine(cfg.Account.Data), Running: inUse(cfg.Account.Data),
		Database: examined{}, Now: time.Now(),
	}
	if cfg.Account.Database != "" {
		patient.Remote = postgresDatabase{cfg.Account.Signing}
	}
	if cfg.Redis != "" {
		patient.Redis = redisServer(cfg.Redis)
	}
	return doctor.Examine(ctx, &patient)
}

// redisServer is what settings name, for the doctor.
type redisServer config.RedisURL

// Probe implements [doctor.Redis].
func (r redisServer) Probe(ctx context.Context) error { return redis.Probe(ctx, string(r)) }

func thisMachine(data string) doctor.Machine {
	m := doctor.Machine{OpenFiles: maxFiles()}
	m.Disk, m.DiskKnown = machine.DiskOf(data)
	m.ClockSynced, m.ClockKnown = machine.ClockSynced()
	if memory, err := memlimit.FromSystem(); err == nil {
		m.Memory = memory
	}
	if limit, err := memlimit.FromCgroup(); err == nil && (m.Memory == 0 || limit < m.Memory) {
		m.Memory = limit
	}
	return m
}

// inUse reports whether a server has a data folder. It makes nothing in it.
func inUse(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, lockName)); err != nil {
		return false
	}
	unlock, err := lockFolder(dir)
	if err == nil {
		_ = unlock()
	}
	return errors.Is(err, errInUse)
}

// examined is the database of a data folder, for the doctor.
type examined struct{}

// Examine reads all of it.
func (examined) Examine(ctx context.Context, dir string) (doctor.State, error) {
	state, err := readState(ctx, dir)
	switch {
	case errors.As(err, new(*sqlite.Damaged)):
		err = fmt.Errorf("%w: %w", err, doctor.ErrDamaged)
	case errors.Is(err, sqlite.ErrNewerSchema):
		err = fmt.Errorf("%w: %w", err, doctor.ErrNewer)
	}
	return state, err
}

func readState(ctx context.Context, dir string) (state doctor.State, err error) {
	copied, err := sqlite.OpenCopy(ctx, dir)
	if err != nil {
		return state, err
	}
	defer func() { err = errors.Join(err, copied.Close()) }()
	state = doctor.State{Schema: copied.Schema, Newest: sqlite.NewestSchema(), Size: copied.Size}
	if log, err := os.Stat(filepath.Join(dir, sqlite.FileName+"-wal")); err == nil {
		state.Log = log.Size()
	}
	if err := sqlite.CanUse(copied.Schema, copied.ReadableFrom); err != nil {
		return state, err
	}
	if err := copied.CheckAll(ctx); err != nil {
		return state, err
	}
	state.Latest, err = copied.Latest(ctx)
	return state, err
}
