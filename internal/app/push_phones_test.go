package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/broadcast"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/push"
	"github.com/sockeye-im/sockeye/internal/push/webpushtest"
)

// keep writes a file that a setting names.
func keep(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func privatePEM(t *testing.T, key any) []byte {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// phoneFlags have a server reach a stand-in for both services.
func phoneFlags(t *testing.T, service *webpushtest.Service) []string {
	t.Helper()
	apple, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	google, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "chat-1", "private_key_id": "k1", "private_key": string(privatePEM(t, google)),
		"client_email": "push@chat-1.example", "token_uri": service.URL + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	service.Answer("/token", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"access_token":"a1","expires_in":3599}`)
	})
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: service.Certificate.Raw})
	return []string{
		"--apns-key-file", keep(t, "AuthKey_ABC1234567.p8", privatePEM(t, apple)), "--apns-key-id", "ABC1234567", "--apns-team-id", "DEF1234567",
		"--apns-host", strings.TrimPrefix(service.URL, "https://"), "--fcm-credentials-file", keep(t, "account.json", account), "--fcm-url", service.URL,
		"--push-ca-file", keep(t, "ca.pem", authority),
	}
}

// post has a user ask something of the API, and returns the answer.
func post(t *testing.T, s *apptest.Server, user, path, body string) (status int, answer map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+s.Token(t, user, user, time.Hour))
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	if err := json.NewDecoder(got.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return got.StatusCode, answer
}

// TestPushPhones: apps are told by Apple's and Google's services, and those that are gone are asked no more. Browsers and apps count
// together, and a token unsubscribes.
func TestPushPhones(t *testing.T) {
	t.Parallel()
	service := webpushtest.NewService(t)
	s := apptest.Serve(t, append(phoneFlags(t, service), "--push-allow-private"), func(s *app.Settings) { s.PushRoots = service.Roots })
	iphone := strings.Repeat("a1", 32)
	devices := []string{
		`{"type":"apns","token":"` + iphone + `","bundleId":"com.example.chat"}`, `{"type":"fcm","token":"android-1"}`, `{"type":"fcm","token":"android-2"}`,
	}
	for _, body := range devices {
		if status, answer := post(t, s, "ada", "/api/push/subscribe", body); status != http.StatusCreated {
			t.Fatalf("%s: %d %v", body, status, answer)
		}
	}
	subscribe(t, s, "ada", webpushtest.NewBrowser(t, service.URL+"/browser"))
	service.Answer("/3/device/"+iphone, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusGone)
		_, _ = io.WriteString(w, `{"reason":"Unregistered"}`)
	})
	tell := func(title string) {
		t.Helper()
		if _, err := s.Broadcasts.Create(t.Context(), broadcast.Create{Kind: broadcast.Notification, Spec: broadcast.Spec{
			Users: []account.UserID{"ada"}, Notification: push.Fields{"title": json.RawMessage(`"` + title + `"`)},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	// hear reads what is asked but for access tokens, and returns how often each is.
	hear := func(title string, n int) map[string]int {
		t.Helper()
		heard := map[string]int{}
		for n > 0 {
			r := asked(t, service)
			if r.Path == "/token" {
				continue
			}
			if r.Path != "/browser" && !strings.Contains(string(r.Body), title) {
				t.Errorf("%s is asked %s", r.Path, r.Body)
			}
			for _, token := range []string{"android-1", "android-2"} {
				if strings.Contains(string(r.Body), `"`+token+`"`) {
					r.Path = token
				}
			}
			heard[r.Path]++
			n--
		}
		return heard
	}
	tell("Lunch")
	if heard := hear("Lunch", 4); heard["/3/device/"+iphone] != 1 || heard["android-1"] != 1 || heard["android-2"] != 1 || heard["/browser"] != 1 {
		t.Errorf("asked %v", heard)
	}
	for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(10 * time.Millisecond) {
		counts, err := s.Push.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if counts[push.TypeAPNs] == 0 && counts[push.TypeFCM] == 2 && counts[push.TypeWebPush] == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("who is gone is still there: %v", counts)
		}
	}
	if status, answer := post(t, s, "bob", "/api/push/unsubscribe", `{"token":"android-1"}`); status != http.StatusOK || answer["removed"] != 0.0 {
		t.Errorf("another's: %d %v", status, answer)
	}
	if status, answer := post(t, s, "ada", "/api/push/unsubscribe", `{"token":"android-1"}`); status != http.StatusOK || answer["removed"] != 1.0 {
		t.Errorf("unsubscribed: %d %v", status, answer)
	}
	tell("Tea")
	if heard := hear("Tea", 2); heard["android-2"] != 1 || heard["/browser"] != 1 {
		t.Errorf("asked %v", heard)
	}
	// Of all types together there are 16.
	for n := 2; n < push.MaxSubscriptions; n++ {
		if status, answer := post(t, s, "ada", "/api/push/subscribe", `{"type":"fcm","token":"more-`+strings.Repeat("x", n)+`"}`); status != http.StatusCreated {
			t.Fatalf("the %d.: %d %v", n+1, status, answer)
		}
	}
	if status, answer := post(t, s, "ada", "/api/push/subscribe", devices[0]); status != http.StatusConflict || answer["field"] != "token" {
		t.Errorf("the 17th: %d %v", status, answer)
	}
}

// TestPhoneCredentials: a server does not start with credentials that are wrong, and says what is.
func TestPhoneCredentials(t *testing.T) {
	t.Parallel()
	service := webpushtest.NewService(t)
	good := phoneFlags(t, service)
	empty, wrong := keep(t, "empty", nil), keep(t, "wrong", []byte("wrong"))
	for setting, path := range map[string]string{"apns-key-file": wrong, "fcm-credentials-file": wrong, "push-ca-file": empty} {
		for _, path := range []string{path, filepath.Join(t.TempDir(), "none")} {
			flags := append(append([]string{"--listen", "127.0.0.1:0", "--data", t.TempDir()}, good...), "--"+setting, path)
			cfg, err := config.Parse(flags, func(string) (string, bool) { return "", false })
			if err != nil {
				t.Fatal(err)
			}
			_, err = app.New(t.Context(), app.SettingsOf(cfg), slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), setting) {
				t.Errorf("%s %s: %v", setting, path, err)
			}
		}
	}
}
