package sqlite_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

var update = flag.Bool("update", false, "write the databases of earlier schemas that are missing in testdata")

// seeds fill a database by SQL of the schema that they are for, and of those after it.
var seeds = []struct {
	since int
	sql   string
}{
	{1, `
		INSERT INTO users (id, name, username, admin, created_at, last_seen_at, indexed_name) VALUES
			('u_ada', 'Ada', 'ada', 1, 1000, 2000, 'Ada'), ('u_lin', '林小雨', 'lin', 0, 1000, NULL, '林小雨'), ('x-1', 'Xaver', NULL, 0, 1000, NULL, 'Xaver');
		INSERT INTO user_terms (term, user_id) VALUES ('ada', 'u_ada'), ('林小雨', 'u_lin'), ('lin', 'u_lin'), ('xaver', 'x-1');
		INSERT INTO local_accounts (user_id, username_key, password_hash) VALUES ('u_ada', 'ada', '$argon2id$1'), ('u_lin', 'lin', '$argon2id$2');
		INSERT INTO friends (user_a, user_b, created_at) VALUES ('u_ada', 'u_lin', 1100);
		INSERT INTO friend_requests (sender_id, receiver_id, created_at) VALUES ('x-1', 'u_ada', 1200);
		INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES ('u_lin', 'x-1', 1300);
		INSERT INTO revoked_users (user_id, issued_by) VALUES ('x-1', 1400);
		INSERT INTO revoked_tokens (issuer, token_id, until) VALUES ('sockeye', 't1', NULL);
		INSERT INTO api_keys (id, hash, name, scopes, created_at, revoked_at) VALUES ('k1', x'0102', 'backend', '*', 1500, NULL);`},
	{2, `
		INSERT INTO conversations (id, kind, head_seq, first_seq, member_count, last_at, created_at) VALUES
			('dm:1', 'direct', 3, 1, 2, 3000, 2000), ('room:1', 'room', 4, 2, 2, 3000, 2000);
		INSERT INTO rooms (id, conversation_id, name, description, folded, type, max_members, allow_file_upload, allow_voice_message, retention_ms, created_by, created_at)
			VALUES ('hall', 'room:1', 'Hall', 'for all', 'hall for all', 'public', 100, 1, 0, 604800000, 'u_ada', 2000);
		INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at) VALUES
			('dm:1', 'u_ada', 'member', 0, 2000), ('dm:1', 'u_lin', 'member', 0, 2000), ('room:1', 'u_ada', 'admin', 1, 2000), ('room:1', 'u_lin', 'member', 2, 2100);
		INSERT INTO bans (conversation_id, user_id, banned_by, banned_at) VALUES ('room:1', 'x-1', 'u_ada', 2200);
		INSERT INTO invites (conversation_id, user_id, invited_by, invited_at) VALUES ('room:1', 'x-2', 'u_ada', 2300);
		INSERT INTO kicks (conversation_id, user_id, kicked_at) VALUES ('room:1', 'x-3', 2400);
		INSERT INTO read_marks (conversation_id, user_id, seq, read_at) VALUES ('dm:1', 'u_lin', 2, 2500);`},
	{3, `
		INSERT INTO messages (ordinal, id, conversation_id, seq, room_id, recipient_id, sender_id, sender_name, content, type, client_msg_id, mentions, created_at, pinned_at, pinned_by) VALUES
			(1, 'm1', 'dm:1', 1, NULL, 'u_lin', 'u_ada', 'Ada', 'hello there', 'text', 'c1', NULL, 2600, NULL, NULL),
			(2, 'm2', 'dm:1', 2, NULL, 'u_ada', 'u_lin', '林小雨', '你好', 'text', NULL, NULL, 2700, NULL, NULL),
			(3, 'm3', 'room:1', 3, 'hall', NULL, 'u_ada', 'Ada', 'hi @lin', 'text', 'c3', '["u_lin"]', 2800, 2900, 'u_ada');
		INSERT INTO mentions (user_id, conversation_id, seq) VALUES ('u_lin', 'room:1', 3);
		INSERT INTO reaction_groups (message_id, emoji, count, first_seq) VALUES ('m1', '👍', 1, 3);
		INSERT INTO reactions (message_id, emoji, user_id) VALUES ('m1', '👍', 'u_lin');
		INSERT INTO changes (conversation_id, seq, kind, message_id, user_id, actor_id, at, detail) VALUES
			('dm:1', 3, 'reaction.added', 'm1', 'u_lin', 'u_lin', 2900, '👍'), ('room:1', 2, 'member.joined', NULL, 'u_lin', 'u_lin', 2100, 'member'),
			('room:1', 4, 'message.pinned', 'm3', NULL, 'u_ada', 2900, NULL);`},
	{4, `
		INSERT INTO message_words (rowid, scope, body) VALUES (1, 'dm1', 'hello there'), (2, 'dm1', '你 好'), (3, 'room1', 'hi lin');
		UPDATE word_progress SET indexed = 3;`},
	{5, `INSERT INTO blocked_addresses (address, until, reason, blocked_by, created_at) VALUES ('192.0.2.1', 9000, 'noise', 'u_ada', 3000);`},
	{7, `
		UPDATE users SET issuer = CASE WHEN username IS NULL THEN 'https://shop.example' ELSE 'sockeye' END;
		INSERT INTO probes (one, at) VALUES (1, 3100);
		INSERT INTO sign_ins (user_id, address, at) VALUES ('u_ada', '192.0.2.2', 3200);
		INSERT INTO login_skeletons (skeleton, user_id) VALUES ('ada', 'u_ada'), ('lin', 'u_lin');`},
	{11, `
		INSERT INTO jobs (id, kind, priority, unique_key, payload, cron, state, run_at, created_at, ended_at, error) VALUES
			('j1', 'upkeep', 0, 'upkeep retain', x'7B7D', '@hourly', 'waiting', 4000, 3300, NULL, NULL),
			('j2', 'upkeep', 1, NULL, x'', '', 'dead', 3400, 3300, 3500, 'it failed');
		INSERT INTO paused_kinds (kind) VALUES ('webhook');`},
	{12, `
		INSERT INTO usage_counts (unit, start, messages, users, rooms) VALUES ('day', 0, 3, 2, 1), ('week', -3, 3, 2, 1), ('month', 0, 3, 2, 1);
		INSERT INTO usage_active (what, id, day, previous) VALUES ('user', 'u_ada', 0, -1), ('room', 'hall', 0, -1);
		INSERT INTO usage_progress (one, through, mark) VALUES (1, 2900, 3);`},
	{13, `UPDATE jobs SET again = 1 WHERE id = 'j1';`},
	{14, `
		INSERT INTO webhooks (id, url, secret, description, events, rooms, old_secret, old_until, created_at, created_by, failing_since, disabled_at, disabled_why)
			VALUES ('wh_1', 'https://hooks.example/1', 'whsec_1', 'the bot', '["*"]', '["hall"]', 'whsec_0', 3700, 3600, 'k1', 0, 0, '');
		INSERT INTO webhook_deliveries (webhook_id, at, id, event_id, kind, conversation_id, seq, attempt, status, error, outcome, took_ms)
			VALUES ('wh_1', 3650, 'd1', 'evt_1', 'message.created', 'room:1', 3, 1, 500, 'the answer was 500', 'retried', 12);`},
	{15, `INSERT INTO incoming_webhooks (id, hash, room_id, bot_id, name, created_at, created_by) VALUES ('in_1', x'0304', 'hall', 'bot_1', 'Weather', 3700, 'k1');`},
	{16, `
		INSERT INTO scheduled_messages (id, author_id, author_name, conversation_id, room_id, recipient_id, content, type, client_msg_id, fingerprint, send_at, created_at, version, failure_code, failure_message) VALUES
			('s1', 'u_ada', 'Ada', 'dm:1', NULL, 'u_lin', 'later', 'text', 'c4', x'0102', 9000, 3600, 1, NULL, NULL),
			('s2', 'u_lin', '林小雨', 'room:1', 'hall', NULL, 'too late', 'text', NULL, x'0304', 3700, 3600, 2, 'not_in_room', 'Not in room');
		INSERT INTO jobs (id, kind, priority, unique_key, payload, cron, state, run_at, created_at) VALUES
			('s1.1', 'scheduled', 0, NULL, x'7B226964223A227331222C2276657273696F6E223A317D', '', 'waiting', 9000, 3600);`},
	{17, `
		INSERT INTO broadcasts (id, kind, unique_key, priority, spec, fingerprint, created_at, send_at, state, step, place, reached, missed, failures, error, started_at, ended_at) VALUES
			('bc_1', 'notification', 'lunch', 0, x'7B7D', x'0506', 3600, 3700, 'running', 2, '{"list":1,"n":100}', 100, 1, '[{"user":"nobody","code":"user_not_found","message":"User not found"}]', '', 3700, NULL),
			('bc_2', 'broadcast', NULL, 1, x'7B7D', x'0708', 3600, 3700, 'done', 1, '{"list":4}', 3, 0, '', '', 3700, 3800);
		INSERT INTO push_keys (one, private, created_at) VALUES (1, x'0102', 3600);
		INSERT INTO push_subscriptions (id, user_id, type, address, public_key, auth, created_at) VALUES ('ps_1', 'u_ada', 'webpush', 'https://push.example/1', x'0304', x'0506', 3600);
		INSERT INTO push_settings (user_id, conversation_id, level, muted_until, quiet_from, quiet_to, time_zone, without_content) VALUES
			('u_ada', '', '', 0, 1320, 420, 'Europe/Berlin', 1), ('u_ada', 'room:1', 'all', 9000, 0, 0, '', 0);`},
	{18, `
		INSERT INTO files (id, owner_id, state, name, metadata, concat, length, received, parts, type, size, blob, processed, details, variants, created_at, expires_at) VALUES
			('file_1', 'u_ada', 'ready', 'a picture.png', 'filename YQ==', '', 70, 70, 'null', 'image/png', 68, 'file_1/whole-1', 1, '{"width":1}', '{}', 3600, NULL),
			('file_2', 'u_lin', 'uploading', '图.png', '', 'partial', 90, 40, '[{"b":"file_2/part-1","n":40}]', '', 0, '', 0, '{}', 'null', 3600, 9000);
		INSERT INTO file_uses (conversation_id, seq, file_id) VALUES ('dm:1', 1, 'file_1'), ('room:1', 3, 'file_1');`},
	{19, `
		UPDATE usage_counts SET pushes = 4, push_failures = 1;
		INSERT INTO notifications (user_id, id, at, conversation_id, seq, results, read_at) VALUES
			('u_ada', 'm3', 3700, 'room:1', 3, '[{"type":"webpush","success":true}]', NULL), ('u_lin', 'bc_1', 3700, NULL, NULL, '[]', 3800);
		INSERT INTO notification_contents (id, fields, at) VALUES ('bc_1', '{"title":"Lunch"}', 3700);`},
	{20, `UPDATE users SET disabled_at = 3800, switched_at = 3800 WHERE id = 'x-1';`},
	{21, `
		INSERT INTO audit (id, at, by_kind, by_id, address, action, target, detail) VALUES
			('000000000ed8000000010a0b0c0d0e0f', 3800, 'user', 'u_ada', '192.0.2.2', 'user_disabled', 'x-1', '');`},
}

