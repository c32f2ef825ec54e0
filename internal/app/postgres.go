package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/doctor"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// postgresDatabase keeps everything in a PostgreSQL database, the secret of tokens too. A lease keeps a second server out.
type postgresDatabase struct{ config.Signing }

func (d postgresDatabase) open(ctx context.Context, log *slog.Logger, tell chat.Sink) (Store, error) {
	cfg := d.config()
	cfg.Log = log
	store, err := postgres.Open(ctx, cfg, tell)
	if err != nil {
		return nil, d.named(err)
	}
	lease, err := store.Hold(ctx, holderOf(d.Data))
	if err != nil {
		return nil, d.named(errors.Join(err, store.Close()))
	}
	opened := inPostgres{store, d, lease}
	if err := d.warnOfFolder(ctx, store, log); err != nil {
		return nil, d.named(errors.Join(err, opened.Close()))
	}
	return opened, nil
}

// warnOfFolder tells who was about to move from the data folder and has left it behind.
func (d postgresDatabase) warnOfFolder(ctx context.Context, store *postgres.Store, log *slog.Logger) error {
	left := filepath.Join(d.Data, sqlite.FileName)
	if _, err := os.Stat(left); err != nil {
		return nil
	}
	empty, err := store.Empty(ctx)
	if empty {
		log.Warn("the database is empty, and what is in the data folder is not used: to take it along, stop the server before anybody signs in, and run sockeye migrate",
			"database", d.Database, "unused", left)
	}
	return err
}

func (d postgresDatabase) openForOperator(ctx context.Context, opened *parts) (_ Store, beside bool, err error) {
	store, err := postgres.OpenBeside(ctx, d.config())
	if err != nil {
		return nil, false, d.named(err)
	}
	opened.add("store", store.Close)
	if beside, _, err = store.Held(ctx); err != nil {
		return nil, false, d.named(err)
	}
	return inPostgres{store, d, nil}, beside, nil
}

func (d postgresDatabase) knownSecret(ctx context.Context) (secret account.Secret, err error) {
	store, err := postgres.OpenBeside(ctx, d.config())
	if err != nil {
		return "", d.named(err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	secret, err = store.KnownTokenSecret(ctx, d.JWTSecret)
	return secret, d.named(err)
}

func (d postgresDatabase) config() postgres.Config { return postgres.DefaultConfig(string(d.Database)) }

// Examine implements [doctor.Remote].
func (d postgresDatabase) Examine(ctx context.Context) (doctor.Condition, error) {
	c, err := postgres.Examine(ctx, d.config(), d.JWTSecret)
	switch {
	case errors.Is(err, postgres.ErrNewerSchema):
		err = fmt.Errorf("%w: %w", err, doctor.ErrNewer)
	case errors.Is(err, postgres.ErrUnfinished):
		err = fmt.Errorf("%w: %w", err, doctor.ErrUnfinished)
	}
	return doctor.Condition{
		Schema: c.Schema, Newest: c.Newest, Latest: c.Latest, Secret: c.Secret, Connections: c.Connections, Used: c.Used,
		Needed: d.config().Connections(), Private: c.Private, Standbys: c.Standbys, FullPageWrites: c.FullPageWrites,
	}, err
}

// named says which database an error is about.
func (d postgresDatabase) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("database %s: %w", d.Database, err)
}

// holderOf is this process as the holder of a lease. The lock of its data folder is its alone.
func holderOf(dir string) postgres.Holder {
	host, err := os.Hostname()
	if err != nil {
		host = "a machine without a name"
	}
	return postgres.Holder{Host: host, Place: lockPlace(dir)}
}

// inPostgres is a store with the secret in its database.
type inPostgres struct {
	*postgres.Store
	at    postgresDatabase
	lease *postgres.Lease // nil for an operator's command
}

// Accounts implements [Store].
func (s inPostgres) Accounts(sink account.Sink) account.Store { return s.Store.Accounts(sink) }

// Load implements [Store].
func (s inPostgres) Load() Load {
	stats := s.Stats()
	return Load{Queued: stats.Queued, Commands: stats.Commands, Batches: stats.Batches}
}

// Secret implements [Store].
func (s inPostgres) Secret(ctx context.Context) (secret account.Secret, err error) {
	if s.lease == nil {
		secret, err = s.KnownTokenSecret(ctx, s.at.JWTSecret)
	} else {
		secret, err = s.TokenSecret(ctx, s.at.JWTSecret)
	}
	return secret, s.at.named(err)
}

// Lost implements [Store].
func (s inPostgres) Lost() <-chan struct{} {
	if s.lease == nil {
		return nil
	}
	return s.lease.Lost()
}

// Close implements [Store].
func (s inPostgres) Close() error {
	if s.lease != nil {
		s.lease.Release()
	}
	return s.Store.Close()
}
