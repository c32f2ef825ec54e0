package push_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/outbound"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/push/webpushtest"
)

// client reaches a stand-in, which is on a loopback address.
func client(t *testing.T, service *webpushtest.Service) *outbound.Client {
	c := outbound.NewClient(outbound.Config{Allow: outbound.Allowed{netip.MustParsePrefix("127.0.0.0/8")}, DialTimeout: time.Minute, Roots: service.Roots})
	t.Cleanup(c.Close)
	return c
}

func newKey(t *testing.T) *push.Key {
	t.Helper()
	made, err := push.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := push.ParseKey(made, "mailto:admin@example.com")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func subscribed(b *webpushtest.Browser) *push.Subscription {
	return &push.Subscription{ID: "ps_1", Type: push.TypeWebPush, Address: b.Endpoint, PublicKey: b.P256dh(), Auth: b.Auth()}
}

// TestRequest: a push service gets what the RFCs ask for, field by field, and the browser reads what was said.
func TestRequest(t *testing.T) {
	service := webpushtest.NewService(t)
	b := webpushtest.NewBrowser(t, service.URL+"/d/1")
	key := newKey(t)
	now := time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)
	web := push.NewWebPush(client(t, service), key, func() time.Time { return now })
	f := fields(t, `{"title":"Lunch","body":"Noodles today","tag":"menu","urgency":"high"}`)
	outcome, _, err := web.Tell(t.Context(), subscribed(b), f, "n1", now, now.Add(time.Hour))
	if err != nil || outcome != push.Sent {
		t.Fatalf("%s, %v", outcome, err)
	}
	asked := <-service.Asked
	authorization, err := key.Authorization(service.URL, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"TTL": "3600", "Urgency": "high", "Topic": f.Topic("n1"), "Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream",
		"Authorization": authorization, "Content-Length": strconv.Itoa(len(asked.Body)), "User-Agent": "Sockeye-Push",
	} {
		if got := asked.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if asked.Path != "/d/1" || asked.Proto != "HTTP/2.0" || len(asked.Body) > 4096 || len(asked.Header) > 10 {
		t.Errorf("asked %s by %s with %d bytes and %v", asked.Path, asked.Proto, len(asked.Body), asked.Header)
	}
	told, err := b.Read(asked.Body)
	if err != nil || string(told) != `{"body":"Noodles today","notificationId":"n1","tag":"menu","timestamp":"2026-12-01T09:30:00.000Z","title":"Lunch"}` {
		t.Errorf("the browser reads %s, %v", told, err)
	}
	if _, err := webpushtest.NewBrowser(t, "").Read(asked.Body); err == nil {
		t.Error("another browser reads it too")
	}
}

// TestJudge: what answers mean.
func TestJudge(t *testing.T) {
	now := time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)
	for _, test := range []struct {
		status int
		retry  string
		want   push.Outcome
		after  time.Duration
	}{
		{200, "", push.Sent, 0}, {201, "", push.Sent, 0}, {202, "", push.Sent, 0}, {204, "", push.Sent, 0},
		{301, "", push.Refused, 0}, {400, "", push.Refused, 0}, {401, "", push.Refused, 0}, {403, "", push.Refused, 0}, {413, "", push.Refused, 0},
		{404, "", push.Gone, 0}, {410, "", push.Gone, 0},
		{408, "", push.Later, 0}, {500, "", push.Later, 0}, {502, "", push.Later, 0},
		{429, "120", push.Later, 2 * time.Minute}, {503, "0", push.Later, 0}, {503, "-5", push.Later, 0}, {503, "99999999999999999999", push.Later, 0},
		{503, "999999999", push.Later, time.Hour}, {503, "soon", push.Later, 0},
		{503, now.Add(90 * time.Second).Format(http.TimeFormat), push.Later, 90 * time.Second}, {503, now.Add(-time.Hour).Format(http.TimeFormat), push.Later, 0},
	} {
		outcome, after := push.Judge(test.status, http.Header{"Retry-After": {test.retry}}, nil, now)
		if outcome != test.want || after != test.after {
			t.Errorf("%d, Retry-After %q: %s after %v", test.status, test.retry, outcome, after)
		}
	}
	if outcome, _ := push.Judge(0, nil, errors.New("no route"), now); outcome != push.Later {
		t.Errorf("no answer: %s", outcome)
	}
	if outcome, _ := push.Judge(0, nil, outbound.Forbidden{Address: netip.MustParseAddr("10.0.0.1"), Why: "private"}, now); outcome != push.Refused {
		t.Errorf("not dialled: %s", outcome)
	}
}