// TestUpgradeFromEverySchema: a database of every earlier schema, as a program of its time left it, becomes one of now, and
// everything that it held is still in it. The files in testdata stay as they are for ever; -update writes those that are
// missing: once there is a new migration, the one of the schema before it.
func TestUpgradeFromEverySchema(t *testing.T) {
	all, err := fs.Glob(os.DirFS("."), "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for schema := 1; schema < len(all); schema++ {
		t.Run(fmt.Sprint(schema), func(t *testing.T) {
			file := filepath.Join("testdata", fmt.Sprintf("schema-%02d.db.gz", schema))
			if _, err := os.Stat(file); err != nil && *update {
				pack(t, file, builtFrom(t, all[:schema]))
			}
			dir := unpack(t, file)
			if got := ask(t, dir, `SELECT max(version_id) FROM goose_db_version`); got[0] != fmt.Sprint(schema) {
				t.Fatalf("%s has schema %v", file, got)
			}
			before := everything(t, dir)
			s, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(dir), discard)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			after := rowsOf(t, dir, columns(before))
			for table, rows := range before {
				for _, row := range rows.rows {
					if !slices.Contains(after[table].rows, row) {
						t.Errorf("%s has lost %s", table, row)
					}
				}
				if len(after[table].rows) != len(rows.rows) && table != "user_terms" {
					t.Errorf("%s has %v, it had %v", table, after[table].rows, rows.rows)
				}
			}
			if len(before) < 9 {
				t.Errorf("%s holds %d tables only", file, len(before))
			}
			if got := ask(t, dir, `PRAGMA integrity_check`); !slices.Equal(got, []string{"ok"}) {
				t.Errorf("the database is damaged: %v", got)
			}
		})
	}
}

