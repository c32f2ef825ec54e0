package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/broadcast"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/store/accounttest"
	"github.com/sockeye-im/sockeye/internal/store/broadcasttest"
	"github.com/sockeye-im/sockeye/internal/store/filetest"
	"github.com/sockeye-im/sockeye/internal/store/jobtest"
	"github.com/sockeye-im/sockeye/internal/store/pushtest"
	"github.com/sockeye-im/sockeye/internal/store/scheduletest"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
	"github.com/sockeye-im/sockeye/internal/store/storetest"
	"github.com/sockeye-im/sockeye/internal/store/suite"
	"github.com/sockeye-im/sockeye/internal/store/usagetest"
	"github.com/sockeye-im/sockeye/internal/store/webhooktest"
	"github.com/sockeye-im/sockeye/internal/upload"
	"github.com/sockeye-im/sockeye/internal/usage"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		os.Exit(victim(dir))
	}
	goleak.VerifyTestMain(m)
}

func TestConformance(t *testing.T) {
	asked := collectStatements(t)
	newDriver := func(t *testing.T) suite.Driver { return driver{t.TempDir(), asked} }
	t.Run("Chats", func(t *testing.T) { storetest.Run(t, newDriver) })
	t.Run("Accounts", func(t *testing.T) { accounttest.Run(t, newDriver) })
	t.Run("Webhooks", func(t *testing.T) {
		webhooktest.Run(t, func(t *testing.T) webhooktest.Driver { return driver{t.TempDir(), asked} })
	})
	t.Run("Jobs", func(t *testing.T) {
		jobtest.Run(t, func(t *testing.T) jobtest.Driver { return jobDriver{t.TempDir(), asked} })
	})
	t.Run("Later", func(t *testing.T) {
		scheduletest.Run(t, func(t *testing.T) scheduletest.Driver { return laterDriver{t.TempDir(), asked} })
	})
	t.Run("Broadcasts", func(t *testing.T) {
		broadcasttest.Run(t, func(t *testing.T) broadcasttest.Driver { return broadcastDriver{t.TempDir(), asked} })
	})
	t.Run("Push", func(t *testing.T) {
		pushtest.Run(t, func(t *testing.T) pushtest.Driver { return pushDriver{t.TempDir(), asked} })
	})
	t.Run("Files", func(t *testing.T) {
		filetest.Run(t, func(t *testing.T) filetest.Driver { return driver{t.TempDir(), asked} })
	})
	t.Run("Usage", func(t *testing.T) {
		usagetest.Run(t, func(t *testing.T) usagetest.Driver { return usageDriver{t.TempDir(), asked} })
	})
}

// usageDriver is driver for what the server is used for.
type usageDriver driver

func (d usageDriver) Open(t testing.TB) (chat.Store, usage.Store) {
	var s *sqlite.Store
	t.Cleanup(func() { d.asked.of(s) }) // once it is closed
	s = openStore(t, d.dir, discard)
	return s, s.Usage()
}

// broadcastDriver is driver for what is said to many.
type broadcastDriver driver

func (d broadcastDriver) Open(t testing.TB) (broadcast.Store, job.Store) {
	var s *sqlite.Store
	t.Cleanup(func() { d.asked.of(s) }) // once it is closed
	s = openStore(t, d.dir, discard)
	return s, s.Jobs()
}

// pushDriver is driver for devices that get notifications.
type pushDriver driver

func (d pushDriver) Open(t testing.TB) push.Store {
	var s *sqlite.Store
	t.Cleanup(func() { d.asked.of(s) }) // once it is closed
	s = openStore(t, d.dir, discard)
	return s
}

// laterDriver is driver for messages that are sent later.
type laterDriver driver

func (d laterDriver) Open(t testing.TB, chats chat.Sink) (chat.Store, job.Store) {
	var s *sqlite.Store
	t.Cleanup(func() { d.asked.of(s) }) // once it is closed
	s = openStore(t, d.dir, chats)
	return s, s.Jobs()
}

// jobDriver is driver for jobs. Nobody else has the database.
type jobDriver driver

func (d jobDriver) Open(t testing.TB) job.Store {
	var s *sqlite.Store
	t.Cleanup(func() { d.asked.of(s) }) // once it is closed
	s = openStore(t, d.dir, discard)
	return s.Jobs()
}

func (d jobDriver) Beside(_ testing.TB, first job.Store) job.Store { return first }

func (d jobDriver) Cause(ctx context.Context, in job.Store, jobs []job.Job, fail error) error {
	return in.(*sqlite.Jobs).Cause(ctx, jobs, fail)
}

func (d driver) Files(of chat.Store) upload.Store { return of.(*sqlite.Store).Files() }

func (d driver) JobsOf(chats chat.Store) job.Store { return chats.(*sqlite.Store).Jobs() }

func (d driver) Webhooks(of chat.Store) webhook.Store { return of.(*sqlite.Store).Webhooks() }

func (d jobDriver) Chats(of job.Store) jobtest.Chats { return of.(*sqlite.Jobs).Store() }

