package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// An empty file, as a full disk or a broken copy leaves it, is not taken for a new database.
func TestEmptyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, sqlite.FileName)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(dir), discard)
	if err == nil || !strings.Contains(err.Error(), path+" is empty") {
		t.Fatalf("got %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("it was written to: %v, %v", info, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	openStore(t, dir, discard)
}
