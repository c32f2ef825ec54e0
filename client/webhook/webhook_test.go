package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client/webhook"
)

// The example of the specification of Standard Webhooks' libraries.
const (
	secret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	id        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	at        = 1614265330
	signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	said      = `{"test": 2432232314}`
)

func headerOf(id, at, signatures string) http.Header {
	h := http.Header{}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", at)
	h.Set("Webhook-Signature", signatures)
	return h
}

func TestVerify(t *testing.T) {
	now, then := time.Unix(at, 0), strconv.Itoa(at)
	other := "v1," + base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, test := range map[string]struct {
		secret, id, at, signatures, body string
		now                              time.Time
		want                             error
	}{
		"good":                     {secret, id, then, signature, said, now, nil},
		"without the prefix":       {strings.TrimPrefix(secret, "whsec_"), id, then, signature, said, now, nil},
		"among others":             {secret, id, then, other + " v2,x " + signature, said, now, nil},
		"five minutes late":        {secret, id, then, signature, said, now.Add(5 * time.Minute), nil},
		"five minutes early":       {secret, id, then, signature, said, now.Add(-5 * time.Minute), nil},
		"too late":                 {secret, id, then, signature, said, now.Add(5*time.Minute + time.Second), webhook.ErrTime},
		"too early":                {secret, id, then, signature, said, now.Add(-5*time.Minute - time.Second), webhook.ErrTime},
		"without a time":           {secret, id, "", signature, said, now, webhook.ErrTime},
		"a time that is none":      {secret, id, "now", signature, said, now, webhook.ErrTime},
		"the greatest time":        {secret, id, "9223372036854775807", signature, said, now, webhook.ErrTime},
		"another time":             {secret, id, strconv.Itoa(at + 1), signature, said, now, webhook.ErrSignature},
		"another id":               {secret, "msg_other", then, signature, said, now, webhook.ErrSignature},
		"another body":             {secret, id, then, signature, said + " ", now, webhook.ErrSignature},
		"another signature":        {secret, id, then, other, said, now, webhook.ErrSignature},
		"a signature of no kind":   {secret, id, then, strings.TrimPrefix(signature, "v1,"), said, now, webhook.ErrSignature},
		"without a signature":      {secret, id, then, "", said, now, webhook.ErrSignature},
		"another secret":           {"whsec_" + base64.StdEncoding.EncodeToString([]byte("other")), id, then, signature, said, now, webhook.ErrSignature},
		"without a secret":         {"", id, then, signature, said, now, webhook.ErrSecret},
		"a secret that is nothing": {"whsec_", id, then, signature, said, now, webhook.ErrSecret},
		"a secret that is none":    {"whsec_!", id, then, signature, said, now, webhook.ErrSecret},
	} {
		if err := webhook.Verify(test.secret, headerOf(test.id, test.at, test.signatures), []byte(test.body), test.now); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// signed is a request of who knows the secret, of now.
func signed(body string) *http.Request {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	now := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("evt_1." + now + "." + body))
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header = headerOf("evt_1", now, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return r
}

func serve(b *webhook.Bot, r *http.Request) int {
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w.Code
}

const message = `{"type":"message.created","timestamp":"2026-12-01T09:30:00.000Z","data":{"id":"m1","roomId":"a room","senderId":"ada","content":"Noodles?","type":"text","seq":7}}`

// TestBot: an event comes to the handler, and what that says to the room; what is not signed goes nowhere.
func TestBot(t *testing.T) {
	t.Parallel()
	status, answer := http.StatusCreated, "{}"
	var path, authorization, told string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		path, authorization, told = r.URL.EscapedPath(), r.Header.Get("Authorization"), string(body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	bot := webhook.Bot{Secret: secret, Server: server.URL + "/", Key: "sky_1", Client: server.Client()}
	if status := serve(&bot, signed(message)); status != http.StatusNoContent {
		t.Errorf("without a handler: %d", status)
	}
	var heard *webhook.Event
	var err error
	bot.Handle = func(ctx context.Context, e *webhook.Event) error {
		heard = e
		m, _ := e.Message()
		err = bot.Reply(ctx, e, m.Content+"!")
		return err
	}
	if status := serve(&bot, signed(message)); status != http.StatusNoContent || err != nil {
		t.Fatalf("%d, %v", status, err)
	}
	m, is := heard.Message()
	if want := (webhook.Message{ID: "m1", RoomID: "a room", SenderID: "ada", Content: "Noodles?", Type: "text", Seq: 7}); !is || m != want {
		t.Errorf("heard %+v", m)
	}
	if want := time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC); heard.ID != "evt_1" || heard.Type != "message.created" || !heard.Timestamp.Equal(want) {
		t.Errorf("heard %+v", heard)
	}
	if path != "/api/v1/server/rooms/a%20room/messages" || authorization != "Bearer sky_1" || told != `{"clientMsgId":"reply-evt_1","content":"Noodles?!"}` {
		t.Errorf("%s is told %s by %s", path, told, authorization)
	}

	status, answer = http.StatusForbidden, `{"status":403,"code":"scope_missing","detail":"The key has not the scope messages"}`
	var refused *webhook.Refusal
	if status := serve(&bot, signed(message)); status != http.StatusInternalServerError || !errors.As(err, &refused) || refused.Code != "scope_missing" || refused.Status != 403 {
		t.Errorf("%d, %v", status, err)
	}
	status, answer = http.StatusBadGateway, "<html>"
	if status := serve(&bot, signed(message)); status != http.StatusInternalServerError || !errors.As(err, &refused) || refused.Status != 502 {
		t.Errorf("%d, %v", status, err)
	}
	server.Close()
	if status := serve(&bot, signed(message)); status != http.StatusInternalServerError || err == nil || errors.As(err, &refused) {
		t.Errorf("%d, %v", status, err)
	}
	for _, other := range []string{`{"type":"message.deleted","data":{"roomId":"hall"}}`, `{"type":"message.created","data":{"recipientId":"bob"}}`, `{"type":"message.created","data":7}`, `{}`} {
		if status := serve(&bot, signed(other)); status != http.StatusInternalServerError || !errors.Is(err, webhook.ErrNoRoom) {
			t.Errorf("%s: %d, %v", other, status, err)
		}
	}

	heard = nil
	unsigned := signed(message)
	unsigned.Header.Del("Webhook-Signature")
	for name, test := range map[string]struct {
		r    *http.Request
		want int
	}{
		"unsigned": {unsigned, http.StatusUnauthorized}, "no event": {signed(`[`), http.StatusBadRequest},
		"too large": {signed(strings.Repeat(" ", webhook.MaxBody+1)), http.StatusBadRequest},
	} {
		if status := serve(&bot, test.r); status != test.want || heard != nil {
			t.Errorf("%s: %d, heard %+v", name, status, heard)
		}
	}
}

// FuzzEvent: whoever knows the secret and says whatever brings nothing down.
func FuzzEvent(f *testing.F) {
	f.Add(message)
	f.Add(`{"type":"message.created","data":{"roomId":null,"seq":1e99}}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, body string) {
		bot := webhook.Bot{Secret: secret, Handle: func(_ context.Context, e *webhook.Event) error { e.Message(); return nil }}
		if status := serve(&bot, signed(body)); status != http.StatusNoContent && status != http.StatusBadRequest {
			t.Errorf("%q is %d", body, status)
		}
	})
}

// FuzzVerify: no header and no body bring it down, nor are they good.
func FuzzVerify(f *testing.F) {
	f.Add(secret, id, strconv.Itoa(at), other(signature), said)
	f.Add("", "", "-1", " ", "")
	f.Fuzz(func(t *testing.T, secret, id, at, signatures, body string) {
		now := time.Now()
		if err := webhook.Verify(secret, headerOf(id, at, signatures), []byte(body), now); err == nil {
			seconds, _ := strconv.ParseInt(at, 10, 64)
			if now.Sub(time.Unix(seconds, 0)).Abs() > webhook.Tolerance || !strings.Contains(signatures, "v1,") {
				t.Errorf("%q at %q is good", signatures, at)
			}
		}
	})
}

// other is a signature in which one character is another one.
func other(signature string) string { return strings.Replace(signature, "g0h", "g1h", 1) }
