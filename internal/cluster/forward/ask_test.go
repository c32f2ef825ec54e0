package forward_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/cluster/clustertest"
)

func TestAsk(t *testing.T) {
	nodes := some(t, 2)
	a, b := nodes[0], nodes[1]
	b.answer.Store(func(_ context.Context, question []byte) []byte {
		if string(question) == "?" {
			return nil
		}
		return []byte("answer to " + string(question))
	})
	id := b.NewID()
	others := a.Others(t.Context(), id)
	if len(others) != 1 || !others[0].Has(id) || others[0].Has(a.NewID()) || others[0].Has("") {
		t.Fatalf("a knows %v", others)
	}
	long := strings.Repeat("x", 60_000)
	for _, question := range []string{"", "hello", long} {
		got, err := others[0].Ask(t.Context(), []byte(question))
		if err != nil || string(got) != "answer to "+question {
			t.Errorf("%.50q: %.50q, %v", question, got, err)
		}
	}
	if _, err := others[0].Ask(t.Context(), []byte("?")); err == nil {
		t.Error("answered what nobody knows")
	}
	b.answer.Store(func(ctx context.Context, _ []byte) []byte { <-ctx.Done(); return nil })
	waiting := make(chan error)
	go func() {
		_, err := others[0].Ask(t.Context(), []byte("who waits"))
		waiting <- err
	}()
	b.end()
	if err := <-waiting; err == nil {
		t.Error("a node that has gone has answered")
	}
	until(t, "b is gone", func() bool { return len(a.Others(t.Context(), id)) == 0 })
	if _, err := others[0].Ask(t.Context(), []byte("hello")); err == nil {
		t.Error("a node that has gone has answered")
	}
}

// A node that came a moment ago can ask, and be asked, as soon as the two have heard of each other.
func TestAskWhoIsNew(t *testing.T) {
	for _, newcomer := range []string{"asks", "is asked"} {
		t.Run(newcomer, func(t *testing.T) {
			air := clustertest.New()
			old := start(t, air, "a")
			air.Lose(func(from, _ string, _ cluster.Kind, body []byte) bool { // the newcomer hears of the other, which does not of it
				return from != "a" && strings.Contains(string(body), "certificate")
			})
			come := start(t, air, "b")
			until(t, "the newcomer knows the other", func() bool { return come.Elsewhere(old.NewID()) != nil })
			until(t, "it is refused for its certificate", func() bool { return old.Figures().Strangers > 0 })
			from, to := come, old
			if newcomer == "is asked" {
				from, to = old, come
			}
			to.answer.Store(func(context.Context, []byte) []byte { return []byte("yes") })
			type result struct {
				answer string
				err    error
			}
			said := make(chan result, 1)
			go func() {
				others := from.Others(t.Context(), to.NewID())
				if len(others) == 0 {
					said <- result{answer: "nobody is there"}
					return
				}
				answer, err := others[0].Ask(t.Context(), []byte("hello"))
				said <- result{string(answer), err}
			}()
			strangers := old.Figures().Strangers
			until(t, "the newcomer has tried again", func() bool { return old.Figures().Strangers > strangers })
			select {
			case early := <-said:
				t.Fatalf("%+v came before the two knew each other", early)
			default:
			}
			air.Lose(nil)
			if got := <-said; got != (result{answer: "yes"}) {
				t.Errorf("%+v", got)
			}
		})
	}
}
