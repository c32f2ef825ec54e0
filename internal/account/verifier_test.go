package account_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
)

const (
	ownSecret   = account.Secret("the-server's-own-secret-of-many-bytes")
	otherSecret = account.Secret("the-partner's-secret-also-long-enough")
	partner     = "https://partner.example"
	rsaIssuer   = "https://rsa.example"
	ecIssuer    = "https://ec.example"
	edIssuer    = "https://ed.example"
)

// noon is the tests' now.
var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

// rsaKey is made once: it takes a while on a small machine.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func publicPEM(t testing.TB, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func writeFile(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func trust(t testing.TB, leeway time.Duration, external ...account.IssuerConfig) *account.Verifiers {
	t.Helper()
	verifiers, err := account.NewVerifiers(t.Context(), account.TrustConfig{
		Secret: ownSecret, External: external, Leeway: leeway, Now: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifiers.Stop)
	return verifiers
}

func sign(t testing.TB, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	signed, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// signRaw signs a payload as it stands, which may be no JSON at all.
func signRaw(t testing.TB, header, payload string) string {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	signature, err := jwt.SigningMethodHS256.Sign(text, []byte(ownSecret))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

const hs256Header = `{"alg":"HS256","typ":"JWT"}`

func mustRefuse(t *testing.T, verifiers *account.Verifiers, token, cause string) {
	t.Helper()
	identity, err := verifiers.Verify(t.Context(), token)
	if !errors.Is(err, account.ErrUnauthenticated) {
		t.Fatalf("got %+v, %v; want ErrUnauthenticated", identity, err)
	}
	if !reflect.DeepEqual(identity, account.Identity{}) {
		t.Errorf("refused, and yet an identity: %+v", identity)
	}
	if err.Error() != account.ErrUnauthenticated.Error() {
		t.Errorf("text %q tells the client the cause", err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("refused", "error", err)
	if !strings.Contains(log.String(), cause) {
		t.Errorf("log %q lacks the cause %q", log.String(), cause)
	}
	if token != "" && strings.Contains(log.String(), token) {
		t.Errorf("log holds the token: %s", log.String())
	}
}

func TestOwnTokensVerify(t *testing.T) {
	issuer, err := account.NewIssuer(ownSecret, clock)
	if err != nil {
		t.Fatal(err)
	}
	token, err := issuer.Sign("u_1", "Ada Lovelace", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	got, err := trust(t, 0).Verify(t.Context(), token)
	if err != nil {
		t.Fatal(errors.Unwrap(err))
	}
	if got.TokenID == "" {
		t.Error("no token id")
	}
	want := account.Identity{
		UserID: "u_1", Name: "Ada Lovelace", Issuer: account.OwnIssuer, UsersOf: account.OwnIssuer, ExpiresAt: noon.Add(time.Hour), TokenID: got.TokenID,
		IssuedAt: noon,
	}
	if !got.ExpiresAt.Equal(want.ExpiresAt) {
		t.Errorf("expires %s, want %s", got.ExpiresAt, want.ExpiresAt)
	}
	got.ExpiresAt = want.ExpiresAt
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	again, err := issuer.Sign("u_1", "Ada Lovelace", time.Hour)
	if err != nil || again == token {
		t.Errorf("two tokens share an id (%v)", err)
	}
}

func TestSignRefuses(t *testing.T) {
	issuer, err := account.NewIssuer(ownSecret, clock)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		user    account.UserID
		display string
		ttl     time.Duration
		says    string
	}{
		"no user":      {"", "Ada", time.Hour, "user id is empty"},
		"long user":    {account.UserID(strings.Repeat("x", 129)), "Ada", time.Hour, "limit is 128"},
		"control":      {"a\x00b", "Ada", time.Hour, "control"},
		"spaces":       {" ada", "Ada", time.Hour, "space"},
		"long name":    {"ada", strings.Repeat("é", 101), time.Hour, "limit is 100"},
		"no time":      {"ada", "Ada", 0, "at least 1s"},
		"negative ttl": {"ada", "Ada", -time.Hour, "at least 1s"},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := issuer.Sign(tc.user, tc.display, tc.ttl)
			if err == nil || token != "" || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %q, %v; want an error with %q", token, err, tc.says)
			}
		})
	}
	if _, err := account.NewIssuer("short", clock); err == nil || !strings.Contains(err.Error(), "at least 32") {
		t.Errorf("a short secret: %v", err)
	}
}

func TestForgedTokens(t *testing.T) {
	public := publicPEM(t, rsaKey().Public())
	der, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	verifiers := trust(t, 0,
		account.IssuerConfig{Issuer: rsaIssuer, KeyFile: writeFile(t, public)},
		account.IssuerConfig{Issuer: partner, Secret: otherSecret})

	good := sign(t, jwt.SigningMethodHS256, []byte(ownSecret), jwt.MapClaims{"sub": "ada"})
	parts := strings.Split(good, ".")
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	unsigned := sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.MapClaims{"sub": "ada"})

	for name, tc := range map[string]struct{ token, cause string }{
		"empty":                    {"", "malformed"},
		"no token":                 {"hello", "malformed"},
		"dots":                     {"..", "malformed"},
		"four parts":               {good + ".x", "malformed"},
		"alg none":                 {unsigned, `algorithm \"none\" is not allowed`},
		"alg none, with signature": {b64(`{"alg":"none"}`) + "." + parts[1] + "." + parts[2], `\"none\" is not allowed`},
		"alg None":                 {b64(`{"alg":"None"}`) + "." + parts[1] + ".", "signing method (alg) is unavailable"},
		"no alg":                   {b64(`{}`) + "." + parts[1] + "." + parts[2], "alg"},
		"alg number":               {b64(`{"alg":1}`) + "." + parts[1] + "." + parts[2], "alg"},
		"none for an RSA issuer": {
			sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.MapClaims{"iss": rsaIssuer, "sub": "ada"}), "not allowed",
		},
		"public key (PEM) as HMAC secret": {
			sign(t, jwt.SigningMethodHS256, public, jwt.MapClaims{"iss": rsaIssuer, "sub": "ada"}), `\"HS256\" is not allowed`,
		},
		"public key (trimmed PEM) as HMAC secret": {
			sign(t, jwt.SigningMethodHS256, []byte(strings.TrimSpace(string(public))), jwt.MapClaims{"iss": rsaIssuer, "sub": "ada"}), "not allowed",
		},
		"public key (DER) as HMAC secret": {
			sign(t, jwt.SigningMethodHS512, der, jwt.MapClaims{"iss": rsaIssuer, "sub": "ada"}), "not allowed",
		},
		"RS256 for the own issuer": {
			sign(t, jwt.SigningMethodRS256, rsaKey(), jwt.MapClaims{"sub": "ada"}), `\"RS256\" is not allowed`,
		},
		"HS512 with the right secret": {
			sign(t, jwt.SigningMethodHS512, []byte(ownSecret), jwt.MapClaims{"sub": "ada"}), `\"HS512\" is not allowed`,
		},
		"partner's secret, own issuer": {
			sign(t, jwt.SigningMethodHS256, []byte(otherSecret), jwt.MapClaims{"iss": account.OwnIssuer, "sub": "ada"}), "signature is invalid",
		},
		"partner's secret, no issuer": {
			sign(t, jwt.SigningMethodHS256, []byte(otherSecret), jwt.MapClaims{"sub": "ada"}), "signature is invalid",
		},
		"own secret, partner's issuer": {
			sign(t, jwt.SigningMethodHS256, []byte(ownSecret), jwt.MapClaims{"iss": partner, "sub": "ada"}), "signature is invalid",
		},
		"issuer with a slash more": {
			sign(t, jwt.SigningMethodHS256, []byte(otherSecret), jwt.MapClaims{"iss": partner + "/", "sub": "ada"}), "not trusted",
		},
		"partner claims a local account": {
			sign(t, jwt.SigningMethodHS256, []byte(otherSecret), jwt.MapClaims{"iss": partner, "sub": "u_1"}), "local accounts",
		},
		"partner claims it by id": {
			sign(t, jwt.SigningMethodHS256, []byte(otherSecret), jwt.MapClaims{"iss": partner, "id": "u_1"}), "local accounts",
		},
		"tampered claims":    {parts[0] + "." + b64(`{"sub":"eve"}`) + "." + parts[2], "signature is invalid"},
		"tampered signature": {parts[0] + "." + parts[1] + "." + flip(parts[2]), "signature is invalid"},
		"no signature":       {parts[0] + "." + parts[1] + ".", "signature is invalid"},
		"loose base64":       {good[:len(good)-1] + bumpLast(good), "malformed"},
		"padded":             {good + "=", "malformed"},
		"critical extension": {signRaw(t, `{"alg":"HS256","crit":["b64"],"b64":false}`, `{"sub":"ada"}`), "crit"},
		"oversize":           {signRaw(t, hs256Header, `{"sub":"ada","x":"`+strings.Repeat("x", account.MaxTokenBytes)+`"}`), "the limit is 8192"},
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, verifiers, tc.token, tc.cause) })
	}
	if _, err := verifiers.Verify(t.Context(), good); err != nil {
		t.Errorf("the token that the forgeries began with: %v", errors.Unwrap(err))
	}
}

