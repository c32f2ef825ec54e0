// Package web_test runs what the web app knows, web/src/model, without a browser and without a server.
package web_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestModel(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Node.js and the web app's packages")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("node is not installed: this test needs Node.js 20 or newer")
	}
	if _, err := os.Stat("../../web/node_modules/vite"); err != nil {
		t.Fatal("the web app's packages are missing: run `make web`")
	}
	files := glob(t, "*.test.mjs")
	// go test keeps a result until a file that it has seen changes.
	seen := append([]string{"model.mjs", "../../web/src/storage.ts", "../../web/package-lock.json"}, glob(t, "../../web/src/model/*.ts")...)
	for _, file := range append(seen, files...) {
		if _, err := os.Stat(file); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".test.mjs"), func(t *testing.T) {
			said, err := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", file).CombinedOutput()
			t.Logf("%s", said)
			if err != nil {
				t.Errorf("node --test %s: %v", file, err)
			}
		})
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("nothing is named %s", pattern)
	}
	return files
}
