package ask_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/ask"
	"github.com/sockeye-im/sockeye/internal/cluster/clustertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is three nodes that answer what twice a number is, with their name.
type fixture struct {
	*testing.T
	net    *clustertest.Net
	nodes  map[string]*clustertest.Node
	askers map[string]*ask.Asker
	slow   time.Duration
}

type doubled struct {
	Node string
	Is   int
}

func run(t *testing.T, test func(f *fixture)) {
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{T: t, net: clustertest.New(), nodes: map[string]*clustertest.Node{}, askers: map[string]*ask.Asker{}}
		for _, id := range []string{"x", "y", "z"} {
			node := f.net.Node(id)
			a, err := ask.New(ask.Deps{Peers: node.Peers(), Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			ask.Answer(a, "double", func(n int) doubled {
				time.Sleep(f.slow)
				return doubled{id, 2 * n}
			})
			f.nodes[id], f.askers[id] = node, a
			node.Start()
		}
		time.Sleep(time.Second)
		test(f)
		for id, node := range f.nodes {
			node.Kill()
			f.askers[id].Stop()
		}
	})
}

func (f *fixture) ask(ctx context.Context, topic string, want bool, nodes ...string) {
	f.Helper()
	answers, all := ask.All[doubled](ctx, f.askers["x"], topic, 21)
	var from []string
	for _, a := range answers {
		if a.Is != 42 {
			f.Errorf("twice 21 is %d", a.Is)
		}
		from = append(from, a.Node)
	}
	slices.Sort(from)
	if !slices.Equal(from, nodes) || all != want {
		f.Errorf("%q answered, all: %t", from, all)
	}
}

func TestAsk(t *testing.T) {
	run(t, func(f *fixture) {
		began := time.Now()
		f.ask(f.Context(), "double", true, "y", "z")
		f.net.Delay(100 * time.Millisecond)
		f.ask(f.Context(), "double", true, "y", "z")
		if took := time.Since(began); took > 300*time.Millisecond {
			f.Errorf("took %s", took)
		}
	})
}

func TestWhoDoesNotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		do    func(f *fixture) context.Context
		topic string
		want  []string
		most  time.Duration
	}{
		"the question is lost": {func(f *fixture) context.Context {
			f.net.Lose(func(_, to string, kind cluster.Kind, _ []byte) bool { return kind == "question" && to == "y" })
			return f.Context()
		}, "double", []string{"z"}, time.Second},
		"the answer is lost": {func(f *fixture) context.Context {
			f.net.Lose(func(from, _ string, kind cluster.Kind, _ []byte) bool { return kind == "answer" && from == "z" })
			return f.Context()
		}, "double", []string{"y"}, time.Second},
		"nobody knows the topic": {func(f *fixture) context.Context { return f.Context() }, "triple", nil, time.Second},
		"all are slow":           {func(f *fixture) context.Context { f.slow = 2 * time.Second; return f.Context() }, "double", nil, time.Second},
		"who asks has gone": {func(f *fixture) context.Context {
			ctx, cancel := context.WithCancel(f.Context())
			f.slow = time.Second / 2
			time.AfterFunc(100*time.Millisecond, cancel)
			return ctx
		}, "double", nil, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(f *fixture) {
				ctx := c.do(f)
				began := time.Now()
				f.ask(ctx, c.topic, false, c.want...)
				if took := time.Since(began); took > c.most {
					f.Errorf("took %s", took)
				}
				time.Sleep(5 * time.Second)
			})
		})
	}
}

// Who is gone is waited for no longer, and nobody is where nobody is left.
func TestWhoIsGone(t *testing.T) {
	run(t, func(f *fixture) {
		f.slow = 300 * time.Millisecond
		time.AfterFunc(100*time.Millisecond, func() {
			f.nodes["y"].Leave()
			f.nodes["y"] = f.net.Node("y")
			f.nodes["y"].Start()
		})
		f.ask(f.Context(), "double", true, "z")
	})
	synctest.Test(t, func(t *testing.T) {
		node := clustertest.New().Node("alone")
		a, err := ask.New(ask.Deps{Peers: node.Peers(), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if answers, all := ask.All[int](t.Context(), a, "double", 1); len(answers) > 0 || !all {
			t.Errorf("nobody answered %v, all: %t", answers, all)
		}
	})
}

func TestNeedsItsPeers(t *testing.T) {
	if _, err := ask.New(ask.Deps{}); err == nil {
		t.Error("asks nobody")
	}
}

// What is no question or answer is left out.
func TestGarbage(t *testing.T) {
	run(t, func(f *fixture) {
		for _, kind := range []cluster.Kind{"question", "answer"} {
			for _, body := range []string{"", "{", "[]", `{"i":1,"t":"double","q":"no number"}`, `{"i":99,"n":"x","b":{}}`} {
				f.nodes["y"].Send(kind, []byte(body))
			}
		}
		time.Sleep(time.Second)
		f.ask(f.Context(), "double", true, "y", "z")
	})
}
