package httpapi_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/httpapi"
)

func handler(t *testing.T) http.Handler {
	t.Helper()
	issuer, err := account.NewIssuer(secret, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	httpapi.NewDevLogin(issuer, slog.New(slog.DiscardHandler)).Register(mux)
	return mux
}

func post(t *testing.T, h http.Handler, body io.Reader, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:3000/api/dev/login", body)
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

type answer struct {
	Token string
	User  struct{ ID, Name string }
}

func signIn(t *testing.T, h http.Handler, name string) answer {
	t.Helper()
	body, err := json.Marshal(map[string]string{"name": name, "unknown": "ignored"})
	if err != nil {
		t.Fatal(err)
	}
	w := post(t, h, strings.NewReader(string(body)), nil)
	var got answer
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%q answered %d %s (%v)", name, w.Code, w.Body, err)
	}
	return got
}

func TestDevLoginTokenSignsIn(t *testing.T) {
	got := signIn(t, handler(t), " Alice  Liddell ")
	if got.User.ID != "demo-alice-liddell" || got.User.Name != "Alice Liddell" {
		t.Errorf("got %+v", got.User)
	}
	verifiers, err := account.NewVerifiers(t.Context(), account.TrustConfig{Secret: secret, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer verifiers.Stop()
	identity, err := verifiers.Verify(t.Context(), got.Token)
	if err != nil {
		t.Fatal(errors.Unwrap(err))
	}
	if string(identity.UserID) != got.User.ID || identity.Name != got.User.Name {
		t.Errorf("the token is for %+v", identity)
	}
	if left := time.Until(identity.ExpiresAt); left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("the token lasts %s", left)
	}
}

// The demo user called Admin is an administrator where the server heeds that, as it does with --dev, and nowhere else.
func TestDevLoginAdmin(t *testing.T) {
	for name, want := range map[string]bool{"Admin": true, " admin ": true, "Alice": false, "Admin Alice": false} {
		token := signIn(t, handler(t), name).Token
		for _, heeded := range []bool{true, false} {
			verifiers, err := account.NewVerifiers(t.Context(), account.TrustConfig{Secret: secret, Now: time.Now, AdminClaims: heeded})
			if err != nil {
				t.Fatal(err)
			}
			identity, err := verifiers.Verify(t.Context(), token)
			verifiers.Stop()
			if err != nil || identity.Admin != (want && heeded) {
				t.Errorf("%q, heeded %t: %+v, %v", name, heeded, identity, err)
			}
		}
	}
}

func TestDevLoginIDs(t *testing.T) {
	h := handler(t)
	seen := map[string]string{}
	for name, want := range map[string]string{
		"Bob": "demo-bob", "ZOË": "demo-zoë", "李娜": "demo-李娜", "a/b:c": "demo-a-b-c", "--x--": "demo-x", "u_1": "demo-u-1",
		"🐟": "", "🦈": "", strings.Repeat("𠀀", 40): "", strings.Repeat("é", 40): "demo-" + strings.Repeat("é", 40),
	} {
		id := signIn(t, h, name).User.ID
		if want != "" && id != want {
			t.Errorf("%q became %q, want %q", name, id, want)
		}
		if !strings.HasPrefix(id, "demo-") || len(id) < len("demo-x") || len(id) > account.MaxUserIDBytes {
			t.Errorf("%q became %q", name, id)
		}
		if other, taken := seen[id]; taken {
			t.Errorf("%q and %q share %q", name, other, id)
		}
		seen[id] = name
	}
	if signIn(t, h, "Bob").User.ID != signIn(t, h, "bob").User.ID {
		t.Error("the same name gave two users")
	}
}

func TestDevLoginRefuses(t *testing.T) {
	h := handler(t)
	header := func(key, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(key, value) }
	}
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	for name, tc := range map[string]struct {
		body   string
		change func(*http.Request)
		status int
		code   string
		field  string
	}{
		"no name":            {`{}`, nil, 400, "missing_field", "name"},
		"null name":          {`{"name":null}`, nil, 400, "missing_field", "name"},
		"blank name":         {`{"name":"  "}`, nil, 400, "invalid_field", "name"},
		"long name":          {`{"name":"` + strings.Repeat("é", 41) + `"}`, nil, 400, "invalid_field", "name"},
		"number name":        {`{"name":5}`, nil, 400, "invalid_field", "name"},
		"control":            {`{"name":"a\u0007b"}`, nil, 400, "invalid_field", "name"},
		"no JSON":            {`name=Alice`, nil, 400, "invalid_json", ""},
		"array":              {`["Alice"]`, nil, 400, "invalid_json", ""},
		"two values":         {`{"name":"Alice"}{}`, nil, 400, "invalid_json", ""},
		"empty":              {``, nil, 400, "invalid_json", ""},
		"null":               {`null`, nil, 400, "missing_field", "name"},
		"large":              {`{"name":"Alice","x":"` + strings.Repeat("x", 4<<10) + `"}`, nil, 413, "body_too_large", ""},
		"form":               {`{"name":"Alice"}`, header("Content-Type", "text/plain"), 415, "content_type_not_json", ""},
		"no content type":    {`{"name":"Alice"}`, header("Content-Type", ""), 415, "content_type_not_json", ""},
		"other site":         {`{"name":"Alice"}`, header("Sec-Fetch-Site", "cross-site"), 403, "origin_not_allowed", ""},
		"other port":         {`{"name":"Alice"}`, header("Origin", "http://127.0.0.1:4000"), 403, "origin_not_allowed", ""},
		"null origin":        {`{"name":"Alice"}`, header("Origin", "null"), 403, "origin_not_allowed", ""},
		"rebound name":       {`{"name":"Alice"}`, host("evil.example:3000"), 403, "host_not_allowed", ""},
		"address of the net": {`{"name":"Alice"}`, host("192.0.2.1:3000"), 403, "host_not_allowed", ""},
		"no host":            {`{"name":"Alice"}`, host(""), 403, "host_not_allowed", ""},
	} {
		t.Run(name, func(t *testing.T) {
			mustBeProblem(t, post(t, h, strings.NewReader(tc.body), tc.change), tc.status, tc.code, tc.field)
		})
	}
	mustBeProblem(t, post(t, h, iotest.ErrReader(io.ErrUnexpectedEOF), nil), 400, "body_incomplete", "")
}

func mustBeProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code, field string) {
	t.Helper()
	var got struct {
		Type, Title, Detail, Code, Field string
		Status                           int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if w.Code != status || got.Status != status || got.Code != code || got.Field != field {
		t.Errorf("got %d %+v, want %d %s %q", w.Code, got, status, code, field)
	}
	if got.Type != "about:blank" || got.Title != http.StatusText(status) || got.Detail == "" {
		t.Errorf("not the shape of a problem: %+v", got)
	}
	if kind := w.Header().Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("content type is %q", kind)
	}
}

