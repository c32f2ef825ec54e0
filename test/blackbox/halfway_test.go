package blackbox_test

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKilledHalfway and its long form kill what makes or changes a data folder or a backup at any moment: nothing that is
// half done is taken for whole, and doing it again makes it whole.
func TestKilledHalfway(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	killHalfway(t, 3)
}

func TestSoakKilledHalfway(t *testing.T) {
	soak(t)
	killHalfway(t, 20)
}

func killHalfway(t *testing.T, kills int) {
	t.Run("backup", func(t *testing.T) { killBackups(t, kills) })
	t.Run("restore", func(t *testing.T) { killRestores(t, kills) })
	t.Run("migration", func(t *testing.T) { killMigrations(t, kills) })
}

// manyUsers is how many an old database has, so that everything takes a moment.
const manyUsers = 20_000

// oldDatabase makes a data folder as an earlier version left it.
func oldDatabase(t *testing.T) (data string) {
	t.Helper()
	packed, err := os.Open("../../internal/store/sqlite/testdata/schema-05.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = packed.Close() }()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	data = t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "sockeye.db"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	db := openDatabase(t, data)
	_, err = db.ExecContext(t.Context(), fmt.Sprintf(`
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO users (id, name, created_at, indexed_name) SELECT 'm-' || i, '林小雨' || i, 1000, '林小雨' || i FROM n;
		INSERT INTO user_terms (term, user_id) SELECT name, id FROM users WHERE id LIKE 'm-%%';`, manyUsers))
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return data
}

func openDatabase(t *testing.T, data string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "sockeye.db")+"?_pragma=busy_timeout(60000)")
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// holds is what a database holds: its schema, how many users there are, and whether it is whole.
func holds(t *testing.T, data string) (schema, users int) {
	t.Helper()
	db := openDatabase(t, data)
	defer func() { _ = db.Close() }()
	var whole string
	err := errors.Join(
		db.QueryRowContext(t.Context(), `SELECT max(version_id) FROM goose_db_version`).Scan(&schema),
		db.QueryRowContext(t.Context(), `SELECT count(*) FROM users`).Scan(&users),
		db.QueryRowContext(t.Context(), `PRAGMA quick_check`).Scan(&whole),
	)
	if err != nil || whole != "ok" {
		t.Fatalf("%s: %v, %s", data, err, whole)
	}
	return schema, users
}

// newData is the data folder of a server of now that has much.
func newData(t *testing.T) (data string) {
	t.Helper()
	data = oldDatabase(t)
	s := start(t, setup{shipped: true, data: data})
	s.stop()
	return data
}

// killer kills a command at a random moment of the time that it takes.
type killer struct {
	path  string
	takes time.Duration // as the first run took, which was left alone
}

// run reports whether the command ended by itself, well.
func (k *killer) run(t *testing.T, args ...string) (whole bool) {
	t.Helper()
	command := exec.Command(k.path, args...)
	command.Env = environment(true)
	began := time.Now()
	if k.takes == 0 {
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("sockeye %v: %v\n%s", args, err, out)
		}
		k.takes = time.Since(began)
		return true
	}
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(rand.Int64N(int64(k.takes)))) // any moment is as good as another
	_ = command.Process.Kill()
	err := command.Wait()
	if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); err != nil && (!ok || !status.Signaled()) {
		t.Fatalf("sockeye %v: %v\n%s", args, err, &said)
	}
	return err == nil
}

func newKiller(t *testing.T) *killer {
	t.Helper()
	path, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	return &killer{path: path}
}

func killBackups(t *testing.T, kills int) {
	data, folder := newData(t), t.TempDir()
	file := filepath.Join(folder, "backup")
	k := newKiller(t)
	k.run(t, "backup", "--data", data, file)
	done := 0
	for i := range kills {
		if i%2 == 0 { // beside an older one, or alone
			if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		_, missing := os.Stat(file)
		if k.run(t, "backup", "--data", data, file) {
			done++
		}
		if _, err := os.Stat(file); err == nil {
			runSockeye(t, nil, "verify", file)
		} else if missing == nil {
			t.Errorf("the older backup is gone: %v", err)
		}
	}
	runSockeye(t, nil, "backup", "--data", data, file)
	runSockeye(t, nil, "verify", file)
	if names, _ := filepath.Glob(folder + "/*"); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
	t.Logf("%d of %d had ended by themselves", done, kills)
}

func killRestores(t *testing.T, kills int) {
	file := filepath.Join(t.TempDir(), "backup")
	runSockeye(t, nil, "backup", "--data", newData(t), file)
	k := newKiller(t)
	k.run(t, "restore", "--data", filepath.Join(t.TempDir(), "first"), file)
	whole, half := 0, 0
	for range kills {
		dir := filepath.Join(t.TempDir(), "restored")
		k.run(t, "restore", "--data", dir, file)
		out, err := exec.Command(k.path, "user", "list", "--data", dir).CombinedOutput()
		if err == nil {
			whole++
			if _, users := holds(t, dir); users != manyUsers+3 {
				t.Errorf("%d users are there", users)
			}
			continue
		}
		half++
		if !strings.Contains(string(out), "not finished") && !strings.Contains(string(out), "no server has run") {
			t.Errorf("half a folder: %s", out)
		}
		runSockeye(t, nil, "restore", "--data", dir, file)
		if _, users := holds(t, dir); users != manyUsers+3 {
			t.Errorf("%d users are there after another restore", users)
		}
	}
	t.Logf("%d were whole, %d were not", whole, half)
}

func killMigrations(t *testing.T, kills int) {
	data := oldDatabase(t)
	began := time.Now()
	first := start(t, setup{shipped: true, data: data})
	takes := time.Since(began)
	first.stop()
	newest, _ := holds(t, data)
	before, after := 0, 0
	for range kills {
		data := oldDatabase(t)
		s := launch(t, setup{shipped: true, data: data})
		time.Sleep(time.Duration(rand.Int64N(int64(takes))))
		s.kill()
		switch schema, users := holds(t, data); {
		case users != manyUsers+3:
			t.Errorf("%d users are there", users)
		case schema == 5:
			before++
		case schema == newest:
			after++
		default:
			t.Errorf("the schema is %d", schema)
		}
		start(t, setup{shipped: true, data: data}).stop()
		if schema, users := holds(t, data); schema != newest || users != manyUsers+3 {
			t.Errorf("then the schema is %d, and there are %d users", schema, users)
		}
	}
	t.Logf("%d were as before, %d were changed", before, after)
}
