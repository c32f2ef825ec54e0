package clients_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/test/clients/probe"
)

// operatorsTable is what the operators of socketio are held to.
const operatorsTable = "../../socketio/testdata/operators.json"

// TestOperatorsOfNode has Node's socket.io print the table again: it is not ours to change.
func TestOperatorsOfNode(t *testing.T) {
	if testing.Short() {
		t.Skip("drives Node's server for some seconds")
	}
	requirePackages(t)
	want, err := os.ReadFile(operatorsTable)
	if err != nil {
		t.Fatal(err)
	}
	if got := node(t, "probe/operators.mjs"); !bytes.Equal(got, want) {
		t.Errorf("Node's operators are not what %s says; if socket.io was updated: node probe/operators.mjs > %s", operatorsTable, operatorsTable)
	}
}

// node runs a script to its end and returns what it printed.
func node(t *testing.T, script string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := os.Stat(script); err != nil { // go test keeps a result until a file that it has seen changes
		t.Fatal(err)
	}
	var faults bytes.Buffer
	command := exec.CommandContext(ctx, "node", append([]string{script}, args...)...)
	command.Stderr = &faults
	printed, err := command.Output()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", script, err, &faults)
	}
	return printed
}

var update = flag.Bool("update", false, "write what the probe has seen into the documentation")

// comparison is the page that shows it, between two markers.
const (
	comparison      = "../../docs/socketio-and-node.md"
	comparisonBegin = "<!-- The probe writes from here, by `go test ./test/clients -run TestBesideNode -update`, -->\n"
	comparisonEnd   = "<!-- to here. -->\n"
)

// seen is what the clients of the probe saw in a scenario.
type seen struct{ scenario, saw string }

// TestBesideNode drives Node's server and ours through the same scenarios. What is different has to be explained in
// probe/differences.json, and the documentation has to show it.
func TestBesideNode(t *testing.T) {
	if testing.Short() {
		t.Skip("drives two servers for some seconds")
	}
	requirePackages(t)
	theirs, ours := probed(t, startNode(t)), probed(t, startProbed(t))
	why := differences(t)
	var table strings.Builder
	table.WriteString("| what | Node | Sockeye |\n| --- | --- | --- |\n")
	for i, node := range theirs {
		if i >= len(ours) || ours[i].scenario != node.scenario {
			t.Fatalf("the probe of our server lacks %q: %q", node.scenario, ours)
		}
		explained := why[node.scenario]
		delete(why, node.scenario)
		switch {
		case ours[i] == node && explained != "":
			t.Errorf("%s: both did %s, but differences.json explains a difference", node.scenario, node.saw)
		case ours[i] == node:
			fmt.Fprintf(&table, "| %s | `%s` | the same |\n", node.scenario, node.saw)
		case explained == "":
			t.Errorf("%s: Node's clients saw %s, ours %s, and differences.json does not say why", node.scenario, node.saw, ours[i].saw)
		default:
			fmt.Fprintf(&table, "| %s | `%s` | `%s`: %s |\n", node.scenario, node.saw, ours[i].saw, explained)
		}
	}
	for scenario := range why {
		t.Errorf("differences.json explains %q, which is no scenario", scenario)
	}
	if !t.Failed() {
		document(t, table.String())
	}
}

// document compares the page with the table, or writes it.
func document(t *testing.T, table string) {
	t.Helper()
	text, err := os.ReadFile(comparison)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(text), comparisonBegin)
	was, tail, ends := strings.Cut(rest, comparisonEnd)
	if !begins || !ends {
		t.Fatalf("%s lacks the markers", comparison)
	}
	if *update {
		err = os.WriteFile(comparison, []byte(head+comparisonBegin+table+comparisonEnd+tail), 0o644)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if was != table {
		t.Errorf("%s does not show what the probe has seen; with -update it does:\n%s", comparison, table)
	}
}

func differences(t *testing.T) (why map[string]string) {
	t.Helper()
	text, err := os.ReadFile("probe/differences.json")
	if err == nil {
		err = json.Unmarshal(text, &why)
	}
	if err != nil {
		t.Fatal(err)
	}
	return why
}

// probed runs the probe against a server.
func probed(t *testing.T, url string) (all []seen) {
	t.Helper()
	for line := range bytes.Lines(node(t, "probe/probe.mjs", url)) {
		var parts []json.RawMessage
		var s seen
		err := json.Unmarshal(line, &parts)
		if err == nil && len(parts) == 2 {
			err = json.Unmarshal(parts[0], &s.scenario)
		}
		if err != nil || len(parts) != 2 {
			t.Fatalf("the probe printed %q: %v", line, err)
		}
		s.saw = string(parts[1])
		all = append(all, s)
	}
	return all
}

// startNode starts Node's server, which ends with its standard input.
func startNode(t *testing.T) (url string) {
	t.Helper()
	const script = "probe/node.mjs"
	if _, err := os.Stat(script); err != nil {
		t.Fatal(err)
	}
	var faults bytes.Buffer
	command := exec.CommandContext(t.Context(), "node", script)
	command.Stderr = &faults
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("node %s: %v\n%s", script, err, &faults)
	}
	return strings.TrimSpace(line)
}

func startProbed(t *testing.T) (url string) {
	t.Helper()
	server, err := probe.New(slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		web.Close()
	})
	return web.URL
}
