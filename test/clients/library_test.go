package clients_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/test/program"
)

// libraryFolder is where the client library, web/client, is built to.
const libraryFolder = "../../web/client/dist"

// TestLibrary holds the client library to its promises, against the real binary: the files of library/, one subtest each.
// SOCKEYE_SEED repeats what a bad network did in a run that failed.
func TestLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the server and a browser")
	}
	requireLibrary(t)
	requireBrowser(t)
	binary := buildServer(t)
	for _, file := range testFiles(t, "library") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.mjs"), func(t *testing.T) {
			t.Parallel()
			settings := []string{"SOCKEYE=" + binary, "LOOPBACK=" + program.Loopback()}
			if strings.HasPrefix(filepath.Base(file), "nodes.") {
				settings = append(settings, "SOCKEYE_TEST_DATABASE="+pgtest.Database(t))
			}
			runNode(t, file, settings...)
		})
	}
}

// TestSoakLibrary is the bad network for longer.
func TestSoakLibrary(t *testing.T) {
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("takes minutes; set SOCKEYE_SOAK")
	}
	requireLibrary(t)
	binary := buildServer(t)
	for range 5 { // of other seeds
		runNode(t, filepath.Join("library", "faults.test.mjs"), "SOCKEYE="+binary, "LOOPBACK="+program.Loopback(), "SOCKEYE_MESSAGES=5000")
	}
}

// TestLibrarySize is what an application pays for the library.
func TestLibrarySize(t *testing.T) {
	if testing.Short() {
		t.Skip("needs what make test installs")
	}
	requireLibrary(t)
	node := exec.CommandContext(t.Context(), "node", "size.mjs")
	node.Dir = filepath.Join(libraryFolder, "..")
	said, err := node.CombinedOutput()
	if err != nil {
		t.Errorf("node size.mjs: %v", err)
	}
	t.Logf("%s", said)
}

func requireLibrary(t *testing.T) {
	t.Helper()
	requirePackages(t)
	modules, err := filepath.Glob(filepath.Join(libraryFolder, "*.js"))
	if err != nil || len(modules) == 0 {
		t.Fatal("the client library is not built: run `make web`")
	}
	for _, module := range append(modules, "../../docs/quickstart.md") { // go test keeps a result until a file that it has seen changes
		if _, err := os.Stat(module); err != nil {
			t.Fatal(err)
		}
	}
}
