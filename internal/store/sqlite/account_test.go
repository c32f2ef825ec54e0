package sqlite_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// Whoever publishes to a sink that ends after the store must not find it ended.
func TestCloseWaitsForAccountEvents(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	var published atomic.Bool
	store, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(t.TempDir()), discard)
	if err != nil {
		t.Fatal(err)
	}
	accounts := store.Accounts(func([]account.Event) {
		close(entered)
		<-release
		published.Store(true)
	})
	ensure := func(name string) error {
		_, _, err := accounts.EnsureUser(t.Context(), account.EnsureUser{Issuer: account.OwnIssuer, ID: "ada", Name: name, Rename: true, At: time.UnixMilli(1)})
		return err
	}
	if err := ensure("Ada"); err != nil {
		t.Fatal(err)
	}
	renamed := make(chan error, 1)
	go func() { renamed <- ensure("Countess") }()
	<-entered
	closed := make(chan bool, 1)
	go func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		closed <- published.Load()
	}()
	for store.Ping(t.Context()) == nil { //nolint:revive // until it is closing
	}
	for range 1000 { // time enough to be closed
		_ = store.Ping(t.Context())
	}
	close(release)
	if err := <-renamed; err != nil {
		t.Error(err)
	}
	if !<-closed {
		t.Error("the store was closed before its last event was published")
	}
}
