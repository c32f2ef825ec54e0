package authorization_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/httpapi"
)

// TestNothingIsWithoutARow fails for a command or an operation that no table has, and for a row about none. A new command
// needs a row here before it is finished.
func TestNothingIsWithoutARow(t *testing.T) {
	commands, operations := make(map[string]bool), make(map[string]bool)
	for _, r := range table {
		if r.command != "" {
			commands[r.command] = true
		}
		if r.http != none {
			operations[r.http] = true
		}
		if (r.command == "" || r.guide != "") && r.http == "" || r.payload == "" || slices.Contains(r.want[:], "") {
			t.Errorf("%s %s: the row is not filled in", r.command, r.http)
		}
	}
	for _, r := range accountTable {
		operations[r.op] = true
	}
	for _, r := range backendTable {
		operations[r.op] = true
	}
	for _, r := range adminTable {
		operations[r.op] = true
	}
	compare(t, "command", command.Names(), commands)
	compare(t, "operation", documented(t), operations)
}

// documented are the ids of all operations, as the document has them.
func documented(t *testing.T) (ids []string) {
	t.Helper()
	raw, err := httpapi.Document(httpapi.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	for _, item := range document.Paths {
		for _, op := range item {
			ids = append(ids, op.OperationID)
		}
	}
	return ids
}

func compare(t *testing.T, what string, are []string, have map[string]bool) {
	t.Helper()
	for _, name := range are {
		if !have[name] {
			t.Errorf("%s %s has no row", what, name)
		}
		delete(have, name)
	}
	for name := range have {
		t.Errorf("a row is about %s, which is no %s", name, what)
	}
}

// A command has no operation only if all its rows say so, and one that has is asked by it.
func TestRowsWithoutHTTP(t *testing.T) {
	without := make(map[string]bool)
	for _, r := range table {
		if no, seen := without[r.command]; seen && r.command != "" && no != (r.http == none) {
			t.Errorf("%s has an operation in some rows only", r.command)
		}
		without[r.command] = r.http == none
	}
}
