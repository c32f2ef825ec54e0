package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// errInUse says that another server has the data folder.
var errInUse = errors.New("in use by another server")

// OpenAccounts opens the accounts of a data folder for the operator's commands.
// With a server on the folder it opens them beside: the server learns what it reads
// anew each time, which users and API keys are, and what it looks for, which is whose
// tokens are all revoked (see [account.Service.Heed]). Single tokens it does not look
// for, and events are told to nobody. A folder in which no server has ever run is an
// error and stays as it is, because its name is most likely a slip. closeAll must be
// called, unless there is an error.
func OpenAccounts(ctx context.Context, signing config.Signing) (accounts *account.Service, closeAll func() error, err error) {
	if err := mustBeUsed(signing.Data); err != nil {
		return nil, nil, err
	}
	var opened parts
	closeOpened := func() error {
		var errs []error
		for _, part := range slices.Backward(opened) {
			errs = append(errs, part.stop())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeOpened())
		}
	}()
	store, beside, err := openForOperator(ctx, signing.Data, &opened)
	if err != nil {
		return nil, nil, err
	}
	secret, err := signing.Secret()
	if err != nil {
		return nil, nil, err
	}
	issuer, err := account.NewIssuer(secret, time.Now)
	if err != nil {
		return nil, nil, err
	}
	verifiers, err := account.NewVerifiers(ctx, account.TrustConfig{Secret: secret, Now: time.Now})
	if err != nil {
		return nil, nil, err
	}
	opened.add("verifiers", func() error { verifiers.Stop(); return nil })
	accounts, err = account.New(ctx, account.DefaultConfig(), account.Deps{
		Store: store.Accounts(func([]account.Event) {}), Verifier: verifiers, Issuer: issuer, Now: time.Now, Beside: beside,
	})
	return accounts, closeOpened, err
}

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

// openForOperator tells too whether a server has the folder.
func openForOperator(ctx context.Context, dir string, opened *parts) (store *sqlite.Store, beside bool, err error) {
	cfg := sqlite.DefaultConfig(dir)
	cfg.Log = slog.Default() // standard error: what an upgrade changes is told once
	unlock, err := claimFolder(dir)
	switch {
	case errors.Is(err, errInUse):
		beside = true
		store, err = sqlite.OpenBeside(ctx, cfg)
	case err == nil:
		opened.add("data folder", unlock)
		store, err = sqlite.Open(ctx, cfg, func([]chat.Event) {})
	}
	if err != nil {
		return nil, beside, err
	}
	opened.add("store", store.Close)
	return store, beside, nil
}
