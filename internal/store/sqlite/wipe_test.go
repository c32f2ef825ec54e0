package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

// TestDeletedMessagesAreGoneFromEveryTable: a table that has message_id keeps nothing of messages that are deleted. The log
// keeps that something happened, not what.
func TestDeletedMessagesAreGoneFromEveryTable(t *testing.T) {
	dir := seeded(t)
	s := openStore(t, dir, discard)
	for id, sender := range map[string]chat.UserID{"m1": "u_ada", "m2": "u_lin", "m3": "u_ada"} {
		if _, err := s.DeleteMessage(t.Context(), chat.Delete{MessageID: id, Actor: chat.Actor{ID: sender}, At: time.UnixMilli(1)}); err != nil {
			t.Fatal(err)
		}
	}
	tables := ask(t, dir, `SELECT t.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND c.name = 'message_id'`)
	if len(tables) < 3 {
		t.Fatalf("the tables are %v", tables)
	}
	for _, table := range tables {
		query := `SELECT * FROM ` + table
		if table == "changes" {
			query = `SELECT * FROM changes WHERE message_id IS NOT NULL AND detail IS NOT NULL`
		}
		if left := ask(t, dir, query); len(left) > 0 {
			t.Errorf("%s still has %v: tx.wipe has to see to it", table, left)
		}
	}
}

// TestDeletedTextIsGoneFromTheFile: neither the text nor its words are left once the
// store is closed.
func TestDeletedTextIsGoneFromTheFile(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), sqlite.DefaultConfig(dir), discard)
	if err != nil {
		t.Fatal(err)
	}
	for id, text := range map[string]string{"m1": "Xylophone zymurgy", "m2": "Quixotic kept"} {
		if _, err := s.AppendMessage(t.Context(), message(id, text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, word := range []string{"zymurgy", "quixotic"} {
		eventually(t, "words are indexed", func() bool {
			page, err := s.SearchMessages(t.Context(), chat.MessageSearch{User: "bert", Terms: lexeme.Query(word), Limit: 1})
			return err == nil && len(page.Messages) == 1
		})
	}
	if _, err := s.DeleteMessage(t.Context(), chat.Delete{MessageID: "m1", Actor: chat.Actor{ID: "anna"}, At: time.UnixMilli(1)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"Xylophone": false, "xylophone": false, "zymurgy": false, "Quixotic": true, "quixotic": true} {
		if got := bytes.Contains(file, []byte(text)); got != want {
			t.Errorf("%q is in the file: %v, want %v", text, got, want)
		}
	}
}