// flip changes the first character of a base64 text.
func flip(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

// bumpLast returns the last character of a 256-bit signature with its unused low bits set: the same bytes, were the
// decoding not strict.
func bumpLast(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, token[len(token)-1])|1])
}

func TestTokenAtTheLimit(t *testing.T) {
	// Three payload bytes make four of the token: fill up to the last that fits.
	pad := account.MaxTokenBytes * 3 / 4
	var token string
	for {
		token = signRaw(t, hs256Header, `{"sub":"ada","x":"`+strings.Repeat("x", pad)+`"}`)
		if len(token) <= account.MaxTokenBytes {
			break
		}
		pad--
	}
	if _, err := trust(t, 0).Verify(t.Context(), token); err != nil {
		t.Errorf("token of %d bytes: %v", len(token), errors.Unwrap(err))
	}
}

func TestKeyFiles(t *testing.T) {
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	nextECKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	verifiers := trust(t, 0,
		account.IssuerConfig{Issuer: rsaIssuer, KeyFile: writeFile(t, publicPEM(t, rsaKey().Public())), Algorithms: []string{"RS256", "PS384"}},
		account.IssuerConfig{Issuer: ecIssuer, KeyFile: writeFile(t, append(publicPEM(t, ecKey.Public()), publicPEM(t, nextECKey.Public())...))},
		account.IssuerConfig{Issuer: edIssuer, KeyFile: writeFile(t, publicPEM(t, edPublic))})

	for name, tc := range map[string]struct {
		method jwt.SigningMethod
		key    any
		issuer string
	}{
		"RS256":         {jwt.SigningMethodRS256, rsaKey(), rsaIssuer},
		"PS384":         {jwt.SigningMethodPS384, rsaKey(), rsaIssuer},
		"ES256":         {jwt.SigningMethodES256, ecKey, ecIssuer},
		"ES256, second": {jwt.SigningMethodES256, nextECKey, ecIssuer},
		"EdDSA":         {jwt.SigningMethodEdDSA, edKey, edIssuer},
	} {
		t.Run(name, func(t *testing.T) {
			token := sign(t, tc.method, tc.key, jwt.MapClaims{"iss": tc.issuer, "sub": "ada"})
			got, err := verifiers.Verify(t.Context(), token)
			if err != nil {
				t.Fatal(errors.Unwrap(err))
			}
			if got.UserID != "ada" || got.Issuer != tc.issuer {
				t.Errorf("got %+v", got)
			}
		})
	}
	mustRefuse(t, verifiers, sign(t, jwt.SigningMethodRS512, rsaKey(), jwt.MapClaims{"iss": rsaIssuer, "sub": "ada"}), "not allowed")
	mustRefuse(t, verifiers, sign(t, jwt.SigningMethodEdDSA, edKey, jwt.MapClaims{"iss": ecIssuer, "sub": "ada"}), "not allowed")
}

