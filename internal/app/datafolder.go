package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
	"github.com/sockeye-im/sockeye/internal/upload"
	"github.com/sockeye-im/sockeye/internal/usage"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

// dataFolder keeps everything in the data folder: what is said in SQLite's file, the secret beside it. It is locked by
// who opens it.
type dataFolder struct{ config.Signing }

func (d dataFolder) open(ctx context.Context, log *slog.Logger, _ string, tell news) (Store, error) {
	return d.openWith(ctx, log, tell.chats)
}

func (d dataFolder) openWith(ctx context.Context, log *slog.Logger, tell chat.Sink) (Store, error) {
	cfg := sqlite.DefaultConfig(d.Data)
	cfg.Log = log
	store, err := sqlite.Open(ctx, cfg, tell)
	if err != nil {
		return nil, err
	}
	return inFolder{store, d, log}, nil
}

func (d dataFolder) openForOperator(ctx context.Context, opened *parts) (store Store, beside bool, err error) {
	if err := mustBeUsed(d.Data); err != nil {
		return nil, false, err
	}
	log := slog.Default() // standard error: what an upgrade changes is told once
	unlock, err := claimFolder(d.Data)
	switch {
	case errors.Is(err, errInUse):
		beside = true
		var shared *sqlite.Store
		shared, err = sqlite.OpenBeside(ctx, sqlite.DefaultConfig(d.Data))
		store = inFolder{shared, d, log}
	case err == nil:
		opened.add("data folder", unlock)
		store, err = d.openWith(ctx, log, func([]chat.Event) {})
	}
	if err != nil {
		return nil, beside, err
	}
	opened.add("store", store.Close)
	return store, beside, nil
}

func (d dataFolder) knownSecret(context.Context) (account.Secret, error) { return d.KnownSecret() }

// mustBeUsed fails unless dir holds the database of a server.
func mustBeUsed(dir string) error {
	if err := refuseUnfinished(dir); err != nil {
		return err
	}
	switch _, err := os.Stat(filepath.Join(dir, sqlite.FileName)); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("data: no server has run in the folder %s yet, it has no %s", dir, sqlite.FileName)
	case err != nil:
		return fmt.Errorf("data: %w", err)
	}
	return nil
}

// inFolder is a store with the secret in its folder.
type inFolder struct {
	*sqlite.Store
	folder dataFolder
	log    *slog.Logger
}

// Shared implements [Store]: the lock of the folder keeps others out.
func (s inFolder) Shared() Shared { return nil }

// Accounts implements [Store].
func (s inFolder) Accounts(sink account.Sink) account.Store { return s.Store.Accounts(sink) }

// Jobs implements [Store].
func (s inFolder) Jobs() job.Store { return s.Store.Jobs() }

// Usage implements [Store].
func (s inFolder) Usage() usage.Store { return s.Store.Usage() }

// Files implements [Store].
func (s inFolder) Files() upload.Store { return s.Store.Files() }

// Webhooks implements [Store].
func (s inFolder) Webhooks() webhook.Store { return s.Store.Webhooks() }

// Load implements [Store].
func (s inFolder) Load() Load {
	stats := s.Stats()
	return Load{Queued: stats.Queued, Commands: stats.Commands, Batches: stats.Batches}
}

// Secret implements [Store].
func (s inFolder) Secret(context.Context) (account.Secret, error) {
	if s.folder.JWTSecret == "" {
		mended, err := account.MendSecret(s.folder.Data)
		if err != nil {
			return "", err
		}
		if mended {
			s.log.Warn("others could read the signing secret, and sign tokens for anybody; its mode is 0600 now. Delete it for a new one, which signs everybody out",
				"file", filepath.Join(s.folder.Data, account.SecretFile))
		}
	}
	return s.folder.Secret()
}
