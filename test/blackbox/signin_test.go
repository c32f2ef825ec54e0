package blackbox_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
)

const foreignIssuer = "https://login.example"

// foreign is an issuer whose public key the server is given in a file.
type foreign struct {
	key *rsa.PrivateKey
	pem []byte // the public key as it stands in the file
}

// withForeign writes the settings of a server that trusts a foreign issuer.
func withForeign(t *testing.T) (foreign, setup) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	f := foreign{key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
	dir := t.TempDir()
	keyFile, settings := filepath.Join(dir, "public.pem"), filepath.Join(dir, "sockeye.yaml")
	yaml := "log-level: debug\nissuers:\n  - issuer: " + foreignIssuer + "\n    key-file: " + keyFile + "\n    algorithms: [RS256]\n"
	if err := errors.Join(os.WriteFile(keyFile, f.pem, 0o600), os.WriteFile(settings, []byte(yaml), 0o600)); err != nil {
		t.Fatal(err)
	}
	return f, setup{args: []string{"--config", settings}}
}

func signed(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestTokensRefused tries what an attacker would. All get the same answer, nothing is stored, and no part of a token
// gets into the log.
func TestTokensRefused(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	f, settings := withForeign(t)
	h := newHall(t, settings)
	secret, err := account.OpenSecret(h.data)
	if err != nil {
		t.Fatal(err)
	}
	own, soon := []byte(secret), time.Now().Add(time.Hour).Unix()
	good := signed(t, jwt.SigningMethodRS256, f.key, jwt.MapClaims{"iss": foreignIssuer, "sub": "eve", "exp": soon})
	head, tail, _ := strings.Cut(good, ".")
	cut := good[:len(good)-20]
	tokens := map[string]string{
		"empty":               "",
		"rubbish":             "rubbish-that-is-no-token",
		"two parts":           head + "." + strings.Split(tail, ".")[0],
		"changed":             head + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+foreignIssuer+`","sub":"admin"}`)) + good[strings.LastIndex(good, "."):],
		"cut":                 cut,
		"huge":                strings.Repeat("a", 12_000), // below what may be sent before signing in
		"alg none":            signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.MapClaims{"sub": "eve", "exp": soon}),
		"alg none, foreign":   signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.MapClaims{"iss": foreignIssuer, "sub": "eve", "exp": soon}),
		"expired":             signed(t, jwt.SigningMethodHS256, own, jwt.MapClaims{"sub": "eve", "exp": time.Now().Add(-time.Minute).Unix()}),
		"not yet valid":       signed(t, jwt.SigningMethodHS256, own, jwt.MapClaims{"sub": "eve", "exp": soon, "nbf": soon}),
		"another secret":      signed(t, jwt.SigningMethodHS256, []byte("a secret that the server does not know"), jwt.MapClaims{"sub": "eve", "exp": soon}),
		"the empty secret":    signed(t, jwt.SigningMethodHS256, []byte{}, jwt.MapClaims{"sub": "eve", "exp": soon}),
		"another algorithm":   signed(t, jwt.SigningMethodHS512, own, jwt.MapClaims{"sub": "eve", "exp": soon}),
		"public key as HS256": signed(t, jwt.SigningMethodHS256, f.pem, jwt.MapClaims{"iss": foreignIssuer, "sub": "eve", "exp": soon}),
		"and without newline": signed(t, jwt.SigningMethodHS256, []byte(strings.TrimSpace(string(f.pem))), jwt.MapClaims{"iss": foreignIssuer, "sub": "eve", "exp": soon}),
		"another RS256 key":   signed(t, jwt.SigningMethodRS256, anotherKey(t), jwt.MapClaims{"iss": foreignIssuer, "sub": "eve", "exp": soon}),
		"key for own issuer":  signed(t, jwt.SigningMethodRS256, f.key, jwt.MapClaims{"iss": account.OwnIssuer, "sub": "eve", "exp": soon}),
		"unknown issuer":      signed(t, jwt.SigningMethodHS256, own, jwt.MapClaims{"iss": "https://else.example", "sub": "eve", "exp": soon}),
		"nobody":              signed(t, jwt.SigningMethodHS256, own, jwt.MapClaims{"exp": soon}),
		"a local account's":   signed(t, jwt.SigningMethodRS256, f.key, jwt.MapClaims{"iss": foreignIssuer, "sub": account.LocalPrefix + "1", "exp": soon}),
	}
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			for way, connect := range waysToSignIn(t, h.server) {
				l := connect(token)
				c, err := join(l.link, l.auth)
				var refused *refusal
				switch {
				case err == nil:
					c.close()
					t.Errorf("by %s: it is let in", way)
				case !errors.As(err, &refused) || refused.Message != "Authentication failed" || refused.Data.Code != "authentication_failed":
					t.Errorf("by %s: got %v", way, err)
				}
			}
			h.unchanged(t)
		})
	}
	if c, err := signIn(t.Context(), h.addr, good); err != nil {
		t.Errorf("the good token is refused: %v", err)
	} else {
		c.close()
	}
	checkLogIsSilent(t, h.log.String(), tokens, good)
}

func anotherKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// attempt is a fresh link and what to send on it as auth.
type attempt struct {
	link *link
	auth any
}

