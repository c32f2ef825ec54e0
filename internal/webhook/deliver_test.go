package webhook_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

// seqs are the places of all that was told of a conversation, each once, in the order in which they were told first.
func seqs(all []told, conversation string) (first []int64) {
	for i := range all {
		if d := &all[i].Data; d.ConversationID == conversation && !slices.Contains(first, d.Seq) {
			first = append(first, d.Seq)
		}
	}
	return first
}

// TestDelivers: what is wanted is told, signed, in order, and nothing else.
func TestDelivers(t *testing.T) {
	t.Parallel()
	s := serve(t)
	everything, lunch := receive(t, nil), receive(t, nil)
	w := create(t, s, everything.URL, nil)
	create(t, s, lunch.URL, func(c *webhook.Create) { c.Rooms, c.Events = []string{"lunch"}, []chat.EventKind{chat.MessageCreated} })
	room(t, s, "lunch")
	room(t, s, "hall")
	const said = 10
	for n := range said {
		say(t, s, "hall", fmt.Sprint("hall ", n))
		say(t, s, "lunch", fmt.Sprint("lunch ", n))
	}
	if _, err := s.Chat.SendDirect(t.Context(), bob, chat.SendDirect{RecipientID: "ada", Content: "between us", Type: chat.TypeText}); err != nil {
		t.Fatal(err)
	}
	if err := s.Chat.DeleteRoom(t.Context(), ada, "hall"); err != nil {
		t.Fatal(err)
	}
	all := everything.until("all", func(all []told) bool { return len(all) >= 2*(said+1)+2 })
	everything.verify(w.Secret)
	kinds := make(map[string]int)
	for i := range all {
		kinds[all[i].Type]++
	}
	if want := map[string]int{"message.created": 2*said + 1, "member.joined": 2, "room.deleted": 1}; fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("told %v, want %v", kinds, want)
	}
	for i := range all {
		if got := seqs(all, all[i].Data.ConversationID); !slices.IsSorted(got) {
			t.Errorf("order %v", got)
		}
	}
	for i, m := range lunch.until("lunch", func(all []told) bool { return len(all) >= said }) {
		if m.Type != "message.created" || m.Data.RoomID != "lunch" || m.Data.Content != fmt.Sprint("lunch ", i) {
			t.Errorf("%d: %s", i, m.body)
		}
	}
}

// TestReceivers: whatever a receiver does, everything arrives, in the order of each conversation.
func TestReceivers(t *testing.T) {
	t.Parallel()
	var flaky, hanging atomic.Int64
	released := make(chan struct{})
	elsewhere := receive(t, nil)
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request, n int, m *told){
		"slow": func(_ http.ResponseWriter, r *http.Request, _ int, _ *told) {
			select {
			case <-time.After(20 * time.Millisecond):
			case <-r.Context().Done():
			}
		},
		"fails every third time": func(w http.ResponseWriter, _ *http.Request, _ int, _ *told) {
			if flaky.Add(1)%3 == 1 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		},
		"hangs at first": func(_ http.ResponseWriter, r *http.Request, _ int, _ *told) {
			if hanging.Add(1) == 1 {
				select {
				case <-r.Context().Done():
				case <-released:
				}
			}
		},
		"breaks off": func(w http.ResponseWriter, _ *http.Request, n int, _ *told) {
			if n%3 == 1 {
				panic(http.ErrAbortHandler)
			}
		},
		"lies about its length": func(w http.ResponseWriter, _ *http.Request, _ int, _ *told) {
			w.Header().Set("Content-Length", "1000000")
			_, _ = io.WriteString(w, "short")
		},
		"never ends": func(w http.ResponseWriter, r *http.Request, _ int, _ *told) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("x", 1<<16)); err != nil {
					return
				}
			}
		},
		"redirects at first": func(w http.ResponseWriter, r *http.Request, n int, _ *told) {
			if n == 1 {
				http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
			}
		},
		"is busy at first": func(w http.ResponseWriter, _ *http.Request, n int, _ *told) {
			if n == 1 {
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(http.StatusTooManyRequests)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(s *app.Settings) {
				if name == "hangs at first" {
					s.Webhooks.Timeout = 100 * time.Millisecond
				}
			})
			r := receive(t, answer)
			create(t, s, r.URL, func(c *webhook.Create) { c.Events = []chat.EventKind{chat.MessageCreated} })
			const rooms, each = 2, 4
			var wait sync.WaitGroup
			for n := range rooms {
				id := fmt.Sprint("room", n)
				room(t, s, id)
				wait.Go(func() {
					for i := range each {
						say(t, s, id, fmt.Sprint(i))
					}
				})
			}
			wait.Wait()
			contents := func(all []told, id string) (first []string) {
				for i := range all {
					if d := &all[i].Data; d.RoomID == id && !slices.Contains(first, d.Content) {
						first = append(first, d.Content)
					}
				}
				return first
			}
			all := r.until("all", func(all []told) bool {
				for n := range rooms {
					if len(contents(all, fmt.Sprint("room", n))) < each {
						return false
					}
				}
				return true
			})
			ids := make(map[string]string)
			for i := range all {
				if m := &all[i]; ids[m.id] != "" && ids[m.id] != m.Data.ID {
					t.Errorf("two events have the id %s", m.id)
				} else {
					ids[m.id] = m.Data.ID
				}
			}
			if len(ids) != rooms*each {
				t.Errorf("%d events have %d ids", rooms*each, len(ids))
			}
			for n := range rooms {
				if got := contents(all, fmt.Sprint("room", n)); !slices.IsSorted(got) {
					t.Errorf("order %v", got)
				}
			}
			if len(elsewhere.all()) > 0 {
				t.Error("the redirect was followed")
			}
		})
	}
	t.Cleanup(func() { close(released) })
}

