package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/broadcast"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/push/webpushtest"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/usage"
)

// subscribe has a user's browser get notifications.
func subscribe(t *testing.T, s *apptest.Server, user string, b *webpushtest.Browser) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/api/push/subscribe", strings.NewReader(b.JSON()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+s.Token(t, user, user, time.Hour))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("subscribed: %d %s, %v", answer.StatusCode, body, err)
	}
}

// asked is the next request to a push service.
func asked(t *testing.T, service *webpushtest.Service) webpushtest.Request {
	t.Helper()
	select {
	case r := <-service.Asked:
		return r
	case <-time.After(apptest.Patience):
		t.Fatal("no push service is asked")
		return webpushtest.Request{}
	}
}

// TestPush: what the backend tells users comes to browsers of those who are not connected, also where a service fails at first. A
// browser that is gone is asked no more, and what is connected hears it without.
func TestPush(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		testPush(t, "--data", t.TempDir())
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		testPush(t, "--database", pgtest.Database(t))
	})
}

func testPush(t *testing.T, flags ...string) {
	service := webpushtest.NewService(t)
	trusts := func(s *app.Settings) { s.PushRoots = service.Roots }
	flags = append(flags, "--push-allow-private")
	first := apptest.Serve(t, flags, trusts)
	key := first.Push.PublicKey()
	browsers := map[string]*webpushtest.Browser{}
	for _, user := range []string{"ada", "bob", "cyd", "zoe"} {
		b := webpushtest.NewBrowser(t, service.URL+"/"+user)
		subscribe(t, first, user, b)
		browsers["/"+user] = b
	}
	first.Close()

	// The next server signs by the same key, or no browser would take it.
	s := apptest.Serve(t, flags, trusts)
	if s.Push.PublicKey() != key {
		t.Error("the next server has another key")
	}
	zoe, err := client.Dial(t.Context(), client.Config{URL: s.URL, Token: client.StaticToken(s.Token(t, "zoe", "zoe", time.Hour))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(zoe.Close)
	failed := false
	service.Answer("/bob", func(w http.ResponseWriter, _ *http.Request) {
		if !failed {
			failed = true
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	service.Answer("/cyd", webpushtest.Status(http.StatusGone))
	tell := func(title string) string {
		t.Helper()
		b, err := s.Broadcasts.Create(t.Context(), broadcast.Create{Kind: broadcast.Notification, Spec: broadcast.Spec{
			Users: []account.UserID{"ada", "bob", "cyd", "zoe", "nobody"}, Notification: push.Fields{"title": json.RawMessage(title), "ttl": json.RawMessage("3600")},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return b.ID
	}
	hear := func(id, title string, want map[string]int) {
		t.Helper()
		for heard := map[string]int{}; fmt.Sprint(heard) != fmt.Sprint(want); {
			r := asked(t, service)
			if heard[r.Path]++; heard[r.Path] > want[r.Path] {
				t.Fatalf("asked %v, the last one %s", heard, r.Path)
			}
			var told struct{ Title, NotificationID string }
			if plain, err := browsers[r.Path].Read(r.Body); err != nil || json.Unmarshal(plain, &told) != nil || told.Title != title || told.NotificationID != id {
				t.Fatalf("%s is told %s, %v", r.Path, plain, err)
			}
		}
	}
	id := tell(`"Lunch"`)
	hear(id, "Lunch", map[string]int{"/ada": 1, "/bob": 2, "/cyd": 1})
	if b := ended(t, s, broadcast.Notification, id); b.Reached != 4 || b.Missed != 1 {
		t.Errorf("it is %+v", b.Progress)
	}
	for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(10 * time.Millisecond) {
		counts, err := s.Push.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if counts[push.TypeWebPush] == 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("who is gone is still there: %v", counts)
		}
	}
	hear(tell(`"Tea"`), "Tea", map[string]int{"/ada": 1, "/bob": 1})
	countsPushes(t, s, usage.Pushes{Sent: 4})
	for titles := ""; titles != "LunchTea"; {
		select {
		case e := <-zoe.Events():
			n, is := e.(*client.Notification)
			if !is {
				continue
			}
			var told struct{ Title string }
			if err := json.Unmarshal(n.Payload, &told); err != nil {
				t.Fatal(err)
			}
			titles += told.Title
		case <-time.After(apptest.Patience):
			t.Fatal("who is connected does not hear it")
		}
	}
	if len(service.Asked) > 0 {
		t.Errorf("asked too: %s", (<-service.Asked).Path)
	}
}

// countsPushes waits until so many are counted.
func countsPushes(t *testing.T, s *apptest.Server, want usage.Pushes) {
	t.Helper()
	for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(10 * time.Millisecond) {
		if err := s.Usage.StorePushes(t.Context()); err != nil {
			t.Fatal(err)
		}
		h, err := s.Usage.History(t.Context(), usage.Day, 2)
		if err != nil {
			t.Fatal(err)
		}
		var sum usage.Pushes
		for _, day := range h.Counts {
			sum.Sent, sum.Failed = sum.Sent+day.Sent, sum.Failed+day.Failed
		}
		if sum == want {
			return
		}
		if time.Now().After(deadline) || sum.Sent > want.Sent || sum.Failed > want.Failed {
			t.Fatalf("counted are %+v, not %+v", sum, want)
		}
	}
}

// TestPushWaits: what was to be told when a server ended is told by the next.
func TestPushWaits(t *testing.T) {
	t.Parallel()
	service := webpushtest.NewService(t)
	trusts := func(s *app.Settings) { s.PushRoots = service.Roots }
	flags := []string{"--push-allow-private", "--data", t.TempDir()}
	s := apptest.Serve(t, flags, trusts)
	b := webpushtest.NewBrowser(t, service.URL+"/ada")
	subscribe(t, s, "ada", b)
	if err := s.Jobs.Pause(t.Context(), push.JobKind, true); err != nil {
		t.Fatal(err)
	}
	told, err := s.Broadcasts.Create(t.Context(), broadcast.Create{Kind: broadcast.Notification, Spec: broadcast.Spec{All: true, Notification: push.Fields{"title": json.RawMessage(`"Lunch"`)}}})
	if err != nil {
		t.Fatal(err)
	}
	ended(t, s, broadcast.Notification, told.ID)
	s.Close()
	if len(service.Asked) > 0 {
		t.Error("it is told although that is paused")
	}
	s = apptest.Serve(t, flags, trusts)
	if err := s.Jobs.Pause(t.Context(), push.JobKind, false); err != nil {
		t.Fatal(err)
	}
	if plain, err := b.Read(asked(t, service).Body); err != nil || !strings.Contains(string(plain), "Lunch") {
		t.Errorf("told %s, %v", plain, err)
	}
}
