package blackbox_test

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// TestKilledMove and its long form kill sockeye migrate on its way from a data folder into PostgreSQL. No server starts on
// a part of it; run again it goes on, and at its end the server shows the same as before.
func TestKilledMove(t *testing.T) {
	skipIfShort(t)
	killMoves(t, 20_000, 4)
}

func TestSoakKilledMove(t *testing.T) {
	soak(t)
	killMoves(t, 200_000, 40)
}

func killMoves(t *testing.T, messages, kills int) {
	data := talkative(t, messages)
	untouched := sumOf(t, data)
	k := newKiller(t)
	migrate := func(database string) []string { return []string{"migrate", "--data", data, "--database", database} }
	k.run(t, migrate(pgtest.Database(t))...)
	database := pgtest.Database(t)
	whole, refused := false, 0
	for range kills {
		if whole = k.run(t, migrate(database)...); whole {
			break
		}
		if !isBegun(t, database) {
			if whole = isFilled(t, database); whole {
				break // it was killed when all was done
			}
			continue // it was killed before that
		}
		out, err := exec.Command(k.path, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--database", database).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "sockeye migrate was not finished") {
			t.Fatalf("a server on a part of it: %v, %s", err, out)
		}
		refused++
	}
	if !whole {
		runSockeye(t, nil, migrate(database)...)
	}
	if sumOf(t, data) != untouched {
		t.Error("the folder is not as it was")
	}
	out, err := exec.Command(k.path, migrate(database)...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "it holds something already") {
		t.Errorf("once more: %v, %s", err, out)
	}
	before := shows(t, start(t, setup{shipped: true, data: data}))
	after := shows(t, start(t, setup{shipped: true, data: data, database: database}))
	if len(before) != messages/perConversation || !reflect.DeepEqual(before, after) {
		t.Errorf("the folder's server shows %d conversations, the database's %d; they should be the same", len(before), len(after))
	}
	t.Logf("%d messages, %d servers were refused; the last kill came too late: %t", messages, refused, whole)
}

// isBegun tells whether a database says that it is being filled.
func isBegun(t *testing.T, database string) bool {
	t.Helper()
	return hasRows(t, database, "imports")
}

// isFilled tells whether a database has messages.
func isFilled(t *testing.T, database string) bool {
	t.Helper()
	return hasRows(t, database, "messages")
}

func hasRows(t *testing.T, database, table string) (has bool) {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	// Without the table there is an error, and there are none.
	err = db.QueryRowContext(t.Context(), "SELECT EXISTS (SELECT 1 FROM "+table+")").Scan(&has)
	return err == nil && has
}

// perConversation is how many messages each conversation has.
const perConversation = 100

// talkative is the data folder of a server of now with so many messages to ada.
func talkative(t *testing.T, messages int) (data string) {
	t.Helper()
	data = newData(t)
	db := openDatabase(t, data)
	_, err := db.ExecContext(t.Context(), fmt.Sprintf(`
		CREATE TEMP TABLE n AS WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d - 1) SELECT i FROM n;
		INSERT INTO conversations (id, kind, head_seq, first_seq, member_count, last_at, created_at)
			SELECT 'dm:talk-' || i, 'direct', %d, 1, 2, 5000 + i, 1000 FROM n WHERE i < %d;
		INSERT INTO members (conversation_id, user_id, role, joined_seq, joined_at)
			SELECT 'dm:talk-' || i, u.id, 'member', 0, 1000 FROM n, (SELECT 'u_ada' AS id UNION ALL SELECT 'm-1') u WHERE i < %d;
		INSERT INTO messages (ordinal, id, conversation_id, seq, recipient_id, sender_id, sender_name, content, type, client_msg_id, created_at)
			SELECT (SELECT coalesce(max(ordinal), 0) FROM messages) + 1 + i, 'msg-' || i, 'dm:talk-' || (i %% %d), i / %d + 1, 'u_ada', 'm-1', '林小雨1',
				'message ' || i || ' 你好', 'text', 'c' || i, 2000 + i FROM n;
		INSERT INTO reaction_groups (message_id, emoji, count, first_seq) SELECT 'msg-' || i, '🐟', 1, i / %d + 1 FROM n WHERE i %% 7 = 0;
		INSERT INTO reactions (message_id, emoji, user_id) SELECT 'msg-' || i, '🐟', 'u_ada' FROM n WHERE i %% 7 = 0;`,
		messages, perConversation, messages/perConversation, messages/perConversation, messages/perConversation, messages/perConversation, messages/perConversation))
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return data
}

// sumOf tells one state of a folder's database and secret from another.
func sumOf(t *testing.T, data string) (sum [sha256.Size]byte) {
	t.Helper()
	var all []byte
	for _, name := range []string{"sockeye.db", "jwt.secret"} {
		content, err := os.ReadFile(filepath.Join(data, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, content...)
	}
	return sha256.Sum256(all)
}

// shows is what ada sees in all conversations. The server is stopped.
func shows(t *testing.T, s *server) map[string][]message {
	t.Helper()
	all := make(map[string][]message)
	ada := s.connect("u_ada")
	for i := range 1_000_000 {
		id := fmt.Sprintf("dm:talk-%d", i)
		messages, err := ada.history(t.Context(), object{"conversationId": id})
		if err != nil || len(messages) == 0 {
			break // there are no more
		}
		all[id] = messages
	}
	ada.close()
	s.stop()
	return all
}
