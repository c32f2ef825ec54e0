package roll_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/clustertest"
	"github.com/sockeye-im/sockeye/internal/cluster/roll"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node has a roll and what others have told it.
type node struct {
	*clustertest.Node
	*roll.Roll[int]

	mu   sync.Mutex
	rows map[string]int // by the node and the key
	ends []roll.End[int]
}

func (n *node) Wrote(from, key string, v int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rows[from+" "+key] = v
}

func (n *node) Removed(from, key string, end roll.End[int]) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, there := n.rows[from+" "+key]; !there {
		panic("removed what was not there: " + key)
	}
	delete(n.rows, from+" "+key)
	n.ends = append(n.ends, end)
}

// knows are the rows of all others together, whoever has them.
func (n *node) knows() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make(map[string]int)
	for row, v := range n.rows {
		var from, key string
		_, _ = fmt.Sscan(row, &from, &key)
		all[key] += v
	}
	return all
}

func run(t *testing.T, ids []string, test func(net *clustertest.Net, nodes map[string]*node)) {
	synctest.Test(t, func(t *testing.T) {
		net, nodes := clustertest.New(), make(map[string]*node)
		for _, id := range ids {
			nodes[id] = open(t, net, id)
		}
		defer func() {
			for _, n := range nodes {
				n.end()
			}
		}()
		time.Sleep(time.Second)
		test(net, nodes)
	})
}

