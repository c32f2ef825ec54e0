package typescript_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/typescript"
)

var update = flag.Bool("update", false, "write the module anew")

const module = "../../web/client/src/wire.ts"

// TestModuleIsUpToDate fails when the server has a command, a field or an event that the client library does not, or the
// other way round. The library makes a method of every command in the module.
func TestModuleIsUpToDate(t *testing.T) {
	want := typescript.Wire()
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

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
