package census_test

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/ask"
	"github.com/sockeye-im/sockeye/internal/cluster/census"
	"github.com/sockeye-im/sockeye/internal/cluster/clustertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is one that has as many users as its id has letters.
type node struct {
	*clustertest.Node
	*census.Census
	asker *ask.Asker
	think time.Duration // how long it takes to find out how it does
	logs  []census.Log
}

// among runs a test with nodes of these ids, each at an address of its own.
func among(t *testing.T, ids []string, test func(t *testing.T, net *clustertest.Net, nodes map[string]*node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net, nodes := clustertest.New(), make(map[string]*node)
		for i, id := range ids {
			nodes[id] = open(t, net, id, fmt.Sprint("127.0.0.1:300", i))
		}
		time.Sleep(2 * time.Second)
		test(t, net, nodes)
		for _, n := range nodes {
			n.Kill()
			n.end()
		}
	})
}

func open(t *testing.T, net *clustertest.Net, id, address string) *node {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	n := &node{Node: net.Node(id)}
	var err error
	if n.asker, err = ask.New(ask.Deps{Peers: n.Peers(), Log: log}); err != nil {
		t.Fatal(err)
	}
	n.Census, err = census.New(census.Deps{
		Peers: n.Peers(), Asker: n.asker, Who: census.Who{ID: id, Host: "host", Address: address, Version: "1.2.3"},
		State: n.state, Log: log, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.Start()
	return n
}

func (n *node) end() {
	n.Stop()
	n.asker.Stop()
}

func (n *node) state(ctx context.Context) census.State {
	select {
	case <-time.After(n.think):
		return census.State{Users: len(n.Self()), Logs: slices.Clone(n.logs)}
	case <-ctx.Done():
		return census.State{Unready: "it thinks", Users: len(n.Self())}
	}
}

// sees fails unless a node sees these: each as its id, its address and its users, or since when it is silent.
func (n *node) sees(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, other := range n.Nodes(t.Context()) {
		text := other.ID + " " + other.Address
		switch {
		case other.State == nil:
			text += fmt.Sprint(" silent for ", time.Since(other.Heard).Round(time.Second))
		case other.State.Unready != "":
			text += " " + other.State.Unready
		default:
			text += fmt.Sprint(" ", other.State.Users)
		}
		if other.Self != (other.ID == n.Self()) {
			text += " takes itself for another one"
		}
		got = append(got, text)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s sees\n\t%s\nand not\n\t%s", n.Self(), strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestNodes(t *testing.T) {
	among(t, []string{"x", "yy", "zzz"}, func(t *testing.T, _ *clustertest.Net, nodes map[string]*node) {
		began := time.Now()
		for _, n := range nodes {
			n.sees(t, "x 127.0.0.1:3000 1", "yy 127.0.0.1:3001 2", "zzz 127.0.0.1:3002 3")
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("nothing was to be waited for, and it took %s", took)
		}
	})
}

// A node calls a log its own that others know by its number only.
func TestWhoseLogs(t *testing.T) {
	among(t, []string{"x", "yy"}, func(t *testing.T, _ *clustertest.Net, nodes map[string]*node) {
		nodes["x"].logs = []census.Log{{Writer: 1, Node: "x"}, {Writer: 2}, {Writer: 3, Node: "gone"}}
		nodes["yy"].logs = []census.Log{{Writer: 1}, {Writer: 2, Node: "yy"}, {Writer: 4}}
		got := make(map[string][]string)
		for _, n := range nodes["x"].Nodes(t.Context()) {
			for _, l := range n.State.Logs {
				got[n.ID] = append(got[n.ID], l.Node)
			}
		}
		if want := map[string][]string{"x": {"x", "yy", "gone"}, "yy": {"x", "yy", ""}}; !reflect.DeepEqual(got, want) {
			t.Errorf("the logs are %q, want %q", got, want)
		}
	})
}

// Who takes long to find out how it does says so, and is not taken for dead.
func TestWhoThinks(t *testing.T) {
	among(t, []string{"x", "yy"}, func(t *testing.T, _ *clustertest.Net, nodes map[string]*node) {
		began := time.Now()
		nodes["x"].think, nodes["yy"].think = time.Minute, time.Minute
		nodes["x"].sees(t, "x 127.0.0.1:3000 it thinks", "yy 127.0.0.1:3001 it thinks")
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// Who does not answer is silent, until it does again or was missed for long; who has died too, though it was never asked.
func TestSilence(t *testing.T) {
	among(t, []string{"x", "yy", "zzz"}, func(t *testing.T, net *clustertest.Net, nodes map[string]*node) {
		x := nodes["x"]
		began := time.Now()
		net.Lose(func(from, _ string, kind cluster.Kind, _ []byte) bool { return from == "yy" && kind == "answer" })
		x.sees(t, "x 127.0.0.1:3000 1", "yy 127.0.0.1:3001 silent for 0s", "zzz 127.0.0.1:3002 3")
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %s", took)
		}
		net.Lose(nil)
		x.sees(t, "x 127.0.0.1:3000 1", "yy 127.0.0.1:3001 2", "zzz 127.0.0.1:3002 3")
		net.Cut("zzz", "x")
		time.Sleep(time.Minute)
		x.sees(t, "x 127.0.0.1:3000 1", "yy 127.0.0.1:3001 2", "zzz 127.0.0.1:3002 silent for 1m0s")
		net.Heal("zzz", "x")
		time.Sleep(time.Second)
		x.sees(t, "x 127.0.0.1:3000 1", "yy 127.0.0.1:3001 2", "zzz 127.0.0.1:3002 3")
	})
}

// Who has said that it goes is missed by nobody, nor is one in whose place another one has begun.
func TestWhoGoes(t *testing.T) {
	among(t, []string{"x", "yy", "zzz"}, func(t *testing.T, net *clustertest.Net, nodes map[string]*node) {
		nodes["yy"].Leave()
		nodes["yy"].end()
		nodes["zzz"].Kill()
		nodes["zzz"].end()
		delete(nodes, "yy")
		delete(nodes, "zzz")
		time.Sleep(10 * time.Second)
		nodes["x"].sees(t, "x 127.0.0.1:3000 1", "zzz 127.0.0.1:3002 silent for 10s")
		nodes["again"] = open(t, net, "again", "127.0.0.1:3002")
		time.Sleep(2 * time.Second)
		nodes["x"].sees(t, "x 127.0.0.1:3000 1", "again 127.0.0.1:3002 5")
	})
}

func TestAlone(t *testing.T) {
	c, err := census.New(census.Deps{
		Who: census.Who{ID: "alone"}, State: func(context.Context) census.State { return census.State{Users: 7} },
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	if nodes := c.Nodes(t.Context()); len(nodes) != 1 || nodes[0].ID != "alone" || !nodes[0].Self || nodes[0].State.Users != 7 {
		t.Errorf("it sees %+v", nodes)
	}
	if _, err := census.New(census.Deps{}); err == nil {
		t.Error("a census that can tell nothing")
	}
}
