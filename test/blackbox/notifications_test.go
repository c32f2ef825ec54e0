package blackbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/push/webpushtest"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
)

// pushed is what becomes of notifications while servers are killed.
type pushed struct {
	devices, notifications, kills int
	nodes                         int // more than one have a database on PostgreSQL
}

// TestNotificationsKilled kills the server while notifications go out: each comes to each device, and one that comes twice has the same
// Topic, by which the push service has one replace the other.
func TestNotificationsKilled(t *testing.T) {
	skipIfShort(t)
	testNotificationsKilled(t, pushed{devices: 40, notifications: 5, kills: 2, nodes: 1})
}

// TestSoakNotificationsKilled is TestNotificationsKilled with more of all.
func TestSoakNotificationsKilled(t *testing.T) {
	soak(t)
	testNotificationsKilled(t, pushed{devices: 1000, notifications: 10, kills: 20, nodes: 1})
}

// TestSoakNotificationsKilledOfThree has three nodes send them, of which one is killed at a time.
func TestSoakNotificationsKilledOfThree(t *testing.T) {
	soak(t)
	testNotificationsKilled(t, pushed{devices: 1000, notifications: 10, kills: 20, nodes: 3})
}

// arrivals are what a push service gets.
type arrivals struct {
	t        *testing.T
	browsers []*webpushtest.Browser

	mu     sync.Mutex
	topics map[arrival]string
	twice  int
	came   chan struct{} // has one where something has come
}

// arrival is that of a notification at a device.
type arrival struct {
	device       int
	notification string
}

func (a *arrivals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var device int
	if _, err := fmt.Sscanf(r.URL.Path, "/%d", &device); err != nil || device >= len(a.browsers) {
		a.t.Errorf("asked for %s", r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the server has died in the midst of it
	}
	var told struct{ NotificationID string }
	plain, err := a.browsers[device].Read(body)
	if err == nil {
		err = json.Unmarshal(plain, &told)
	}
	if err != nil || told.NotificationID == "" {
		a.t.Errorf("device %d is told %s, %v", device, plain, err)
	}
	a.note(arrival{device, told.NotificationID}, r.Header.Get("Topic"))
	w.WriteHeader(http.StatusCreated)
}

func (a *arrivals) note(of arrival, topic string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if before, again := a.topics[of]; again {
		if a.twice++; topic != before || topic == "" {
			a.t.Errorf("%v has come with the topics %q and %q", of, before, topic)
		}
	}
	a.topics[of] = topic
	select {
	case a.came <- struct{}{}:
	default:
	}
}

// await waits until so many have come.
func (a *arrivals) await(n int, log func() string) {
	a.t.Helper()
	for idle := time.NewTimer(patience); ; idle.Reset(patience) {
		a.mu.Lock()
		got := len(a.topics)
		a.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-a.came:
		case <-idle.C:
			a.t.Fatalf("%d of %d have come, and no further one:\n%s", got, n, log())
		}
	}
}

func testNotificationsKilled(t *testing.T, p pushed) {
	a := &arrivals{t: t, topics: make(map[arrival]string), came: make(chan struct{}, 1)}
	service := httptest.NewServer(a)
	t.Cleanup(service.Close)
	nodes := make([]*server, p.nodes)
	settings := make([]setup, p.nodes)
	for i := range nodes {
		settings[i] = setup{data: t.TempDir(), shipped: true, args: []string{"--push-allow-private"}}
		if i > 0 {
			copyFolder(t, settings[0].data, settings[i].data)
		} else {
			secretOf(t, settings[0].data)
		}
	}
	if p.nodes > 1 {
		database := pgtest.Database(t)
		for i := range settings {
			settings[i].database = database
		}
	}
	for i := range nodes {
		nodes[i] = start(t, settings[i])
	}
	for device := range p.devices {
		b := webpushtest.NewBrowser(t, fmt.Sprintf("%s/%d", service.URL, device))
		a.browsers = append(a.browsers, b)
		nodes[0].post("/api/push/subscribe", tokenFor(t, settings[0].data, fmt.Sprintf("user-%04d", device)), b.JSON())
	}
	key := apiKey(t, settings[0])
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for n := range p.notifications {
		nodes[n%p.nodes].post("/api/v1/server/notifications", key, fmt.Sprintf(`{"all": true, "notification": {"title": "Number %d"}, "key": "n-%d"}`, n, n))
	}
	all, log := p.devices*p.notifications, func() string { return nodes[0].log.String() }
	for n := range p.kills {
		a.await(all*n/p.kills, log)
		i := random.IntN(p.nodes)
		nodes[i].kill()
		nodes[i] = start(t, settings[i])
	}
	a.await(all, log)
	a.mu.Lock()
	defer a.mu.Unlock()
	t.Logf("%d notifications to %d devices, %d deaths: %d came more than once", p.notifications, p.devices, p.kills, a.twice)
}

// copyFolder copies the files of a folder.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, f.Name()), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// apiKey makes a key beside the server.
func apiKey(t *testing.T, s setup) string {
	t.Helper()
	path, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "apikey", "create", "--data", s.data, "--name", "test", "--scope", "notifications")
	cmd.Env = environment(false)
	if s.database != "" {
		cmd.Env = append(cmd.Env, "SOCKEYE_DATABASE="+s.database, "SOCKEYE_JWT_SECRET="+string(secretOf(t, s.data)))
	}
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, problems.String())
	}
	return strings.TrimSpace(string(out))
}

// post has something done over HTTP.
func (s *server) post(path, token, body string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if said, _ := io.ReadAll(answer.Body); answer.StatusCode >= 300 {
		s.t.Fatalf("%s: %d %s", path, answer.StatusCode, said)
	}
}