// TestRefusedEvent: what a receiver does not want becomes a dead letter, and the rest goes on. An administrator can have it tried
// again.
func TestRefusedEvent(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var taken atomic.Bool
	r := receive(t, func(w http.ResponseWriter, _ *http.Request, _ int, m *told) {
		if m.Data.Content == "bad" && !taken.Load() {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
	})
	w := create(t, s, r.URL, func(c *webhook.Create) { c.Events = []chat.EventKind{chat.MessageCreated} })
	room(t, s, "hall")
	for _, text := range []string{"one", "bad", "two"} {
		say(t, s, "hall", text)
	}
	all := r.until("what comes behind", func(all []told) bool { return len(all) > 0 && all[len(all)-1].Data.Content == "two" })
	var order []string
	for i := range all {
		order = append(order, all[i].Data.Content)
	}
	if want := []string{"one", "bad", "bad", "bad", "bad", "two"}; !slices.Equal(order, want) {
		t.Errorf("told %v, want %v", order, want)
	}
	letter := dead(t, s)
	if !strings.Contains(letter.Error, "422") {
		t.Errorf("the dead letter says %q", letter.Error)
	}
	deliveries := func(enough func([]webhook.Delivery) bool) []webhook.Delivery {
		t.Helper()
		for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(2 * time.Millisecond) {
			got, err := s.Webhooks.Deliveries(t.Context(), w.ID, 100)
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("deliveries %v, error %v", got, err)
			}
			if enough(got) {
				return got
			}
		}
	}
	var outcomes []string
	for _, d := range deliveries(func(all []webhook.Delivery) bool { return len(all) == 6 }) {
		outcomes = append(outcomes, fmt.Sprintf("%s %d %d", d.Outcome, d.Attempt, d.Status))
	}
	slices.Reverse(outcomes)
	if want := []string{"delivered 1 200", "retried 1 422", "retried 2 422", "retried 3 422", "given_up 4 422", "delivered 1 200"}; !slices.Equal(outcomes, want) {
		t.Errorf("recorded %v, want %v", outcomes, want)
	}
	taken.Store(true)
	if err := s.Jobs.Store.Retry(t.Context(), letter.ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	deliveries(func(all []webhook.Delivery) bool { return len(all) == 7 && all[0].Outcome == webhook.Delivered })
}

// dead waits for a dead job.
func dead(t *testing.T, s *apptest.Server) job.Job {
	t.Helper()
	for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(2 * time.Millisecond) {
		letters, err := s.Jobs.Store.Dead(t.Context(), job.DeadQuery{Kind: webhook.JobKind, Limit: 10})
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("dead letters %v, error %v", letters, err)
		}
		if len(letters) > 0 {
			return letters[0]
		}
	}
}

// idle waits until there is nothing to tell.
func idle(t *testing.T, s *apptest.Server) {
	t.Helper()
	for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(2 * time.Millisecond) {
		counts, err := s.Jobs.Store.Counts(t.Context(), []string{webhook.JobKind}, time.Now())
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("jobs %v, error %v", counts, err)
		}
		if counts[0].Waiting+counts[0].Running == 0 {
			return
		}
	}
}

