package ops_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/ops"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(t *testing.T, handler http.Handler, method, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w.Code, w.Body.String()
}

func newHealth(t *testing.T, now func() time.Time, log *strings.Builder, checks ...ops.Check) (*ops.Health, http.Handler) {
	t.Helper()
	health, err := ops.NewHealth(ops.HealthConfig{
		Version: "1.2.3", Connections: func() int { return 42 }, Checks: checks, Now: now,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	ops.Routes{Health: health}.Register(mux)
	return health, mux
}

func TestHealth(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 6_000_000, time.FixedZone("", 3600))
	_, handler := newHealth(t, func() time.Time { return now }, &strings.Builder{})
	now = now.Add(1500 * time.Millisecond)
	status, body := get(t, handler, http.MethodGet, "/health")
	want := `{"status":"ok","connections":42,"timestamp":"2030-01-02T02:04:06.506Z","uptime":1.5,"version":"1.2.3"}` + "\n"
	if status != http.StatusOK || body != want {
		t.Errorf("got %d %s, want %s", status, body, want)
	}
	if status, _ := get(t, handler, http.MethodPost, "/health"); status != http.StatusMethodNotAllowed {
		t.Errorf("POST answered %d", status)
	}
}

func TestReady(t *testing.T) {
	var fault, late error
	var log strings.Builder
	health, handler := newHealth(t, time.Now, &log,
		ops.Check{Name: "database", Run: func(context.Context) error { return fault }},
		ops.Check{Name: "clock", Fault: "is off", Run: func(context.Context) error { return late }})
	expect := func(wantStatus int, wantBody string) {
		t.Helper()
		if status, body := get(t, handler, http.MethodGet, "/ready"); status != wantStatus || strings.TrimSpace(body) != wantBody {
			t.Errorf("got %d %s, want %d %s", status, body, wantStatus, wantBody)
		}
	}
	expect(503, `{"status":"unavailable","reason":"starting"}`)
	health.Ready()
	expect(200, `{"status":"ready"}`)
	fault = errors.New("disk I/O error at /secret/place")
	expect(503, `{"status":"unavailable","reason":"database is unavailable"}`)
	if !strings.Contains(log.String(), "/secret/place") {
		t.Error("the log lacks the cause")
	}
	fault = nil
	expect(200, `{"status":"ready"}`)
	late = errors.New("it is 6m behind")
	expect(503, `{"status":"unavailable","reason":"clock is off"}`)
	late = nil
	health.Drain()
	expect(503, `{"status":"unavailable","reason":"draining"}`)
	health.Ready()
	expect(503, `{"status":"unavailable","reason":"draining"}`)
}

// TestAids: what a server is better with is named where it is missing, and the server is ready all the same.
func TestAids(t *testing.T) {
	fault := errors.New("no route to /secret/place")
	health, err := ops.NewHealth(ops.HealthConfig{
		Version: "1", Connections: func() int { return 0 }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Checks: []ops.Check{{Name: "clock", Fault: "is off", Run: func(context.Context) error { return nil }}},
		Aids: []ops.Check{
			{Name: "redis", Run: func(context.Context) error { return fault }},
			{Name: "other", Run: func(context.Context) error { return nil }},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	health.Ready()
	mux := http.NewServeMux()
	ops.Routes{Health: health}.Register(mux)
	if status, body := get(t, mux, http.MethodGet, "/ready"); status != 200 || strings.TrimSpace(body) != `{"status":"ready","without":["redis"]}` {
		t.Errorf("got %d %s", status, body)
	}
	fault = nil
	if status, body := get(t, mux, http.MethodGet, "/ready"); status != 200 || strings.TrimSpace(body) != `{"status":"ready"}` {
		t.Errorf("got %d %s", status, body)
	}
}

func TestHangingCheckIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		health, handler := newHealth(t, time.Now, &strings.Builder{}, ops.Check{Name: "database", Run: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		health.Ready()
		start := time.Now()
		if status, _ := get(t, handler, http.MethodGet, "/ready"); status != 503 {
			t.Errorf("answered %d", status)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func newMetrics(t *testing.T) (*ops.Metrics, func() string) {
	t.Helper()
	registry := ops.NewRegistry()
	metrics, err := ops.NewMetrics(registry, ops.Vocabulary{
		Messages: []string{"message:send"}, Operations: []string{"append"}, Refusals: []string{"capacity"}, Ends: []string{"slow consumer"},
		ErrorTypes: []string{"message"}, ErrorCodes: []string{"not_in_room"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) != 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	health, _ := newHealth(t, time.Now, &strings.Builder{})
	mux := http.NewServeMux()
	ops.Routes{Health: health, Metrics: registry}.Register(mux)
	return metrics, func() string {
		t.Helper()
		status, body := get(t, mux, http.MethodGet, "/metrics")
		if status != http.StatusOK {
			t.Fatalf("answered %d", status)
		}
		return body
	}
}

func TestMetrics(t *testing.T) {
	metrics, scrape := newMetrics(t)
	metrics.ConnectionOpened()
	metrics.ConnectionOpened()
	metrics.ConnectionClosed("slow consumer")
	metrics.ConnectionRefused("capacity")
	metrics.Message("message:send", true)
	metrics.Message("message:send", false)
	metrics.Observe("append", 3*time.Millisecond)
	metrics.Observe("append", time.Minute)
	metrics.Error("message", "not_in_room")
	if err := metrics.Watch("websocket_queue_frames", "Frames that wait.", func() float64 { return 7 }); err != nil {
		t.Fatal(err)
	}
	if err := metrics.WatchTotal("store_commits_total", "Commits.", func() float64 { return 9 }); err != nil {
		t.Fatal(err)
	}
	for cause, n := range map[string]float64{"slow": 3, "gone": 4} {
		if err := metrics.WatchTotalOf("requests_failed_total", "Requests.", "cause", cause, func() float64 { return n }); err != nil {
			t.Fatal(err)
		}
	}
	if err := metrics.Watch("websocket_queue_frames", "Frames that wait.", func() float64 { return 7 }); err == nil {
		t.Error("registered twice")
	}
	tables := map[string]float64{"left": 1, "right": 2}
	if err := metrics.WatchEach("tables", "Tables.", []string{"side"}, func(tell func(float64, ...string)) {
		for side, value := range tables {
			tell(value, side)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if body := scrape(); !strings.Contains(body, `tables{side="left"} 1`+"\n") {
		t.Errorf("lacks a table: %s", body)
	}
	delete(tables, "left")
	body := scrape()
	if strings.Contains(body, `tables{side="left"}`) {
		t.Error("has a table that is gone")
	}
	for _, line := range []string{
		`tables{side="right"} 2`,
		`websocket_connections_total{status="connected"} 2`,
		`websocket_connections_total{status="disconnected"} 1`,
		`websocket_connections_total{status="refused"} 1`,
		`websocket_connections_refused_total{reason="capacity"} 1`,
		`websocket_disconnections_total{reason="slow consumer"} 1`,
		`websocket_disconnections_total{reason="other"} 0`,
		`websocket_messages_total{status="success",type="message:send"} 1`,
		`websocket_messages_total{status="error",type="message:send"} 1`,
		`websocket_response_time_seconds_bucket{operation="append",le="0.001"} 0`,
		`websocket_response_time_seconds_bucket{operation="append",le="0.005"} 1`,
		`websocket_response_time_seconds_bucket{operation="append",le="5"} 1`,
		`websocket_response_time_seconds_bucket{operation="append",le="+Inf"} 2`,
		`websocket_errors_total{code="not_in_room",type="message"} 1`,
		`websocket_errors_total{code="other",type="other"} 0`,
		`websocket_queue_frames 7`,
		`store_commits_total 9`,
		`requests_failed_total{cause="gone"} 4`,
		`requests_failed_total{cause="slow"} 3`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("lacks %s", line)
		}
	}
	for _, name := range []string{
		`websocket_memory_usage_bytes{type="heap_used"} `, `websocket_memory_usage_bytes{type="heap_total"} `,
		`websocket_memory_usage_bytes{type="stack"} `, "go_goroutines ", "process_start_time_seconds ",
	} {
		_, rest, ok := strings.Cut(body, "\n"+name)
		if !ok || strings.HasPrefix(rest, "0\n") {
			t.Errorf("lacks %s, or it is 0", name)
		}
	}
}

func TestClientsCannotGrowMetrics(t *testing.T) {
	metrics, scrape := newMetrics(t)
	before := strings.Count(scrape(), "\nwebsocket_")
	var group sync.WaitGroup
	for _, prefix := range []string{"a", "b", "c", "d"} {
		group.Go(func() {
			for i := range 100 {
				word := prefix + strings.Repeat("x", i)
				metrics.ConnectionRefused(word)
				metrics.Message(word, i%2 == 0)
				metrics.Observe(word, time.Second)
				metrics.Error(word, word)
				metrics.Error("message", word)
			}
		})
	}
	group.Wait()
	body := scrape()
	if after := strings.Count(body, "\nwebsocket_"); after != before {
		t.Errorf("%d lines, were %d", after, before)
	}
	for _, line := range []string{
		`websocket_messages_total{status="success",type="other"} 200`,
		`websocket_errors_total{code="other",type="message"} 400`,
		`websocket_connections_refused_total{reason="other"} 400`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("lacks %s", line)
		}
	}
}

func TestOptionalRoutes(t *testing.T) {
	health, none := newHealth(t, time.Now, &strings.Builder{})
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap"} {
		if status, _ := get(t, none, http.MethodGet, path); status != http.StatusNotFound {
			t.Errorf("%s answered %d, want 404", path, status)
		}
	}
	mux := http.NewServeMux()
	ops.Routes{Health: health, Pprof: true}.Register(mux)
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/debug/pprof/cmdline", "/debug/pprof/symbol", "/debug/pprof/mutex"} {
		if status, _ := get(t, mux, http.MethodGet, path); status != http.StatusOK {
			t.Errorf("%s answered %d, want 200", path, status)
		}
	}
	if runtime.SetMutexProfileFraction(-1) == 0 {
		t.Error("the profile of mutexes is empty for ever")
	}
	mux.HandleFunc("/", http.NotFound) // the rest of the server can be mounted beside it
}

func decode(t *testing.T, line string) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return fields
}
