package webhook_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

// told is what a receiver was told.
type told struct {
	id, signature string
	at            time.Time
	body          []byte

	Type string
	Data struct {
		ID             string
		ConversationID string
		RoomID         string
		Seq            int64
		Content        string
		WebhookID      string
	}
}

// receiver keeps what it is told, and answers as the test says.
type receiver struct {
	*httptest.Server
	t      testing.TB
	answer func(w http.ResponseWriter, r *http.Request, n int, m *told) // n-th, from 1 on

	mu  sync.Mutex
	got []told
}

// receive starts a receiver; answer may be nil.
func receive(t testing.TB, answer func(w http.ResponseWriter, r *http.Request, n int, m *told)) *receiver {
	t.Helper()
	r := &receiver{t: t, answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	m := told{id: request.Header.Get("webhook-id"), signature: request.Header.Get("webhook-signature")}
	seconds, err := strconv.ParseInt(request.Header.Get("webhook-timestamp"), 10, 64)
	if err != nil {
		r.t.Errorf("the timestamp: %v", err)
	}
	m.at = time.Unix(seconds, 0)
	if m.body, err = io.ReadAll(request.Body); err == nil {
		err = json.Unmarshal(m.body, &m)
	}
	if err != nil {
		r.t.Errorf("the body: %v", err)
	}
	r.mu.Lock()
	r.got = append(r.got, m)
	n := len(r.got)
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, request, n, &m)
	}
}

func (r *receiver) all() []told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]told{}, r.got...)
}

// until waits until what the receiver was told is enough.
func (r *receiver) until(what string, enough func([]told) bool) []told {
	r.t.Helper()
	for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(2 * time.Millisecond) {
		all := r.all()
		if enough(all) {
			return all
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("not in time: %s; told %d times", what, len(all))
		}
	}
}

// verify fails unless everything is signed by one of the secrets.
func (r *receiver) verify(secret webhook.Secret) {
	r.t.Helper()
	for _, m := range r.all() {
		if want, err := webhook.Sign(m.id, m.at, m.body, secret); err != nil || m.signature != want {
			r.t.Errorf("%s is signed by %q, want %q", m.id, m.signature, want)
		}
	}
}

// quick has what fails tried again soon.
func quick(s *app.Settings) {
	s.Webhooks.Backoff, s.Webhooks.MaxBackoff, s.Webhooks.Rest = 5*time.Millisecond, 20*time.Millisecond, time.Millisecond
}

// serve starts a server that may reach receivers.
func serve(t testing.TB, options ...apptest.Option) *apptest.Server {
	t.Helper()
	return apptest.Serve(t, []string{"--webhook-allow", "127.0.0.0/8", "--chat-dm-policy", "anyone"}, append([]apptest.Option{quick}, options...)...)
}

// create makes a webhook of everything for a receiver.
func create(t testing.TB, s *apptest.Server, url string, change func(*webhook.Create)) webhook.Webhook {
	t.Helper()
	cmd := webhook.Create{URL: url, Events: []chat.EventKind{webhook.AllEvents}, By: "test"}
	if change != nil {
		change(&cmd)
	}
	w, err := s.Webhooks.Create(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var ada, bob = chat.Actor{ID: "ada", Name: "Ada"}, chat.Actor{ID: "bob", Name: "Bob"}

// room makes a room of ada's.
func room(t testing.TB, s *apptest.Server, id string) {
	t.Helper()
	if _, err := s.Chat.CreateRoom(t.Context(), ada, chat.CreateRoom{ID: id, Name: id}); err != nil {
		t.Fatal(err)
	}
}

func say(t testing.TB, s *apptest.Server, room, text string) chat.Message {
	t.Helper()
	m, err := s.Chat.SendToRoom(t.Context(), ada, chat.SendToRoom{RoomID: room, Content: text, Type: chat.TypeText})
	if err != nil {
		t.Error(err)
	}
	return m
}