// waysToSignIn are the places in which a token can travel.
func waysToSignIn(t *testing.T, s *server) map[string]func(token string) attempt {
	connect := func(d dialing) *link {
		l, err := dial(t.Context(), s.addr, d)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	ways := map[string]func(token string) attempt{
		"auth": func(token string) attempt { return attempt{connect(dialing{}), object{"token": token}} },
		"header": func(token string) attempt {
			token = token[:min(len(token), 8000)] // a header may be 32 KiB
			return attempt{connect(dialing{header: http.Header{"Authorization": {"Bearer " + token}}}), nil}
		},
		"query": func(token string) attempt {
			token = token[:min(len(token), 8000)]
			return attempt{connect(dialing{query: "&token=" + url.QueryEscape(token)}), nil}
		},
	}
	return ways
}

// checkLogIsSilent looks for the second and third parts of each token: claims and signatures.
func checkLogIsSilent(t *testing.T, log string, tokens map[string]string, more ...string) {
	t.Helper()
	if !strings.Contains(log, "sign-in refused") {
		t.Error("the log does not tell of the refusals")
	}
	for _, token := range tokens {
		more = append(more, token)
	}
	for _, token := range more {
		for _, part := range strings.Split(token, ".")[min(1, strings.Count(token, ".")):] {
			if len(part) > 12 && strings.Contains(log, part[:12]) {
				t.Errorf("the log has a part of a token: %s…", part[:12])
			}
		}
	}
}

// TestMalformedAuth: what stands in place of the token may be anything.
func TestMalformedAuth(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{})
	for _, auth := range []string{``, `{}`, `{"token":7}`, `{"token":null}`, `{"token":["a"]}`, `{"token":{"token":"a"}}`} {
		l := h.open(t)
		var payload any
		if auth != "" {
			payload = json.RawMessage(auth)
		}
		var refused *refusal
		if _, err := join(l, payload); !errors.As(err, &refused) || refused.Message != "Authentication failed" {
			t.Errorf("%s: got %v", auth, err)
		}
	}
	for _, packet := range []string{`40[]`, `40"text"`, `40{`, `407`, `40{"token":"a"}{}`} {
		l := h.open(t)
		if err := l.text(packet); err != nil {
			t.Fatal(err)
		}
		_, err := l.until(t, "44")
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: neither an answer nor an end", packet)
		}
	}
	h.unchanged(t)
}

// until reads to the first message that begins so.
func (l *link) until(t *testing.T, prefix string) (string, error) {
	t.Helper()
	for {
		_, m, err := l.read()
		if err != nil || strings.HasPrefix(string(m), prefix) {
			return string(m), err
		}
		if strings.HasPrefix(string(m), "40") {
			t.Errorf("it is let in: %s", m)
		}
	}
}

// TestNobodyWithoutSignIn: who has not signed in can do nothing, and not for long.
func TestNobodyWithoutSignIn(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	const patient = 10 * time.Second // for a slow machine to sign in
	h := newHall(t, setup{args: []string{"--auth-timeout", patient.String()}})
	t.Run("event instead", func(t *testing.T) {
		l := h.open(t)
		if err := l.text(`420["room:message",{"roomId":"hall","content":"x"}]`); err != nil {
			t.Fatal(err)
		}
		if err := l.drain(t); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the connection stays open")
		}
		h.unchanged(t)
	})
	t.Run("nothing", func(t *testing.T) {
		began := time.Now()
		l := h.open(t)
		if err := l.drain(t); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the connection stays open")
		}
		if took := time.Since(began); took < patient*8/10 {
			t.Errorf("it was closed after %s already", took)
		}
	})
	t.Run("refused, then nothing", func(t *testing.T) {
		l := h.open(t)
		if err := l.text(`40{"token":"rubbish"}`); err != nil {
			t.Fatal(err)
		}
		if err := l.drain(t); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the connection stays open")
		}
	})
	t.Run("member stays", func(t *testing.T) { h.unchanged(t) })
}

// TestTokenRunsOut: a connection ends with its token, unless it brings another of the same user's.
func TestTokenRunsOut(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{})
	h.befriend("ada", "bob")
	secret, err := account.OpenSecret(h.data)
	if err != nil {
		t.Fatal(err)
	}
	short := func(user string) string {
		return signed(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": user, "exp": time.Now().Add(10 * time.Second).Unix()})
	}
	leaves, err := signIn(t.Context(), h.addr, short("ada"))
	if err != nil {
		t.Fatal(err)
	}
	defer leaves.close()
	stays, err := signIn(t.Context(), h.addr, short("bob"))
	if err != nil {
		t.Fatal(err)
	}
	defer stays.close()
	if got, err := stays.call(t.Context(), "auth:refresh", object{"token": tokenFor(t, h.data, "ada")}); err != nil || got.OK || got.Error.Code != "authentication_failed" {
		t.Errorf("another user's token: %+v, %v", got, err)
	}
	stays.must(t, "auth:refresh", object{"token": tokenFor(t, h.data, "bob")})
	raw, err := leaves.next(t.Context(), "error")
	if err != nil || !strings.Contains(string(raw), `"token_expired"`) {
		t.Errorf("got %s, %v", raw, err)
	}
	leaves.gone(t)
	stays.must(t, "message:send", object{"recipientId": "ada", "content": "still here"})
}