// TestDisabled: a webhook that has failed for too long, or whose receiver is gone, is told nothing more, and administrators are.
func TestDisabled(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"it fails": http.StatusInternalServerError, "it is gone": http.StatusGone} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(s *app.Settings) {
				s.Webhooks.DisableAfter = 50 * time.Millisecond
			})
			var back atomic.Bool
			r := receive(t, func(w http.ResponseWriter, _ *http.Request, _ int, _ *told) {
				if !back.Load() {
					w.WriteHeader(status)
				}
			})
			w := create(t, s, r.URL, nil)
			room(t, s, "hall")
			for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(2 * time.Millisecond) {
				now, err := s.Webhooks.Get(t.Context(), w.ID)
				if err != nil || time.Now().After(deadline) {
					t.Fatalf("%+v, error %v", now, err)
				}
				if now.Disabled() && now.DisabledWhy != "" {
					break
				}
			}
			say(t, s, "hall", "to nobody")
			idle(t, s) // if it was to be told, it was dropped
			back.Store(true)
			on := true
			if _, err := s.Webhooks.Change(t.Context(), w.ID, webhook.Change{Enabled: &on}); err != nil {
				t.Fatal(err)
			}
			say(t, s, "hall", "back")
			all := r.until("what is said since", func(all []told) bool { return all[len(all)-1].Data.Content == "back" })
			for i := range all {
				if all[i].Data.Content == "to nobody" {
					t.Error("told what was said while it was disabled")
				}
			}
		})
	}
}

// TestRotate: for a day both secrets sign.
func TestRotate(t *testing.T) {
	t.Parallel()
	s := serve(t)
	r := receive(t, nil)
	old := create(t, s, r.URL, nil)
	now, err := s.Webhooks.Rotate(t.Context(), old.ID, "")
	if err != nil || now.Secret == old.Secret {
		t.Fatalf("%v, error %v", now.Secret == old.Secret, err)
	}
	d, err := s.Webhooks.Test(t.Context(), old.ID)
	if err != nil || d.Outcome != webhook.Delivered || d.Status != http.StatusOK {
		t.Fatalf("%+v, error %v", d, err)
	}
	m := r.all()[0]
	want, err := webhook.Sign(m.id, m.at, m.body, now.Secret, old.Secret)
	if err != nil || m.signature != want || m.Type != "webhook.test" || m.Data.WebhookID != old.ID {
		t.Errorf("%s signed %q, want %q, error %v", m.body, m.signature, want, err)
	}
}

// TestForbidden: where an address leads is known when it is dialled, and nothing is sent there.
func TestForbidden(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, quick) // which may reach nothing here
	r := receive(t, nil)
	w := create(t, s, strings.Replace(r.URL, "http://127.0.0.1", "https://localhost", 1), nil)
	d, err := s.Webhooks.Test(t.Context(), w.ID)
	if err != nil || d.Outcome != webhook.GivenUp || !strings.Contains(d.Error, "loopback") {
		t.Errorf("%+v, error %v", d, err)
	}
	if n := len(r.all()); n > 0 {
		t.Errorf("told %d times", n)
	}
}

// TestRestart: what was not told before a server stopped, is told by the next one.
func TestRestart(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	away.Store(true)
	r := receive(t, func(w http.ResponseWriter, _ *http.Request, _ int, _ *told) {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	s := serve(t)
	create(t, s, r.URL, nil)
	room(t, s, "hall")
	say(t, s, "hall", "before")
	r.until("an attempt", func(all []told) bool { return len(all) > 0 })
	s.Close()
	away.Store(false)
	again := apptest.Serve(t, []string{"--webhook-allow", "127.0.0.0/8", "--data", s.Data}, quick)
	say(t, again, "hall", "behind")
	all := r.until("all", func(all []told) bool { return all[len(all)-1].Data.Content == "behind" })
	if before := all[len(all)-2]; before.Data.Content != "before" {
		t.Errorf("before it: %s", before.body)
	}
}

// TestNodes: a webhook that was made at one server is told of what is committed at another one.
func TestNodes(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	on := func() *apptest.Server {
		return apptest.Serve(t, []string{"--webhook-allow", "127.0.0.0/8", "--database", database}, quick)
	}
	first, second := on(), on()
	r := receive(t, nil)
	w := create(t, first, r.URL, func(c *webhook.Create) { c.Events = []chat.EventKind{chat.MessageCreated} })
	room(t, first, "hall")
	for n := 0; len(r.all()) == 0; n++ { // as soon as the other one has heard
		say(t, second, "hall", fmt.Sprint(n))
		time.Sleep(5 * time.Millisecond)
	}
	for n := range 20 {
		say(t, []*apptest.Server{first, second}[n%2], "hall", fmt.Sprint("both ", n))
	}
	all := r.until("all", func(all []told) bool { return all[len(all)-1].Data.Content == "both 19" })
	if got := seqs(all, all[0].Data.ConversationID); !slices.IsSorted(got) || len(got) < 21 {
		t.Errorf("order %v", got)
	}
	if err := second.Webhooks.Delete(t.Context(), w.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Webhooks.Get(t.Context(), w.ID); !errors.Is(err, webhook.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