func TestIssuerConfigRefused(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	rsaFile := writeFile(t, publicPEM(t, rsaKey().Public()))
	good := account.IssuerConfig{Issuer: partner, Secret: otherSecret}
	for name, tc := range map[string]struct {
		configs []account.IssuerConfig
		says    string
	}{
		"no issuer":       {[]account.IssuerConfig{{Secret: otherSecret}}, "issuer is missing"},
		"own issuer":      {[]account.IssuerConfig{{Issuer: account.OwnIssuer, Secret: otherSecret}}, "server's own"},
		"twice":           {[]account.IssuerConfig{good, good}, "given twice"},
		"users of none":   {[]account.IssuerConfig{{Issuer: partner, Secret: otherSecret, UsersOf: "https://none.example"}}, "users-of"},
		"users of itself": {[]account.IssuerConfig{{Issuer: partner, Secret: otherSecret, UsersOf: partner}}, "users-of"},
		"users of who has none": {[]account.IssuerConfig{
			{Issuer: partner, Secret: otherSecret, UsersOf: account.OwnIssuer}, {Issuer: "b", Secret: otherSecret, UsersOf: partner},
		}, "users-of"},
		"no key":        {[]account.IssuerConfig{{Issuer: partner}}, "exactly one of secret, key-file and jwks-url"},
		"two keys":      {[]account.IssuerConfig{{Issuer: partner, Secret: otherSecret, KeyFile: rsaFile}}, "exactly one"},
		"short secret":  {[]account.IssuerConfig{{Issuer: partner, Secret: "short"}}, "at least 32"},
		"alg none":      {[]account.IssuerConfig{{Issuer: partner, Secret: otherSecret, Algorithms: []string{"none"}}}, `"none" is none of`},
		"RS for secret": {[]account.IssuerConfig{{Issuer: partner, Secret: otherSecret, Algorithms: []string{"RS256"}}}, `"RS256" is none of`},
		"HS for file":   {[]account.IssuerConfig{{Issuer: partner, KeyFile: rsaFile, Algorithms: []string{"HS256"}}}, `"HS256" is none of`},
		"HS for JWKS":   {[]account.IssuerConfig{{Issuer: partner, JWKSURL: "https://x.example/jwks", Algorithms: []string{"HS256"}}}, `"HS256" is none of`},
		"ES for RSA":    {[]account.IssuerConfig{{Issuer: partner, KeyFile: rsaFile, Algorithms: []string{"ES256"}}}, "does not suit"},
		"no file":       {[]account.IssuerConfig{{Issuer: partner, KeyFile: "/does/not/exist.pem"}}, "/does/not/exist.pem"},
		"no PEM":        {[]account.IssuerConfig{{Issuer: partner, KeyFile: writeFile(t, []byte("hello"))}}, "no PEM public key"},
		"weak RSA":      {[]account.IssuerConfig{{Issuer: partner, KeyFile: writeFile(t, publicPEM(t, weak.Public()))}}, "at least 2048"},
		"odd curve":     {[]account.IssuerConfig{{Issuer: partner, KeyFile: writeFile(t, publicPEM(t, p224.Public()))}}, "P-224"},
		"private key": {[]account.IssuerConfig{{Issuer: partner, KeyFile: writeFile(t,
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))}}, "private key"},
		"plain http":   {[]account.IssuerConfig{{Issuer: partner, JWKSURL: "http://keys.example/jwks"}}, "https://"},
		"relative URL": {[]account.IssuerConfig{{Issuer: partner, JWKSURL: "/jwks"}}, "absolute"},
		"no fetcher":   {[]account.IssuerConfig{{Issuer: partner, JWKSURL: "https://keys.example/jwks"}}, "cannot fetch"},
	} {
		t.Run(name, func(t *testing.T) {
			verifiers, err := account.NewVerifiers(t.Context(), account.TrustConfig{Secret: ownSecret, External: tc.configs, Now: clock})
			if verifiers != nil || err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v does not say %q", err, tc.says)
			}
			if err != nil && strings.Contains(err.Error(), string(otherSecret)) {
				t.Errorf("error holds the secret: %v", err)
			}
		})
	}
}