// TestSeedsFillEveryTable: what an upgrade leaves of a table is tried only if there is something in it.
func TestSeedsFillEveryTable(t *testing.T) {
	for table, holds := range everything(t, seeded(t)) {
		if len(holds.rows) == 0 {
			t.Errorf("%s is empty: give seeds a row of it", table)
		}
	}
}

// TestFailedMigrationChangesNothing: whichever step fails, those before it are undone too.
func TestFailedMigrationChangesNothing(t *testing.T) {
	dir := unpack(t, filepath.Join("testdata", "schema-05.db.gz"))
	before := everything(t, dir)
	steps := fstest.MapFS{}
	all, err := fs.Glob(os.DirFS("."), "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		steps[name] = &fstest.MapFile{Data: text}
	}
	broken := fmt.Sprintf("migrations/%05d_broken.sql", len(all)+1)
	steps[broken] = &fstest.MapFile{Data: []byte(`DELETE FROM users; INSERT INTO nowhere VALUES (1);`)}
	err = sqlite.MigrateWith(t.Context(), dir, steps)
	if err == nil || !strings.Contains(err.Error(), "broken.sql") || !strings.Contains(err.Error(), "nothing was changed") {
		t.Fatalf("got %v", err)
	}
	if got := ask(t, dir, `SELECT max(version_id) FROM goose_db_version`); got[0] != "5" {
		t.Errorf("the schema is %v", got)
	}
	if after := everything(t, dir); !maps.EqualFunc(before, after, func(a, b held) bool { return a.columns == b.columns && slices.Equal(a.rows, b.rows) }) {
		t.Errorf("it holds %v, it held %v", after, before)
	}
	openStore(t, dir, discard) // and can be upgraded by a program that is whole
}

