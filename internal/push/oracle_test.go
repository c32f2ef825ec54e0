package push_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	webpush "github.com/SherClockHolmes/webpush-go"

	"github.com/sockeye-im/sockeye/internal/push/webpushtest"
)

// kept is an HTTP client that keeps what it is to send.
type kept struct {
	header http.Header
	body   []byte
}

func (k *kept) Do(r *http.Request) (*http.Response, error) {
	var err error
	k.header = r.Header
	k.body, err = io.ReadAll(r.Body)
	return &http.Response{StatusCode: http.StatusCreated, Body: io.NopCloser(strings.NewReader("")), Request: r}, err
}

// TestBesideLibrary: the browser of these tests reads what webpush-go has encrypted, so that it is right when it reads what this package has;
// and both ask push services in the same headers.
func TestBesideLibrary(t *testing.T) {
	b := webpushtest.NewBrowser(t, "https://push.example/d/1")
	private, public, err := webpush.GenerateVAPIDKeys()
	if err != nil {
		t.Fatal(err)
	}
	var sent kept
	answer, err := webpush.SendNotification([]byte("Noodles today"), &webpush.Subscription{Endpoint: b.Endpoint, Keys: webpush.Keys{
		P256dh: base64.RawURLEncoding.EncodeToString(b.P256dh()), Auth: base64.RawURLEncoding.EncodeToString(b.Auth()),
	}}, &webpush.Options{
		HTTPClient: &sent, Subscriber: "admin@example.com", VAPIDPrivateKey: private, VAPIDPublicKey: public, TTL: 60, Topic: "menu", Urgency: webpush.UrgencyHigh,
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	plain, err := b.Read(sent.body)
	if err != nil || string(plain) != "Noodles today" {
		t.Errorf("read %q, %v", plain, err)
	}
	for _, name := range []string{"TTL", "Urgency", "Topic", "Content-Encoding", "Content-Type", "Authorization"} {
		if sent.header.Get(name) == "" {
			t.Errorf("webpush-go does not say %s", name)
		}
	}
	if !strings.HasPrefix(sent.header.Get("Authorization"), "vapid t=") {
		t.Errorf("it is authorized by %q", sent.header.Get("Authorization"))
	}
}
