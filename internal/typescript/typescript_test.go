package typescript_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/typescript"
)

var update = flag.Bool("update", false, "write the module anew")

const (
	module   = "../../web/client/src/wire.ts"
	document = "../../docs/protocol.md"
)

// TestModuleIsUpToDate fails when the server has a command, a field or an event that the client library does not, or the
// other way round. The library makes a method of every command in the module.
func TestModuleIsUpToDate(t *testing.T) {
	want, err := typescript.Wire(read(t, document))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(module, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, module); got != string(want) {
		t.Errorf("%s is not what the server speaks: run go test ./internal/typescript -update", module)
	}
	for _, name := range command.Names() {
		if !bytes.Contains(want, []byte(`"`+name+`": { payload: `)) {
			t.Errorf("the module lacks %s", name)
		}
	}
}

// TestDocumentIsHeld to what the server takes.
func TestDocumentIsHeld(t *testing.T) {
	protocol := read(t, document)
	for what, change := range map[string][2]string{
		"a command less": {"| `room:kick` |", "| `room:kik` |"},
		"a field less":   {"| `query, limit=20` (at most 100) | `rooms` (by id) |", "| `query` | `rooms` (by id) |"},
		"a field more":   {"| `room:kick` | `roomId, userId` |", "| `room:kick` | `roomId, userId, why?` |"},
		"a riddle":       {"| `room:kick` | `roomId, userId` |", "| `room:kick` | `roomId & userId` |"},
	} {
		changed := strings.Replace(protocol, change[0], change[1], 1)
		if changed == protocol {
			t.Fatalf("%s: there is no %s", what, change[0])
		}
		if _, err := typescript.Wire(changed); err == nil {
			t.Errorf("%s is not noticed", what)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