func open(t *testing.T, net *clustertest.Net, id string) *node {
	t.Helper()
	n := &node{Node: net.Node(id), rows: make(map[string]int)}
	var err error
	n.Roll, err = roll.New(roll.DefaultConfig("test"), roll.Deps[int]{Peers: n.Peers(), Listener: n, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	n.Start()
	return n
}

func (n *node) end() {
	n.Kill()
	n.Stop()
}

func (n *node) is(t *testing.T, want map[string]int) {
	t.Helper()
	synctest.Wait()
	if got := n.knows(); !maps.Equal(got, want) {
		t.Errorf("%s knows %v, want %v", n.Self(), got, want)
	}
}

func TestChanges(t *testing.T) {
	run(t, []string{"x", "y"}, func(_ *clustertest.Net, nodes map[string]*node) {
		x, y := nodes["x"], nodes["y"]
		x.Set("a", 1)
		x.Set("b", 2)
		y.Set("a", 10)
		time.Sleep(50 * time.Millisecond)
		y.is(t, map[string]int{"a": 1, "b": 2})
		x.is(t, map[string]int{"a": 10})
		x.Set("a", 3)
		x.Delete("b", 7)
		x.Delete("b", 8)
		x.Delete("never", 9)
		time.Sleep(50 * time.Millisecond)
		y.is(t, map[string]int{"a": 3})
		if len(y.ends) != 1 || !y.ends[0].Said || y.ends[0].Last != 7 {
			t.Errorf("b ended by %+v", y.ends)
		}
		x.Set("c", 1)
		x.Delete("c", 0) // before it was told
		time.Sleep(50 * time.Millisecond)
		y.is(t, map[string]int{"a": 3})
	})
}

// What is lost is seen by the next frame, or by a beat, and all is asked for.
func TestGaps(t *testing.T) {
	const many = 1700 // some pieces of a snapshot
	for name, lost := range map[string]func(f frame) bool{
		"a change":             func(f frame) bool { return f.Pieces == 0 && f.N == 2 && f.rows() > 0 },
		"all changes":          func(f frame) bool { return f.Pieces == 0 && f.rows() > 0 },
		"the first pieces":     func(f frame) bool { return f.N == 2 && f.Pieces == 0 || f.Piece == 1 && once(&f) },
		"a piece in the midst": func(f frame) bool { return f.N == 2 && f.Pieces == 0 || f.Piece == 2 && once(&f) },
		"the last piece":       func(f frame) bool { return f.N == 2 && f.Pieces == 0 || f.Piece == f.Pieces && f.Piece > 0 && once(&f) },
		"the first question":   func(f frame) bool { return f.N == 2 && f.Pieces == 0 || f.Asks != nil && once(&f) },
	} {
		t.Run(name, func(t *testing.T) {
			lostOnce = map[string]bool{}
			run(t, []string{"x", "y"}, func(net *clustertest.Net, nodes map[string]*node) {
				net.Lose(func(_, _ string, _ cluster.Kind, body []byte) bool {
					var f frame
					if err := json.Unmarshal(body, &f); err != nil {
						t.Error(err)
					}
					return lost(f)
				})
				want := make(map[string]int)
				for i := range many {
					want[fmt.Sprint(i)] = i
					nodes["x"].Set(fmt.Sprint(i), i)
					if i == 900 {
						time.Sleep(time.Second)
						nodes["x"].Delete("5", 0)
						delete(want, "5")
					}
				}
				time.Sleep(4 * time.Second)
				nodes["y"].is(t, want)
			})
		})
	}
}

// frame is what the tests look at.
type frame struct {
	N      uint64            `json:"n"`
	Set    []json.RawMessage `json:"s"`
	Gone   []json.RawMessage `json:"g"`
	Piece  int               `json:"p"`
	Pieces int               `json:"o"`
	Asks   json.RawMessage   `json:"a"`
}

func (f frame) rows() int { return len(f.Set) + len(f.Gone) }

var lostOnce map[string]bool

// once loses such a frame the first time only.
func once(f *frame) bool {
	key := fmt.Sprint(f.Piece, len(f.Asks))
	was := lostOnce[key]
	lostOnce[key] = true
	return !was
}

// A node that comes knows soon what the others have, and they know when it has gone.
func TestComingAndGoing(t *testing.T) {
	run(t, []string{"x", "y"}, func(net *clustertest.Net, nodes map[string]*node) {
		nodes["x"].Set("a", 1)
		nodes["y"].Set("b", 2)
		time.Sleep(time.Minute)
		nodes["z"] = open(t, net, "z")
		time.Sleep(100 * time.Millisecond)
		nodes["z"].is(t, map[string]int{"a": 1, "b": 2})
		nodes["z"].Set("c", 3)
		time.Sleep(100 * time.Millisecond)
		nodes["x"].is(t, map[string]int{"b": 2, "c": 3})

		nodes["z"].end()
		delete(nodes, "z")
		time.Sleep(4 * time.Second)
		nodes["x"].is(t, map[string]int{"b": 2, "c": 3})
		time.Sleep(3 * time.Second)
		nodes["x"].is(t, map[string]int{"b": 2})
		if end := nodes["x"].ends[0]; end.Said || time.Since(end.At) > 8*time.Second {
			t.Errorf("c ended by %+v", end)
		}

		nodes["y"].Leave()
		nodes["y"].Stop()
		delete(nodes, "y")
		time.Sleep(4 * time.Second)
		nodes["x"].is(t, map[string]int{"b": 2})
		time.Sleep(2 * time.Second)
		nodes["x"].is(t, map[string]int{})
	})
}

// One that starts again has another part, and the one before is kept as long as that of any node that is gone.
func TestStartingAgain(t *testing.T) {
	run(t, []string{"x", "y"}, func(net *clustertest.Net, nodes map[string]*node) {
		nodes["y"].Set("a", 1)
		nodes["y"].Set("b", 1)
		time.Sleep(time.Second)
		nodes["y"].end()
		nodes["y"] = open(t, net, "y")
		nodes["y"].Set("a", 10)
		time.Sleep(2 * time.Second)
		nodes["x"].is(t, map[string]int{"a": 11, "b": 1})
		time.Sleep(5 * time.Second)
		nodes["x"].is(t, map[string]int{"a": 10})
	})
}

// Who was only not heard has what it had, at once and without a question.
func TestCutOff(t *testing.T) {
	run(t, []string{"x", "y"}, func(net *clustertest.Net, nodes map[string]*node) {
		nodes["y"].Set("a", 1)
		time.Sleep(time.Second)
		net.Cut("y", "x")
		time.Sleep(3 * time.Second)
		nodes["y"].Set("a", 2)
		time.Sleep(time.Second)
		nodes["x"].is(t, map[string]int{"a": 1})
		net.Heal("y", "x")
		time.Sleep(2 * time.Second)
		nodes["x"].is(t, map[string]int{"a": 2})
		net.Cut("y", "x")
		time.Sleep(20 * time.Second)
		nodes["x"].is(t, map[string]int{})
		net.Heal("y", "x")
		time.Sleep(2 * time.Second)
		nodes["x"].is(t, map[string]int{"a": 2})
	})
}

// Whatever is lost: at the end all know all.
func TestLossAtRandom(t *testing.T) {
	for seed := range uint64(20) {
		run(t, []string{"x", "y", "z"}, func(net *clustertest.Net, nodes map[string]*node) {
			chance, loss := rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 1)) // the net's is asked by one at a time
			net.Lose(func(string, string, cluster.Kind, []byte) bool { return loss.IntN(3) == 0 })
			net.Delay(time.Duration(chance.IntN(30)) * time.Millisecond)
			want := map[string]int{}
			for range 300 {
				key := fmt.Sprint(chance.IntN(20))
				if chance.IntN(3) == 0 {
					nodes["x"].Delete(key, 0)
					delete(want, key)
				} else {
					want[key] = chance.IntN(100)
					nodes["x"].Set(key, want[key])
				}
				time.Sleep(time.Duration(chance.IntN(40)) * time.Millisecond)
			}
			net.Lose(nil)
			time.Sleep(3 * time.Second)
			nodes["y"].is(t, want)
			nodes["z"].is(t, want)
		})
	}
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*roll.Config){
		"no kind": func(c *roll.Config) { c.Kind = "" }, "no beat": func(c *roll.Config) { c.Beat = 0 },
		"a negative pause": func(c *roll.Config) { c.Pause = -1 }, "a negative keep": func(c *roll.Config) { c.Keep = -1 },
	} {
		cfg := roll.DefaultConfig("test")
		change(&cfg)
		if cfg.Validate() == nil {
			t.Errorf("%s is fine", name)
		}
	}
}

// FuzzFrame has another node send anything.
func FuzzFrame(f *testing.F) {
	for _, seed := range []string{
		`{"r":1,"n":1,"s":[{"k":"a","v":1}]}`, `{"r":1,"n":2,"g":[{"k":"a","v":1}]}`, `{"r":1,"n":3,"p":1,"o":2,"s":[{"k":"a","v":1}]}`,
		`{"r":1,"n":3,"p":3,"o":2}`, `{"r":1,"n":3,"p":-1,"o":-2}`, `{"r":2,"n":9,"a":{"n":"x","r":5},"h":true}`, `{`, ``, `[]`,
	} {
		f.Add([]byte(seed), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, one, other []byte) {
		run(t, []string{"x", "y"}, func(_ *clustertest.Net, nodes map[string]*node) {
			nodes["y"].Send("test", one)
			nodes["y"].Send("test", other)
			nodes["x"].Set("a", 1)
			time.Sleep(3 * time.Second)
			nodes["y"].is(t, map[string]int{"a": 1})
		})
	})
}
