package sqlite_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"
)

// TestMigrationsAreASequence: their numbers have no holes, and a new database has the
// newest of them. A database with a number that is unknown is refused, so that no
// number may be given to another migration once it is released.
func TestMigrationsAreASequence(t *testing.T) {
	files, err := os.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`^\d{5}_[a-z_]+\.sql$`)
	for i, file := range files {
		if !name.MatchString(file.Name()) || file.Name()[:5] != fmt.Sprintf("%05d", i+1) {
			t.Errorf("migration %d is %s", i+1, file.Name())
		}
	}
	dir := t.TempDir()
	openStore(t, dir, discard)
	version := ask(t, dir, `SELECT max(version_id) FROM goose_db_version`)
	if len(version) != 1 || version[0] != fmt.Sprint(len(files)) {
		t.Errorf("a new database has version %v, want %d", version, len(files))
	}
}
