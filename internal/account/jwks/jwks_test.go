package jwks_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/account/jwks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const issuer = "https://issuer.example"

// publisher is an issuer's key server. It is a RoundTripper as well, so that it can live inside a synctest bubble.
type publisher struct {
	mu       sync.Mutex
	body     string
	status   int
	requests atomic.Int32
}

func (p *publisher) publish(status int, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.body = status, body
}

func (p *publisher) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.requests.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	w.WriteHeader(p.status)
	_, _ = io.WriteString(w, p.body)
}

func (p *publisher) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result(), nil
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// setOf writes a key set as an issuer would publish it.
func setOf(t *testing.T, keys map[string]any) string {
	t.Helper()
	var set jwkset.JWKSMarshal
	for kid, key := range keys {
		jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{
			Marshal:  jwkset.JWKMarshalOptions{Private: true},
			Metadata: jwkset.JWKMetadataOptions{KID: kid},
		})
		if err != nil {
			t.Fatal(err)
		}
		set.Keys = append(set.Keys, jwk.Marshal())
	}
	raw, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func sign(t *testing.T, method jwt.SigningMethod, key any, kid string) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims{"iss": issuer, "sub": "ada"})
	if kid != "" {
		token.Header["kid"] = kid
	}
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// trust opens verifiers whose one external issuer publishes at url.
func trust(t *testing.T, url string, transport http.RoundTripper) *account.Verifiers {
	t.Helper()
	verifiers, err := account.NewVerifiers(t.Context(), account.TrustConfig{
		Secret: "the-server's-own-secret-of-many-bytes", Now: time.Now,
		External: []account.IssuerConfig{{Issuer: issuer, JWKSURL: url}},
		OpenJWKS: func(ctx context.Context, url string) (account.Keys, error) {
			return jwks.Open(ctx, url, transport, slog.New(slog.DiscardHandler))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return verifiers
}

func TestOverHTTP(t *testing.T) {
	key, other := newKey(t), newKey(t)
	p := &publisher{}
	p.publish(http.StatusOK, setOf(t, map[string]any{"a": key.Public(), "b": other.Public()}))
	server := httptest.NewServer(p)
	defer server.Close()
	verifiers := trust(t, server.URL, http.DefaultTransport)
	defer verifiers.Stop()

	for name, token := range map[string]string{
		"named":     sign(t, jwt.SigningMethodES256, key, "a"),
		"not named": sign(t, jwt.SigningMethodES256, other, ""),
	} {
		if got, err := verifiers.Verify(t.Context(), token); err != nil || got.UserID != "ada" {
			t.Errorf("%s: got %+v, %v", name, got, errors.Unwrap(err))
		}
	}
	for name, token := range map[string]string{
		"named wrongly": sign(t, jwt.SigningMethodES256, key, "b"),
		"stranger":      sign(t, jwt.SigningMethodES256, newKey(t), ""),
		"as HMAC":       sign(t, jwt.SigningMethodHS256, key.X.Bytes(), "a"),
	} {
		if got, err := verifiers.Verify(t.Context(), token); !errors.Is(err, account.ErrUnauthenticated) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestUnknownKeyIsFetchedAtMostOnceAMinute(t *testing.T) {
	old, next := newKey(t), newKey(t)
	before, after := setOf(t, map[string]any{"old": old.Public()}), setOf(t, map[string]any{"next": next.Public()})
	token := sign(t, jwt.SigningMethodES256, next, "next")
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		p.publish(http.StatusOK, before)
		verifiers := trust(t, "https://issuer.example/jwks", p)
		defer verifiers.Stop()

		for range 5 {
			if _, err := verifiers.Verify(t.Context(), token); err == nil {
				t.Fatal("accepted before the key was published")
			}
		}
		if n := p.requests.Load(); n != 2 {
			t.Fatalf("%d requests, want the first and one for the unknown key", n)
		}
		p.publish(http.StatusOK, after)
		time.Sleep(time.Minute)

		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				if _, err := verifiers.Verify(t.Context(), token); err != nil {
					t.Error(errors.Unwrap(err))
				}
			})
		}
		group.Wait()
		if n := p.requests.Load(); n != 3 {
			t.Errorf("%d requests, want 3: those who miss a key share one", n)
		}
	})
}

func TestRefreshTakesKeysBackAndOutlivesFailures(t *testing.T) {
	key := newKey(t)
	good, revoked := setOf(t, map[string]any{"a": key.Public()}), setOf(t, map[string]any{"b": newKey(t).Public()})
	token := sign(t, jwt.SigningMethodES256, key, "a")
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		p.publish(http.StatusOK, good)
		verifiers := trust(t, "https://issuer.example/jwks", p)
		defer verifiers.Stop()

		for _, broken := range []struct {
			status int
			body   string
		}{{500, ""}, {200, "<html>"}, {200, `{"keys":[]}`}, {200, strings.Repeat(" ", 2<<20)}} {
			p.publish(broken.status, broken.body)
			asked := p.requests.Load()
			time.Sleep(time.Hour + time.Second)
			if p.requests.Load() == asked {
				t.Fatal("not refreshed within the hour")
			}
			if _, err := verifiers.Verify(t.Context(), token); err != nil {
				t.Fatalf("after a bad answer (%d): %v", broken.status, errors.Unwrap(err))
			}
		}

		p.publish(http.StatusOK, revoked)
		time.Sleep(time.Minute + time.Second) // a failed refresh is repeated after a minute
		if _, err := verifiers.Verify(t.Context(), token); err == nil {
			t.Error("a key that is published no more still counts")
		}
	})
}

func TestWaitingForTheIssuerEndsWithTheContext(t *testing.T) {
	key := newKey(t)
	set := setOf(t, map[string]any{"a": key.Public()})
	token := sign(t, jwt.SigningMethodES256, key, "unknown")
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		p.publish(http.StatusOK, set)
		first := true
		verifiers := trust(t, "https://issuer.example/jwks", roundTrip(func(r *http.Request) (*http.Response, error) {
			if first {
				first = false
				return p.RoundTrip(r)
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		defer verifiers.Stop()

		// The first caller holds the request, the second waits for it: both have one second.
		start := time.Now()
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := verifiers.Verify(ctx, token); !errors.Is(err, account.ErrUnauthenticated) {
					t.Errorf("got %v", err)
				}
			})
		}
		group.Wait()
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %s, want 1s", took)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestOpenRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"not found":      {404, "", "404"},
		"no JSON":        {200, "hello", "no key set"},
		"no keys":        {200, `{"keys":[]}`, "without a public signing key"},
		"shared secrets": {200, setOf(t, map[string]any{"a": []byte("a shared secret, published by mistake")}), "without a public signing key"},
		"unknown kind":   {200, `{"keys":[{"kty":"odd","kid":"a"}]}`, "without a public signing key"},
		"too long":       {200, `{"keys":[` + strings.Repeat(" ", 1<<20), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &publisher{}
			p.publish(tc.status, tc.body)
			const url = "https://issuer.example/jwks"
			set, err := jwks.Open(t.Context(), url, p, slog.New(slog.DiscardHandler))
			if set != nil || err == nil || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), url) {
				t.Errorf("error %v lacks %q or the address", err, tc.says)
			}
		})
	}
}

func TestRedirectStaysProtected(t *testing.T) {
	moved := roundTrip(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		http.Redirect(w, r, "http://issuer.example/jwks", http.StatusFound)
		return w.Result(), nil
	})
	_, err := jwks.Open(t.Context(), "https://issuer.example/jwks", moved, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "away from https") {
		t.Errorf("followed: %v", err)
	}
}
