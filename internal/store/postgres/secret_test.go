package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/postgres"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/store/suite"
)

const given, another account.Secret = "given-to-all-servers-with-32-bytes", "given-to-one-of-them-with-32-bytes"

func TestOwnTokenSecret(t *testing.T) {
	address := pgtest.Database(t)
	stores := []*postgres.Store{openStore(t, address, discard), openStore(t, address, discard)}
	if _, err := stores[0].KnownTokenSecret(t.Context(), ""); !errors.Is(err, postgres.ErrNoSecret) {
		t.Errorf("before a server has run: %v", err)
	}
	secrets := make([]account.Secret, 8)
	suite.AtOnce(len(secrets), func(i int) {
		secret, err := stores[i%2].TokenSecret(t.Context(), "")
		if err != nil || secret.Validate() != nil {
			t.Errorf("a secret of %d bytes, error %v", len(secret), err)
		}
		secrets[i] = secret
	})
	for _, secret := range secrets {
		if secret != secrets[0] {
			t.Fatal("servers that started at once have different secrets")
		}
	}
	known, err := stores[1].KnownTokenSecret(t.Context(), "")
	if err != nil || known != secrets[0] {
		t.Errorf("it is not known later: %v", err)
	}
	if same, err := stores[0].TokenSecret(t.Context(), known); err != nil || same != known {
		t.Errorf("given the same: %v", err)
	}
	for what, secretFor := range secretsOf(t, stores[0]) {
		if _, err := secretFor(another); !errors.Is(err, postgres.ErrOtherSecret) || !strings.Contains(err.Error(), "in the database") {
			t.Errorf("%s, given another: %v", what, err)
		}
	}
	if other, err := openStore(t, pgtest.Database(t), discard).TokenSecret(t.Context(), ""); err != nil || other == known {
		t.Errorf("another database has the same secret, error %v", err)
	}
}

func TestGivenTokenSecret(t *testing.T) {
	address := pgtest.Database(t)
	store := openStore(t, address, discard)
	for range 2 {
		if secret, err := store.TokenSecret(t.Context(), given); err != nil || secret != given {
			t.Fatalf("given: %v", err)
		}
	}
	for what, secretFor := range secretsOf(t, store) {
		for _, wrong := range []account.Secret{another, ""} {
			if _, err := secretFor(wrong); !errors.Is(err, postgres.ErrOtherSecret) || strings.Contains(err.Error(), string(given)) {
				t.Errorf("%s, %d bytes: %v", what, len(wrong), err)
			}
		}
		if secret, err := secretFor(given); err != nil || secret != given {
			t.Errorf("%s, given: %v", what, err)
		}
	}
	if n := ask(t, address, `SELECT count(*) FROM secrets WHERE value IS NOT NULL`); n != 0 {
		t.Error("the database keeps a secret that was given")
	}
	// What the operator is told to do to change it.
	pgtest.Exec(t, address, `DELETE FROM secrets`)
	if secret, err := store.TokenSecret(t.Context(), another); err != nil || secret != another {
		t.Errorf("changed: %v", err)
	}
}

func secretsOf(t *testing.T, store *postgres.Store) map[string]func(account.Secret) (account.Secret, error) {
	return map[string]func(account.Secret) (account.Secret, error){
		"a server":  func(given account.Secret) (account.Secret, error) { return store.TokenSecret(t.Context(), given) },
		"a command": func(given account.Secret) (account.Secret, error) { return store.KnownTokenSecret(t.Context(), given) },
	}
}
