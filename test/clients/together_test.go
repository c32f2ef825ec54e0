package clients_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/sockeye-im/sockeye/internal/app" // all of the server: go test keeps a result until what it has seen changes
)

// TestTogether has people talk with each other over Socket.IO, the npm package ws and Chromium's WebSocket, through the
// real binary: the files of together/, one subtest each.
func TestTogether(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the server and a browser")
	}
	requirePackages(t)
	requireBrowser(t)
	binary := buildServer(t)
	for _, file := range testFiles(t, "together") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.mjs"), func(t *testing.T) {
			runNode(t, file, "SOCKEYE="+binary)
		})
	}
}

func requireBrowser(t *testing.T) {
	t.Helper()
	browser := os.Getenv("CHROMIUM")
	if browser == "" {
		browser = "/usr/bin/chromium"
	}
	if _, err := exec.LookPath(browser); err != nil {
		t.Fatalf("no browser at %s: install Chromium, or name one in CHROMIUM", browser)
	}
}

// buildServer builds it with the race detector, whose complaints fail the tests.
func buildServer(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "sockeye")
	command := exec.CommandContext(t.Context(), "go", "build", "-race", "-o", path, "github.com/sockeye-im/sockeye/cmd/sockeye")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build the server: %v\n%s", err, output)
	}
	return path
}
