//go:build linux

// Package cluster_test runs several nodes on one database, as processes of their own, under clients that move between them,
// and does to the nodes, to PostgreSQL, to Redis and to the network between them what happens to these. Package history says
// whether what all have seen then is what was promised.
//
//	cluster_test.go      the parts: PostgreSQL, Redis, nodes, and a proxy before each that another one uses
//	proxy_test.go        the proxy; namespace_test.go: a node in a network of its own
//	crowd_test.go        the clients, and what they are to do
//	device_test.go       a client by the protocols alone; wire_test.go, polls_test.go, catchup_test.go, talk_test.go its parts
//	application_test.go  a client by package client
//	keeper_test.go       who kicks
//	faults_test.go       the faults
//	balance_test.go      stock clients behind a balancer that knows nothing of sessions
//	recovery_test.go     clients that come back to another node
//	stored_test.go       what is in the database in the end
//	crash_test.go        the test
//	failover_test.go     another one: a standby takes the place of PostgreSQL
//	rolling_test.go      another one: restarts that nobody notices
//	front_test.go        the balancer before the nodes for that
//	succession_test.go   the version after this one
package cluster_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/test/program"
)

// patience is how long anything may take that a test waits for.
const patience = time.Minute

// folder holds the programs; TestMain removes it.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "sockeye-cluster-"); err != nil {
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
		t.Skip("builds and runs servers")
	}
}

// soak skips a long run unless it is asked for.
func soak(t *testing.T) {
	t.Helper()
	if os.Getenv("SOCKEYE_SOAK") == "" {
		t.Skip("takes long; SOCKEYE_SOAK=1 runs it")
	}
}
