package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// TestOpenBeside writes from both sides at once: each waits for the other, and sees what it did.
func TestOpenBeside(t *testing.T) {
	cfg := sqlite.DefaultConfig(t.TempDir())
	cfg.BusyTimeout = time.Minute
	server, err := sqlite.Open(t.Context(), cfg, func([]chat.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, server)
	beside, err := sqlite.OpenBeside(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	const each = 20
	var writing sync.WaitGroup
	sides := map[string]*sqlite.Accounts{
		"server": server.Accounts(func([]account.Event) {}), "beside": beside.Accounts(func([]account.Event) {}),
	}
	for side, accounts := range sides {
		writing.Go(func() {
			for i := range each {
				k := account.APIKey{ID: fmt.Sprint(side, i), Name: side, Scopes: []account.Scope{account.ScopeAll}, CreatedAt: time.Now()}
				if err := accounts.CreateAPIKey(t.Context(), k, []byte(k.ID)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	for side, accounts := range sides {
		if keys, err := accounts.APIKeys(t.Context()); len(keys) != 2*each || err != nil {
			t.Errorf("%s sees %d keys, %v", side, len(keys), err)
		}
	}
	closeStore(t, beside)
	if _, found, err := sides["server"].APIKeyByHash(t.Context(), []byte("beside0")); !found || err != nil {
		t.Errorf("after the other has closed: %v, %v", found, err)
	}
}

func TestOpenBesideLeavesTheSchema(t *testing.T) {
	cfg := sqlite.DefaultConfig(t.TempDir())
	if _, err := sqlite.OpenBeside(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("an empty database: %v", err)
	}
	db, err := sql.Open("sqlite", filepath.Join(cfg.Dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var tables int
	if err := db.QueryRowContext(context.Background(), `SELECT count(*) FROM sqlite_master WHERE name = 'api_keys'`).Scan(&tables); err != nil || tables != 0 {
		t.Errorf("%d tables, %v", tables, err)
	}
}

func closeStore(t *testing.T, s *sqlite.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
