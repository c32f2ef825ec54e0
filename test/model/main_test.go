// Package model_test compares the server with a model of it. Random sequences of commands, by several users on several
// devices that come, go and lose events, run against the real thing (gateway, rules, store and hub, over loopback
// WebSockets) and against a reference of a few maps and slices, written from docs/protocol.md. The reference tells for
// every command whether it is refused and why, what the answer says, and who is told what, in which order. At random
// moments and at the end every device that has synced must have exactly the state of the reference, and so must what
// can be read: history, threads, pins, lists, search, unread.
//
//	main_test.go       how many sequences
//	server_test.go     the server, in this process, with a clock of the test's own
//	world*_test.go     the reference: world is all there is, conversation one log and who is in it
//	wire_test.go       what travels, as a client reads it; a fact is one event
//	link_test.go       a WebSocket
//	device_test.go     a device: a link, and what it was told
//	replica_test.go    what a device knows by what it was told, by the protocol's rules alone
//	machine_test.go    one sequence: both sides, and how they are held against each other
//	actions*_test.go   what can happen in a sequence
//	check_test.go      the comparisons at random moments and at the end
//
// # Reading a failure
//
// The sequence is shortened before it is shown. Each line is a command: the device (user.number), name, payload, and
// what came back. The last line tells what differs: "-" is the reference, "+" the server or the device. Ids are
// shortened to what makes them different, times are relative to the beginning of the sequence.
//
// The output ends with how to run that sequence again: by the file that was written under testdata/rapid, or by the
// seed, as in
//
//	go test ./test/model -run 'TestModel/forever' -rapid.seed=1234567890
//
// Where several devices have written at the same time the sequence may fail in one run and not in the next ("flaky test,
// can not reproduce a failure"). For that the first failure is shown once more at the end, as it came.
//
// Delete the file once the fault is found: every run begins with the files that are there. More sequences are run by
// -rapid.checks, longer ones by -rapid.steps.
package model_test

import (
	"flag"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

const (
	sequences     = 500
	soakSequences = 10_000
	// one in so many of these runs on PostgreSQL, which takes longer: the rules are the same.
	onPostgres = 5
	// steps is how many actions a sequence has on average, between its beginning and its end.
	steps, soakSteps = 20, 50
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

// byCaller are the flags that the caller has chosen.
var byCaller = sync.OnceValue(func() map[string]bool {
	names := make(map[string]bool)
	flag.Visit(func(f *flag.Flag) { names[f.Name] = true })
	return names
})

// preset chooses a flag's value unless the caller has. No test runs meanwhile.
func preset(name string, value int) {
	if !byCaller()[name] && os.Getenv("RAPID_CHECKS")+os.Getenv("RAPID_STEPS") == "" {
		_ = flag.Set(name, strconv.Itoa(value)) // rapid defines both, as integers
	}
}

// soaking tells whether a long run was asked for.
func soaking() bool { return os.Getenv("SOCKEYE_SOAK") != "" }

func TestModel(t *testing.T) {
	if soaking() {
		t.Skip("TestSoakModel does the same for longer")
	}
	run(t, sequences, steps, inFolder, 1)
}

// TestModelOnPostgres is TestModel with another store.
func TestModelOnPostgres(t *testing.T) {
	if soaking() {
		t.Skip("TestSoakModelOnPostgres does the same for longer")
	}
	run(t, sequences/onPostgres, steps, pgtest.Database, 1)
}

// TestModelOnNodes is TestModel on three nodes with one database: each device is at any of them, at another one whenever it
// comes back.
func TestModelOnNodes(t *testing.T) {
	if soaking() {
		t.Skip("TestSoakModelOnNodes does the same for longer")
	}
	run(t, sequences, steps, pgtest.Database, 3)
}

func TestSoakModel(t *testing.T) {
	if !soaking() {
		t.Skip("takes minutes; SOCKEYE_SOAK=1 runs it")
	}
	run(t, soakSequences, soakSteps, inFolder, 1)
}

func TestSoakModelOnPostgres(t *testing.T) {
	if !soaking() {
		t.Skip("takes minutes; SOCKEYE_SOAK=1 runs it")
	}
	run(t, soakSequences/onPostgres, soakSteps, pgtest.Database, 1)
}

func TestSoakModelOnNodes(t *testing.T) {
	if !soaking() {
		t.Skip("takes minutes; SOCKEYE_SOAK=1 runs it")
	}
	run(t, soakSequences, soakSteps, pgtest.Database, 3)
}

// inFolder is a server's own database.
func inFolder(testing.TB) (database string) { return "" }

// kinds are the servers that sequences run against, each its share.
var kinds = []struct {
	name            string
	directRetention time.Duration
}{
	{"forever", 0},
	{"retained", 10 * day},
}

// run tries so many sequences of so many steps on average, on servers of so many nodes whose databases are from a source.
func run(t *testing.T, total, length int, database func(testing.TB) string, nodes int) {
	preset("rapid.checks", total/len(kinds))
	preset("rapid.steps", length)
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := &servers{t: t, directRetention: kind.directRetention, database: database, nodes: nodes}
			rapid.Check(t, func(t *rapid.T) { newMachine(t, s.next()).run() })
		})
	}
}
