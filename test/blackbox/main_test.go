// Package blackbox_test drives the server as it is shipped: the binary as a process of its own, over the network, with
// nothing of it replaced. The binary is built once, with the race detector.
package blackbox_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/test/program"
)

// folder holds what all tests share; TestMain removes it.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "sockeye-blackbox-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(folder)
		os.Exit(code)
	}))
}

// raced builds the server with the race detector, shipped as it is shipped, each when it is first asked for.
var (
	raced   = sync.OnceValues(func() (string, error) { return program.Raced(context.Background(), folder) })
	shipped = sync.OnceValues(func() (string, error) { return program.Shipped(context.Background(), folder) })
)

func skipIfShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the server")
	}
}

// soak skips a long run unless it is asked for.
func soak(t *testing.T) {
	t.Helper()
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("takes minutes; SOCKEYE_SOAK=1 runs it")
	}
}
