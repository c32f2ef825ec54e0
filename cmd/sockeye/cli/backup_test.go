package cli_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sockeye-im/sockeye/cmd/sockeye/cli"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/config"
)

// keep runs the program with the data of real folders.
func keep(t *testing.T, stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = cli.Program{
		Accounts: app.OpenAccounts, Backup: app.Backup, Restore: app.Restore, Version: "1.2.3",
		Stdin: stdin, Stdout: &out, Stderr: &problems, Lookup: func(string) (string, bool) { return "", false },
	}.Run(t.Context(), args)
	return code, out.String(), problems.String()
}

// keeps wants success, and returns what was said.
func keeps(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	code, stdout, stderr := keep(t, nil, args...)
	if code != 0 || stderr != "" {
		t.Fatalf("%v: exit %d, %s", args, code, stderr)
	}
	return stdout
}

// furnished is the folder of a server with a user and more files.
func furnished(t *testing.T) (data string) {
	t.Helper()
	data = usedFolder(t)
	if code, _, stderr := operateWith(t, "a long password", "user", "create", "--data", data, "ada"); code != 0 {
		t.Fatal(stderr)
	}
	for name, content := range map[string]string{"acme/chat.example": "certificate", "acme/deep/key": "key", ".jwt.secret-1": "passing", "later.key": "a later version's"} {
		path := filepath.Join(data, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

// tree lists the files of a folder, with what stands in small ones.
func tree(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		if strings.HasPrefix(name, "sockeye.") {
			content = nil
		}
		info, infoErr := entry.Info()
		if infoErr == nil && info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		files = append(files, name+" "+string(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestBackupAndRestore(t *testing.T) {
	data, file := furnished(t), filepath.Join(t.TempDir(), "b")
	if said := keeps(t, "backup", "--data", data, file); !strings.Contains(said, file+": the data of ") || !strings.Contains(said, "in 5 files") {
		t.Errorf("backup says %q", said)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	if said := keeps(t, "verify", file); !strings.HasPrefix(said, file+" is good: ") || !strings.Contains(said, "by sockeye 1.2.3") {
		t.Errorf("verify says %q", said)
	}
	secret, err := os.ReadFile(filepath.Join(data, "jwt.secret"))
	if err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"new": filepath.Join(t.TempDir(), "deep"), "empty": t.TempDir()} {
		if said := keeps(t, "restore", "--data", dir, file); !strings.Contains(said, "--data "+dir) {
			t.Errorf("restore says %q", said)
		}
		want := []string{"acme/chat.example certificate", "acme/deep/key key", "jwt.secret " + string(secret), "later.key a later version's", "sockeye.db ", "sockeye.lock "}
		if got := tree(t, dir); !slices.Equal(got, want) {
			t.Errorf("a %s folder has %q", name, got)
		}
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("a %s folder has mode %v, %v", name, info.Mode(), err)
		}
		if users := keeps(t, "user", "list", "--data", dir); !strings.Contains(users, "ada") {
			t.Errorf("a %s folder has the users %s", name, users)
		}
	}
}

// TestBackupFollowsLinks: a data folder that is a link, and links in it, are kept as what they lead to.
func TestBackupFollowsLinks(t *testing.T) {
	data, elsewhere := furnished(t), t.TempDir()
	link := filepath.Join(elsewhere, "link")
	for from, to := range map[string]string{
		data: link, data + "/acme": elsewhere + "/again", elsewhere + "/again": data + "/certificates", data + "/later.key": data + "/linked.key", "/nowhere/at/all": data + "/dangling",
	} {
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	file, dir := filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "new")
	code, said, problems := keep(t, nil, "backup", "--data", link, file)
	if code != 0 || !strings.Contains(said, "in 6 files") || strings.Count(problems, "not in the backup") != 2 || !strings.Contains(problems, "dangling") {
		t.Fatalf("exit %d, %s, %s", code, said, problems)
	}
	keeps(t, "restore", "--data", dir, file)
	if got := tree(t, dir); !slices.Contains(got, "linked.key a later version's") || !slices.Contains(got, "acme/deep/key key") {
		t.Errorf("it has %q", got)
	}
}

// TestBackupThroughPipes: standard output is the backup and nothing else.
func TestBackupThroughPipes(t *testing.T) {
	code, file, said := keep(t, nil, "backup", "--data", furnished(t), "-")
	if code != 0 || !strings.HasPrefix(said, "standard output: the data of ") {
		t.Fatalf("exit %d, %s", code, said)
	}
	if code, said, problems := keep(t, strings.NewReader(file), "verify", "-"); code != 0 || !strings.HasPrefix(said, "standard input is good") {
		t.Errorf("exit %d, %s, %s", code, said, problems)
	}
	dir := filepath.Join(t.TempDir(), "new")
	if code, _, problems := keep(t, strings.NewReader(file), "restore", "--data", dir, "-"); code != 0 {
		t.Fatalf("exit %d, %s", code, problems)
	}
	if users := keeps(t, "user", "list", "--data", dir); !strings.Contains(users, "ada") {
		t.Errorf("the users are %s", users)
	}
}

// TestBackupRefusals: each has words that say what to do, and changes nothing.
func TestBackupRefusals(t *testing.T) {
	data, folder := furnished(t), t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	good := path("good")
	keeps(t, "backup", "--data", data, good)
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for name, content := range map[string][]byte{
		"flipped": flipped, "short": whole[:len(whole)/2], "novel": []byte("It was a dark and stormy night, said the server."), "empty": nil,
		"newer":  bytes.Replace(whole, []byte(`"format": 1,`), []byte(`"format": 7,`), 1),
		"schema": regexp.MustCompile(`"(schema|readableFrom)": \d`).ReplaceAll(whole, []byte(`"$1": 9`)), // of two digits, as now
	} {
		if err := os.WriteFile(path(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(path("full/of"), 0o700); err != nil {
		t.Fatal(err)
	}
	running := usedFolder(t)
	openAccounts(t, running)
	for _, test := range []struct {
		says string
		args []string
	}{
		{"no server has run in the folder", []string{"backup", "--data", path("nowhere"), path("b")}},
		{"pg_dump --format=custom --file=" + path("b"), []string{"backup", "--data", data, "--database", "postgres://ada:hunter2@db.example/chat", path("b")}},
		{"inside the data folder", []string{"backup", "--data", data, filepath.Join(data, "b")}},
		{"inside the data folder", []string{"backup", "--data", data, filepath.Join(data, "acme", "b")}},
		{"there is no folder " + path("nowhere"), []string{"backup", "--data", data, path("nowhere/b")}},
		{"is a folder: name a file in it", []string{"backup", "--data", data, folder}},
		{"not replaced", []string{"backup", "--data", data, path("novel")}},
		{"there is no file", []string{"verify", path("nothing")}},
		{"is a folder", []string{"verify", folder}},
		{"damaged: the SHA-256 of data/sockeye.db", []string{"verify", path("flipped")}},
		{"cut off", []string{"verify", path("short")}},
		{"no backup of sockeye", []string{"verify", path("novel")}},
		{"it is empty", []string{"verify", path("empty")}},
		{"a newer version", []string{"verify", path("newer")}},
		{"damaged: the SHA-256 of data/sockeye.db", []string{"restore", "--data", path("new"), path("flipped")}},
		{"cut off", []string{"restore", "--data", path("new"), path("short")}},
		{"no backup of sockeye", []string{"restore", "--data", path("new"), path("novel")}},
		{"a newer version", []string{"restore", "--data", path("new"), path("newer")}},
		{"a newer version of sockeye: its schema is version 9", []string{"restore", "--data", path("new"), path("schema")}},
		{"not empty, it has of", []string{"restore", "--data", path("full"), good}},
		{"holds the data of a server", []string{"restore", "--data", data, good}},
		{"in use by another server", []string{"restore", "--data", running, good}},
		{"is a file", []string{"restore", "--data", good, good}},
	} {
		code, _, stderr := keep(t, nil, test.args...)
		if code == 0 || !strings.Contains(stderr, test.says) {
			t.Errorf("%v: exit %d, %q does not say %q", test.args, code, stderr, test.says)
		}
	}
	if names, _ := filepath.Glob(path("*")); len(names) != 8 {
		t.Errorf("left behind: %v", names)
	}
	keeps(t, "verify", good)
}

// TestUnfinishedRestore: a folder that holds a part of a backup is used by nothing but another restore.
func TestUnfinishedRestore(t *testing.T) {
	data, good := furnished(t), filepath.Join(t.TempDir(), "good")
	keeps(t, "backup", "--data", data, good)
	if err := os.WriteFile(filepath.Join(data, "restore.unfinished"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"backup", "--data", data, good}, {"user", "list", "--data", data}} {
		if code, _, stderr := keep(t, nil, args...); code == 0 || !strings.Contains(stderr, "Run sockeye restore again") {
			t.Errorf("%v: exit %d, %s", args, code, stderr)
		}
	}
	if err := app.Run(t.Context(), configOf(t, data), slog.New(slog.DiscardHandler), nil); err == nil || !strings.Contains(err.Error(), "not finished") {
		t.Errorf("the server: %v", err)
	}
	keeps(t, "restore", "--data", data, good)
	keeps(t, "user", "list", "--data", data)
}

func configOf(t *testing.T, data string) config.Config {
	t.Helper()
	c, err := config.Parse([]string{"--data", data, "--listen", "127.0.0.1:0"}, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestInterrupted: whoever stops a command is told that, and no more.
func TestInterrupted(t *testing.T) {
	data, file := furnished(t), filepath.Join(t.TempDir(), "b")
	keeps(t, "backup", "--data", data, file)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := filepath.Join(t.TempDir(), "new")
	for _, args := range [][]string{{"backup", "--data", data, file + "2"}, {"verify", file}, {"restore", "--data", dir, file}, {"doctor", "--data", data}} {
		var out, problems bytes.Buffer
		code := cli.Program{
			Backup: app.Backup, Restore: app.Restore, Doctor: app.Doctor, Stdout: &out, Stderr: &problems, Lookup: func(string) (string, bool) { return "", false },
		}.Run(ctx, args)
		if code != 130 || !strings.Contains(problems.String(), "interrupted") || strings.Contains(problems.String(), "not good") || out.Len() > 0 {
			t.Errorf("%v: exit %d, %q, %q", args, code, out.String(), problems.String())
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a folder was left behind")
	}
	if names, _ := filepath.Glob(file + "*"); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

// fails is a standard output of which the first write fails, or ends the command.
type fails struct {
	err error
	end context.CancelFunc
}

func (f fails) Write(b []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	f.end()
	return len(b), nil
}

// TestHalfABackupOnStandardOutput: what cannot be taken back is not said to be gone.
func TestHalfABackupOnStandardOutput(t *testing.T) {
	data := furnished(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, test := range []struct {
		out  io.Writer
		code int
		says string
	}{
		{fails{err: syscall.ENOSPC}, 1, "the disk of standard output is full"},
		{fails{err: syscall.EPIPE}, 1, "whoever read standard output has ended"},
		{fails{err: io.ErrClosedPipe}, 1, "closed pipe"},
		{fails{end: cancel}, 130, "interrupted"},
	} {
		var problems bytes.Buffer
		code := cli.Program{
			Backup: app.Backup, Stdout: test.out, Stderr: &problems, Lookup: func(string) (string, bool) { return "", false },
		}.Run(ctx, []string{"backup", "--data", data, "-"})
		if said := problems.String(); code != test.code || !strings.Contains(said, test.says) || !strings.Contains(said, "no backup: remove it") || strings.Contains(strings.ToLower(said), "nothing was left") {
			t.Errorf("exit %d, %q, want %d, %q", code, said, test.code, test.says)
		}
	}
}