func (d jobDriver) Rename(ctx context.Context, in job.Store, user account.UserID, name string) error {
	_, _, err := in.(*sqlite.Jobs).Store().Accounts(func([]account.Event) {}).EnsureUser(ctx, account.EnsureUser{
		Issuer: account.OwnIssuer, ID: user, Name: name, Rename: true, At: time.UnixMilli(1),
	})
	return err
}

// driver opens the database of a folder, and collects what is asked of it.
type driver struct {
	dir   string
	asked *statements
}

func (d driver) Open(t testing.TB, chats chat.Sink, accounts account.Sink) (chat.Store, account.Store) {
	var s *sqlite.Store
	t.Cleanup(func() { d.asked.of(s) }) // once it is closed
	s = openStore(t, d.dir, chats)
	return s, s.Accounts(accounts)
}

// execute runs a statement on the database of a folder.
func execute(t testing.TB, dir, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.FileName)+"?_pragma=busy_timeout(60000)")
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), statement)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// ask returns the rows that a query finds in the database of a folder, as text.
func ask(t testing.TB, dir, query string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.FileName)+"?_pragma=busy_timeout(60000)")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(errors.Join(err, db.Close()))
	}
	columns, err := rows.Columns()
	var found []string
	for err == nil && rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		err = rows.Scan(into...)
		found = append(found, fmt.Sprint(values...))
	}
	if err := errors.Join(err, rows.Err(), rows.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	return found
}

// eventually waits for what happens behind the scenes.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func openStore(t testing.TB, dir string, sink chat.Sink) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(dir), sink)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, s)
	return s
}

func closeAtEnd(t testing.TB, s *sqlite.Store) {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func discard([]chat.Event) {}

// message is a message from anna to bert.
func message(id, content string) chat.Append {
	return chat.Append{Message: chat.Message{
		ID: id, ConversationID: chat.DirectID("anna", "bert"), SenderID: "anna", SenderName: "Anna", RecipientID: "bert",
		Content: content, Type: chat.TypeText, Timestamp: time.UnixMilli(1_700_000_000_000).UTC(),
	}}
}

func history(t testing.TB, s *sqlite.Store) []chat.Message {
	t.Helper()
	page, err := s.Messages(t.Context(), chat.MessageQuery{ConversationID: chat.DirectID("anna", "bert"), Limit: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	return page.Messages
}

func TestWriterIsDurable(t *testing.T) {
	s := openStore(t, t.TempDir(), discard)
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1"} {
		got, err := s.WriterPragma(t.Context(), pragma)
		if err != nil || got != want {
			t.Errorf("%s is %q, error %v, want %q", pragma, got, err, want)
		}
	}
}

func TestReadersCannotWrite(t *testing.T) {
	s := openStore(t, t.TempDir(), discard)
	err := s.ReaderExec(t.Context(), `INSERT INTO users (id, name, created_at) VALUES ('x', 'x', 0)`)
	if err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("a reader wrote: error %v", err)
	}
}

func TestFilesAreTheOwnersOnly(t *testing.T) {
	// A name that means something in a URI must not lead elsewhere.
	dir := filepath.Join(t.TempDir(), "da ta?mode=memory#100%41")
	s := openStore(t, dir, discard)
	if _, err := s.AppendMessage(t.Context(), message("m1", "hi")); err != nil {
		t.Fatal(err)
	}
	wants := map[string]os.FileMode{"": 0o700, sqlite.FileName: 0o600, sqlite.FileName + "-wal": 0o600, sqlite.FileName + "-shm": 0o600}
	for name, want := range wants {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%q has permissions %o, want %o", name, got, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	notADatabase := t.TempDir()
	if err := os.WriteFile(filepath.Join(notADatabase, sqlite.FileName), []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := t.TempDir()
	first, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(newer), discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, newer, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1);
		UPDATE server SET readable_from = 99999`)

	noReaders := sqlite.DefaultConfig(t.TempDir())
	noReaders.Readers = 0
	for name, test := range map[string]struct {
		cfg  sqlite.Config
		sink chat.Sink
		want string
	}{
		"no folder":        {sqlite.DefaultConfig(""), discard, "folder"},
		"no sink":          {sqlite.DefaultConfig(t.TempDir()), nil, "sink"},
		"no readers":       {noReaders, discard, "readers"},
		"folder is a file": {sqlite.DefaultConfig(file), discard, "not a directory"},
		"not a database":   {sqlite.DefaultConfig(notADatabase), discard, "not a database"},
		"newer schema":     {sqlite.DefaultConfig(newer), discard, "newer"},
	} {
		s, err := sqlite.Open(t.Context(), test.cfg, test.sink)
		if err == nil {
			closeAtEnd(t, s)
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one about %q", name, err, test.want)
		}
	}
}

func TestPing(t *testing.T) {
	s, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(t.TempDir()), discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("an open store: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(context.Background()); err == nil {
		t.Error("a closed store answered the ping")
	}
}
