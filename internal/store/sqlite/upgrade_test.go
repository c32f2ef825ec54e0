package sqlite_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// older unpacks a database that an older program has written: three local accounts (ada, lin, grace), a user of each of
// two other issuers, a friendship, a direct conversation, and rooms. "lobby" and an unnamed one kept messages for 30
// days, which was the default; "archive" keeps them for ever and "week" for 7 days, by the choice of their admins.
func older(t *testing.T) (dir string) {
	t.Helper()
	return unpack(t, filepath.Join("testdata", "b9f7d51.db.gz"))
}

// unpack makes a folder with a database of testdata.
func unpack(t *testing.T, file string) (dir string) {
	t.Helper()
	packed, err := os.Open(file)
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
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, sqlite.FileName), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// kept is all that an upgrade must leave as it is.
var kept = []string{
	`SELECT id, name, coalesce(username, ''), admin, created_at FROM users ORDER BY id`,
	`SELECT user_id, username_key, password_hash FROM local_accounts ORDER BY user_id`,
	`SELECT user_a, user_b, created_at FROM friends ORDER BY user_a`,
	`SELECT id, name, type, max_members, created_by FROM rooms ORDER BY id`,
	`SELECT id, head_seq, first_seq, member_count, last_at FROM conversations ORDER BY id`,
	`SELECT conversation_id, user_id, role, joined_seq FROM members ORDER BY conversation_id, user_id`,
	`SELECT id, seq, sender_id, content, coalesce(reply_to, ''), coalesce(mentions, ''), coalesce(pinned_by, '') FROM messages ORDER BY ordinal`,
	`SELECT message_id, emoji, user_id FROM reactions ORDER BY message_id, user_id`,
	`SELECT conversation_id, user_id, seq FROM read_marks ORDER BY conversation_id, user_id`,
}

const retentions = `SELECT id || ' ' || retention_ms FROM rooms ORDER BY id`

// TestUpgradeKeepsRoomsForEver: rooms that forgot after exactly 30 days, without anybody having been told, keep
// everything from the upgrade on; the log says which; nothing else is different, and nothing is lost.
func TestUpgradeKeepsRoomsForEver(t *testing.T) {
	dir := older(t)
	const unnamed = "01a2293f-7a0d-77d0-9c1e-08532b46ec9f"
	before := map[string][]string{}
	for _, query := range kept {
		before[query] = ask(t, dir, query)
		if len(before[query]) == 0 {
			t.Fatalf("the older database has nothing for %s", query)
		}
	}
	if got, want := ask(t, dir, retentions), []string{unnamed + " 2592000000", "archive 0", "lobby 2592000000", "week 604800000"}; !slices.Equal(got, want) {
		t.Fatalf("the older database has %v, want %v", got, want)
	}
	var log bytes.Buffer
	open := func() {
		t.Helper()
		cfg := sqlite.DefaultConfig(dir)
		cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
		s, err := sqlite.Open(t.Context(), cfg, func([]chat.Event) {})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	open()
	if got, want := ask(t, dir, retentions), []string{unnamed + " 0", "archive 0", "lobby 0", "week 604800000"}; !slices.Equal(got, want) {
		t.Errorf("after the upgrade: %v, want %v", got, want)
	}
	for query, want := range before {
		if got := ask(t, dir, query); !slices.Equal(got, want) {
			t.Errorf("%s\nafter the upgrade:  %v\nbefore the upgrade: %v", query, got, want)
		}
	}
	if got := ask(t, dir, `SELECT u.username FROM user_terms t JOIN users u ON u.id = t.user_id WHERE t.term = '小雨'`); !slices.Equal(got, []string{"lin"}) {
		t.Errorf("小雨 finds %v after the upgrade, want 林小雨", got)
	}
	if line := log.String(); !strings.Contains(line, "30 days") || !strings.Contains(line, "count=2") ||
		!strings.Contains(line, "lobby") || !strings.Contains(line, unnamed) || strings.Contains(line, "week") {
		t.Errorf("the log says\n%s", line)
	}

	// Who chooses 30 days from now on means it: it happens once.
	execute(t, dir, `UPDATE rooms SET retention_ms = 2592000000 WHERE id = 'lobby'`)
	log.Reset()
	open()
	if got := ask(t, dir, retentions)[2]; got != "lobby 2592000000" {
		t.Errorf("a choice made after the upgrade became %q", got)
	}
	if log.Len() > 0 {
		t.Errorf("the log says again\n%s", log.String())
	}
}

// TestNewDatabaseHasNothingToTell: the log is for those who have had another version.
func TestNewDatabaseHasNothingToTell(t *testing.T) {
	var log bytes.Buffer
	cfg := sqlite.DefaultConfig(t.TempDir())
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	s, err := sqlite.Open(t.Context(), cfg, discard)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, s)
	if log.Len() > 0 {
		t.Errorf("a new database is told of as\n%s", log.String())
	}
}
