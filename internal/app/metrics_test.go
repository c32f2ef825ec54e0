package app_test

import (
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/feed/redis/redistest"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// TestMetricsAreDocumented: docs/operations.md has every metric of a server among others, and no other one.
func TestMetricsAreDocumented(t *testing.T) {
	args := append([]string{"--database", pgtest.Database(t), "--redis", redistest.Start(t).URL()}, oneOfSome...)
	r, other := start(t, t.TempDir(), args...), start(t, t.TempDir(), args...)
	p := other.connect(other.login("Ada")) // commits, so that it has a log
	p.send(`420["room:create",{"id":"hall","name":"Hall"}]`)
	p.read(`430[{"ok":true`)
	var there []string
	r.until("/metrics", func(status int, body string) bool {
		if status != http.StatusOK {
			t.Fatalf("/metrics: %d", status)
		}
		there = there[:0]
		for _, found := range regexp.MustCompile(`(?m)^# TYPE ((?:sockeye|websocket)_\w+) `).FindAllStringSubmatch(body, -1) {
			there = append(there, found[1])
		}
		return strings.Contains(body, "\nsockeye_log_behind_commits{")
	})
	documented := documentedMetrics(t)
	for _, name := range there {
		if !documented[name] {
			t.Errorf("docs/operations.md does not know %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		if !slices.Contains(there, name) && name != "sockeye_tls_certificate_expiry_seconds" { // where there is one
			t.Errorf("docs/operations.md knows %s, and there is no such metric", name)
		}
	}
}

// documentedMetrics are those of the table in docs/operations.md. There `…_b` behind `sockeye_x_a` is for what begins as that does:
// a name of every kind that the row has.
func documentedMetrics(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| metric | tells |\n")
	table, _, ends := strings.Cut(table, "\n\n")
	if !found || !ends {
		t.Fatal("docs/operations.md has no table of metrics")
	}
	all := make(map[string]bool)
	for row := range strings.SplitSeq(table, "\n") {
		var stems []string
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(strings.Split(row, " | ")[0], -1) {
			name, _, _ := strings.Cut(name[1], "{")
			if rest, shortened := strings.CutPrefix(name, "…"); shortened {
				for _, stem := range stems {
					all[stem+rest] = true
				}
				continue
			}
			all[name] = true
			stems = append(stems, strings.TrimSuffix(name, "_"+lastWords(name)))
		}
	}
	return all
}

// lastWords is what tells a metric from others of its kind: its last word, with total if that is the last.
func lastWords(name string) string {
	words := strings.Split(name, "_")
	n := 1
	if words[len(words)-1] == "total" {
		n = 2
	}
	return strings.Join(words[len(words)-n:], "_")
}
