package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/config"
)

// errInUse says that another server has the data folder.
var errInUse = errors.New("in use by another server")

// OpenAccounts opens the accounts of a server for the operator's commands.
// While the server runs it opens them beside: the server of a folder learns what it reads
// anew each time, which users and API keys are, and what it looks for, which is whose
// tokens are all revoked (see [account.Service.Heed]). Single tokens it does not look
// for, and events are told to nobody. The servers of a database hear of everything. A
// folder or database in which no server has ever run is an error and stays as it is,
// because its name is most likely a slip. closeAll must be called, unless there is an
// error.
func OpenAccounts(ctx context.Context, signing config.Signing) (accounts *account.Service, closeAll func() error, err error) {
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
	store, beside, err := databaseOf(signing).openForOperator(ctx, &opened)
	if err != nil {
		return nil, nil, err
	}
	secret, err := store.Secret(ctx)
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
	var heeded func(context.Context) error
	if shared, is := store.(inPostgres); is {
		heeded = shared.AwaitNodes
	}
	accounts, err = account.New(ctx, account.DefaultConfig(), account.Deps{
		Store: store.Accounts(func([]account.Event) {}), Verifier: verifiers, Issuer: issuer, Now: time.Now, Beside: beside, Heeded: heeded,
	})
	return accounts, closeOpened, err
}

// KnownSecret returns the secret by which a server signs tokens, whether it runs or not. Where there is none it makes
// none: no server would know it.
func KnownSecret(ctx context.Context, signing config.Signing) (account.Secret, error) {
	return databaseOf(signing).knownSecret(ctx)
}
