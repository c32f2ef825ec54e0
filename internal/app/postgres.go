package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/doctor"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
	"github.com/sockeye-im/sockeye/internal/upload"
	"github.com/sockeye-im/sockeye/internal/usage"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

// postgresDatabase keeps everything in a PostgreSQL database, the secret of tokens too. Many servers may have it.
type postgresDatabase struct{ config.Signing }

func (d postgresDatabase) open(ctx context.Context, log *slog.Logger, version string, tell news) (Store, error) {
	cfg := d.config()
	cfg.Log, cfg.Tell = log, tell.feed.Publish
	if hears, is := tell.feed.(interface{ InStep() time.Time }); is {
		cfg.InStep = hears.InStep
	}
	store, err := postgres.Open(ctx, cfg, nil)
	if err != nil {
		return nil, d.named(err)
	}
	by := holderOf(d.Data)
	node := postgres.Node{ID: rand.Text(), Host: by.Host, Place: by.Place, Version: version, Started: time.Now()}
	if err := store.Attend(ctx, node); err != nil {
		return nil, d.named(errors.Join(err, store.Close()))
	}
	opened := inPostgres{store, d, node.ID}
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
	nodes, err := store.Nodes(ctx)
	if err != nil {
		return nil, false, d.named(err)
	}
	return inPostgres{store, d, ""}, len(nodes) > 0, nil
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
		Needed: d.config().Connections() + connectionsForNews, Private: c.Private, Standbys: c.Standbys, FullPageWrites: c.FullPageWrites,
		ClockOff: c.ClockOff,
	}, err
}

// named says which database an error is about.
func (d postgresDatabase) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("database %s: %w%s", d.Database, err, postgres.Hint(err))
}

// holderOf is where this process runs. The lock of its data folder is its alone.
func holderOf(dir string) postgres.Holder {
	return postgres.Holder{Host: hostName(), Place: lockPlace(dir)}
}

// inPostgres is a store with the secret in its database.
type inPostgres struct {
	*postgres.Store
	at   postgresDatabase
	node string // the id of this server; empty for an operator's command
}

// Shared implements [Store].
func (s inPostgres) Shared() Shared { return s }

// NodeID implements [Shared].
func (s inPostgres) NodeID() string { return s.node }

// OtherNodes implements [Shared].
func (s inPostgres) OtherNodes(ctx context.Context) (ids []string, err error) {
	nodes, err := s.Nodes(ctx)
	for _, n := range nodes {
		if n.ID != s.node {
			ids = append(ids, n.ID)
		}
	}
	return ids, err
}

// Accounts implements [Store].
func (s inPostgres) Accounts(sink account.Sink) account.Store { return s.Store.Accounts(sink) }

// Jobs implements [Store].
func (s inPostgres) Jobs() job.Store { return s.Store.Jobs() }

// Usage implements [Store].
func (s inPostgres) Usage() usage.Store { return s.Store.Usage() }

// Files implements [Store].
func (s inPostgres) Files() upload.Store { return s.Store.Files() }

// Webhooks implements [Store].
func (s inPostgres) Webhooks() webhook.Store { return s.Store.Webhooks() }

// Load implements [Store].
func (s inPostgres) Load() Load {
	stats := s.Stats()
	return Load{Queued: stats.Queued, Commands: stats.Commands, Batches: stats.Batches}
}

// Secret implements [Store].
func (s inPostgres) Secret(ctx context.Context) (secret account.Secret, err error) {
	if s.node != "" {
		secret, err = s.TokenSecret(ctx, s.at.JWTSecret)
	} else {
		secret, err = s.KnownTokenSecret(ctx, s.at.JWTSecret)
	}
	return secret, s.at.named(err)
}
