// Package uploads_test drives the stock tus client from npm against the real binary. The tests are written for node's own test
// runner, in tus.test.mjs.
package uploads_test

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/test/program"
)

// patience is how long all of it may take; only a failing test ever takes that long.
const patience = 5 * time.Minute

func TestStockClient(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the server")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("node is not installed: the tests of the stock client need Node.js 20 or newer")
	}
	if _, err := os.Stat("node_modules/.package-lock.json"); err != nil {
		t.Fatal("the stock client is not installed: run `npm ci` in test/uploads, or `make test`")
	}
	if _, err := os.Stat("tus.test.mjs"); err != nil { // go test keeps a result until a file that it has seen changes
		t.Fatal(err)
	}
	binary, err := program.Raced(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", "tus.test.mjs")
	node.Env = append(os.Environ(), "SOCKEYE="+binary, "LOOPBACK="+program.Loopback(), "FOLDER="+t.TempDir())
	node.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	node.Cancel = func() error { return syscall.Kill(-node.Process.Pid, syscall.SIGKILL) } // its servers too
	said, err := node.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}
