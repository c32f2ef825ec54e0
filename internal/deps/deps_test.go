package deps_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/deps"
)

type given struct {
	Log     *slog.Logger
	Handler http.Handler
	Now     func() time.Time
	Names   map[string]string
	Hosts   []string
	Done    chan struct{}
	Filter  func() `need:"optional"`
	Name    string
	Beside  bool
}

func TestCheck(t *testing.T) {
	whole := given{slog.Default(), http.NotFoundHandler(), time.Now, map[string]string{}, []string{}, make(chan struct{}), nil, "", false}
	if err := deps.Check(whole); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*given){
		"Log": func(g *given) { g.Log = nil }, "Handler": func(g *given) { g.Handler = nil }, "Now": func(g *given) { g.Now = nil },
		"Names": func(g *given) { g.Names = nil }, "Hosts": func(g *given) { g.Hosts = nil }, "Done": func(g *given) { g.Done = nil },
	} {
		g := whole
		spoil(&g)
		if err := deps.Check(g); err == nil || err.Error() != "deps_test.given: "+name+" is missing" {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