// TestNewerSchema: one that says that this program can work with it is used as it is, any other is refused.
func TestNewerSchema(t *testing.T) {
	dir := t.TempDir()
	open := func() error {
		s, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(dir), func([]chat.Event) {})
		if err == nil {
			err = s.Close()
		}
		return err
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	execute(t, dir, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1); ALTER TABLE users ADD COLUMN later TEXT`)
	if err := open(); err != nil {
		t.Errorf("one minor version ahead: %v", err)
	}
	beside, err := sqlite.OpenBeside(t.Context(), sqlite.DefaultConfig(dir))
	if err != nil {
		t.Errorf("beside: %v", err)
	} else if err := beside.Close(); err != nil {
		t.Error(err)
	}
	execute(t, dir, `UPDATE server SET readable_from = 99998`)
	err = open()
	for _, says := range []string{"newer version of sockeye", "99999", "99998", "backup"} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("two ahead: %v does not say %q", err, says)
		}
	}
}

// seeded is a database of now with all seeds.
func seeded(t *testing.T) (dir string) {
	t.Helper()
	all, err := fs.Glob(os.DirFS("."), "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	return builtFrom(t, all)
}

// builtFrom makes a database by the first steps, and fills it.
func builtFrom(t *testing.T, steps []string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	exec := func(t *testing.T, statement string) { t.Helper(); execute(t, dir, statement) }
	exec(t, `CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))); INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)`)
	for i, name := range steps {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		exec(t, string(text))
		exec(t, fmt.Sprintf(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, 1)`, i+1))
	}
	for _, seed := range seeds {
		if seed.since <= len(steps) {
			exec(t, seed.sql)
		}
	}
	exec(t, `VACUUM`)
	return dir
}

func pack(t *testing.T, file, dir string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if _, err := zip.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// held is what a table holds.
type held struct {
	columns string
	rows    []string
}

// everything is what a database holds, by table, but for what belongs to SQLite and to the steps.
func everything(t *testing.T, dir string) map[string]held {
	t.Helper()
	return rowsOf(t, dir, func() map[string]string {
		tables := make(map[string]string)
		for _, name := range ask(t, dir, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%' AND name NOT LIKE 'message_words_%'`) {
			tables[name] = strings.Join(ask(t, dir, `SELECT name FROM pragma_table_info('`+name+`')`), ", ")
		}
		return tables
	}())
}

func columns(of map[string]held) map[string]string {
	tables := make(map[string]string, len(of))
	for table, h := range of {
		tables[table] = h.columns
	}
	return tables
}

func rowsOf(t *testing.T, dir string, tables map[string]string) map[string]held {
	t.Helper()
	all := make(map[string]held, len(tables))
	for table, columns := range tables {
		all[table] = held{columns, ask(t, dir, `SELECT `+columns+` FROM `+table+` ORDER BY `+columns)}
	}
	return all
}