// stoppable stands for a fetched key set.
type stoppable struct{ stopped *int }

func (stoppable) Key(context.Context, *jwt.Token) (any, error) { return nil, errors.New("no key") }
func (s stoppable) Stop()                                      { *s.stopped++ }

func TestFailedStartStopsWhatWasOpened(t *testing.T) {
	stopped := 0
	_, err := account.NewVerifiers(t.Context(), account.TrustConfig{
		Secret: ownSecret, Now: clock,
		External: []account.IssuerConfig{{Issuer: partner, JWKSURL: "https://keys.example/jwks"}, {Issuer: rsaIssuer, KeyFile: "/does/not/exist"}},
		OpenJWKS: func(context.Context, string) (account.Keys, error) { return stoppable{&stopped}, nil },
	})
	if err == nil || stopped != 1 {
		t.Errorf("error %v, stopped %d times, want 1", err, stopped)
	}
}

func TestVerifyConcurrently(t *testing.T) {
	verifiers := trust(t, 0, account.IssuerConfig{Issuer: partner, Secret: otherSecret})
	token := sign(t, jwt.SigningMethodHS256, []byte(otherSecret), jwt.MapClaims{"iss": partner, "sub": "ada"})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				if got, err := verifiers.Verify(t.Context(), token); err != nil || got.UserID != "ada" {
					t.Errorf("got %+v, %v", got, err)
					return
				}
			}
		})
	}
	group.Wait()
}