// TestServiceFails: one that hangs, or fails, is left alone for a while, and is asked again then. What nobody is asked is not
// counted as tried.
func TestServiceFails(t *testing.T) {
	service := webpushtest.NewService(t)
	b := webpushtest.NewBrowser(t, service.URL+"/d/1")
	now := time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC)
	web := push.NewWebPush(client(t, service), newKey(t), func() time.Time { return now })
	tell := func(ctx context.Context) (push.Outcome, time.Duration, error) {
		return web.Tell(ctx, subscribed(b), fields(t, `{}`), "n1", now, now.Add(time.Hour))
	}
	service.Answer("/d/1", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-service.Asked; cancel() }()
	if _, _, err := tell(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	service.Answer("/d/1", webpushtest.Status(http.StatusServiceUnavailable))
	for range 3 {
		if outcome, after, err := tell(t.Context()); outcome != push.Later || after != 0 || err != nil {
			t.Errorf("it fails: %s after %v, %v", outcome, after, err)
		}
		<-service.Asked
	}
	if outcome, after, err := tell(t.Context()); outcome != push.Later || after != time.Second || err != nil {
		t.Errorf("left alone: %s after %v, %v", outcome, after, err)
	}
	now = now.Add(time.Second)
	service.Answer("/d/1", webpushtest.Status(http.StatusTooManyRequests, "Retry-After", "60"))
	if outcome, after, err := tell(t.Context()); outcome != push.Later || after != time.Minute || err != nil {
		t.Errorf("it is overloaded: %s after %v, %v", outcome, after, err)
	}
	<-service.Asked
	now = now.Add(59 * time.Second)
	if outcome, after, err := tell(t.Context()); outcome != push.Later || after != time.Second || err != nil {
		t.Errorf("left alone: %s after %v, %v", outcome, after, err)
	}
	now = now.Add(time.Second)
	service.Answer("/d/1", nil)
	for range 2 {
		if outcome, _, err := tell(t.Context()); outcome != push.Sent || err != nil {
			t.Errorf("it is back: %s, %v", outcome, err)
		}
		<-service.Asked
	}
	if len(service.Asked) != 0 {
		t.Error("it was asked meanwhile")
	}
	redirected := webpushtest.NewBrowser(t, service.URL+"/d/2")
	service.Answer("/d/2", webpushtest.Status(http.StatusTemporaryRedirect, "Location", service.URL+"/d/1"))
	if outcome, _, err := web.Tell(t.Context(), subscribed(redirected), fields(t, `{}`), "n1", now, now.Add(time.Hour)); outcome != push.Refused || err != nil {
		t.Errorf("redirected: %s, %v", outcome, err)
	}
	if asked := <-service.Asked; asked.Path != "/d/2" || len(service.Asked) != 0 {
		t.Errorf("redirected to %s", asked.Path)
	}
	wrong := subscribed(b)
	wrong.PublicKey = raw(t, base64.RawURLEncoding.EncodeToString([]byte("no point")))
	if outcome, _, err := web.Tell(t.Context(), wrong, fields(t, `{}`), "n1", now, now.Add(time.Hour)); outcome != push.Refused || err != nil {
		t.Errorf("with no key: %s, %v", outcome, err)
	}
}