func TestDevLoginAcceptsLocalPages(t *testing.T) {
	h := handler(t)
	for _, host := range []string{"127.0.0.1:3000", "localhost:3000", "LOCALHOST", "[::1]:3000", "[::1]", "127.0.0.1"} {
		w := post(t, h, strings.NewReader(`{"name":"Alice"}`), func(r *http.Request) {
			r.Host = host
			r.Header.Set("Origin", "http://"+host)
			r.Header.Set("Content-Type", "application/json; charset=utf-8")
		})
		if w.Code != http.StatusOK {
			t.Errorf("host %s: %d %s", host, w.Code, w.Body)
		}
	}
	if w := post(t, h, nil, func(r *http.Request) { r.Method = http.MethodGet }); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET answered %d", w.Code)
	}
}

// brokenSigner cannot sign.
type brokenSigner struct{}

func (brokenSigner) Issue(account.Grant) (account.Token, error) {
	return account.Token{}, errors.New("key store at /secret/place is gone")
}

func TestDevLoginHidesTheServersFaults(t *testing.T) {
	var log strings.Builder
	h := httpapi.NewDevLogin(brokenSigner{}, slog.New(slog.NewTextHandler(&log, nil)))
	w := post(t, h, strings.NewReader(`{"name":"Alice"}`), nil)
	mustBeProblem(t, w, 500, "internal", "")
	if strings.Contains(w.Body.String(), "place") || !strings.Contains(log.String(), "/secret/place") {
		t.Errorf("client got %s, log has %s", w.Body, log.String())
	}
}
