package sqlite_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// TestFirstSchemaIsBroughtUpToDate: what the first version of the program stored has
// its threads, is found by its words, and its rooms by their names.
func TestFirstSchemaIsBroughtUpToDate(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations"), goose.WithDisableGlobalRegistry(true))
	if err == nil {
		_, err = p.UpTo(t.Context(), 1)
	}
	if err != nil {
		t.Fatal(errors.Join(err, db.Close()))
	}
	for _, statement := range []string{
		`INSERT INTO conversations (id, kind, head_seq, member_count, last_at, created_at) VALUES ('c', 'room', 5, 1, 1, 0)`,
		`INSERT INTO rooms VALUES ('room', 'c', 'ÉCLAIR', '', 'public', 10, 1, 1, 0, 'anna', 0)`,
		`INSERT INTO members VALUES ('c', 'anna', 'admin', 1, 0)`,
		`INSERT INTO events VALUES ('c', 1, 'member.joined', NULL, 'anna', 'anna', 0)`,
		`INSERT INTO messages (id, conversation_id, seq, room_id, sender_id, sender_name, content, type, reply_to, created_at)
			VALUES ('m2', 'c', 2, 'room', 'anna', 'Anna', 'root trout', 'text', NULL, 1),
				('m3', 'c', 3, 'room', 'anna', 'Anna', 'reply trout', 'text', 'm2', 1),
				('m4', 'c', 4, 'room', 'anna', 'Anna', 'reply of a reply trout', 'text', 'm3', 1),
				('m5', 'c', 5, 'room', 'anna', 'Anna', 'aside', 'text', NULL, 1)`,
		`INSERT INTO events SELECT 'c', seq, 'message.created', id, NULL, 'anna', 1 FROM messages`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(errors.Join(err, db.Close()))
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	s := openStore(t, dir, discard)
	thread, err := s.Thread(t.Context(), "anna", chat.ThreadQuery{MessageID: "m4", Limit: 10})
	if err != nil || thread.Root == nil || thread.Root.ID != "m2" || ids(thread.Replies.Messages) != "m3=3 m4=4 " {
		t.Errorf("thread: %+v, error %v", thread, err)
	}
	eventually(t, "words are indexed", func() bool {
		page, err := s.SearchMessages(t.Context(), chat.MessageSearch{User: "anna", Terms: lexeme.Query("trout"), Limit: 10})
		return err == nil && ids(page.Messages) == "m4=4 m3=3 m2=2 "
	})
	eventually(t, "rooms are folded", func() bool {
		rooms, err := s.SearchRooms(t.Context(), "eclair", 10)
		return err == nil && len(rooms) == 1
	})
	synced, err := s.Sync(t.Context(), chat.SyncQuery{User: "anna", Since: map[string]int64{"c": 0}, MaxEvents: 10, MaxBytes: 1 << 20, MaxBehind: 10})
	if err != nil || len(synced.Conversations[0].Events) != 5 {
		t.Errorf("sync: %+v, error %v", synced, err)
	}
	next := chat.Append{Message: chat.Message{ID: "m6", RoomID: "room", SenderID: "anna", Content: "next", Type: chat.TypeText, ReplyTo: "m5"}}
	if m, err := s.AppendMessage(t.Context(), next); err != nil || m.Seq != 6 || m.ThreadID != "m5" {
		t.Errorf("next message: %+v, error %v", m, err)
	}
}

// eventually waits for what happens behind the scenes.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}
