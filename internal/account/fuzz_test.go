package account_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
)

// FuzzVerify feeds whole tokens: whatever is accepted carries the HMAC of exactly the text that was shown.
func FuzzVerify(f *testing.F) {
	f.Add("")
	f.Add("..")
	f.Add(signRaw(f, hs256Header, `{"sub":"ada"}`))
	f.Add(signRaw(f, hs256Header, `{"iss":"sockeye","id":9007199254740993,"exp":1893589200}`))
	f.Add(signRaw(f, `{"alg":"HS256","crit":["b64"]}`, `{"sub":"ada"}`))
	f.Add(sign(f, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.MapClaims{"sub": "ada"}))
	f.Add(sign(f, jwt.SigningMethodRS256, rsaKey(), jwt.MapClaims{"iss": rsaIssuer, "sub": "ada"}))
	verifiers := trust(f, 0)
	f.Fuzz(func(t *testing.T, token string) {
		identity, err := verifiers.Verify(t.Context(), token)
		checkOutcome(t, identity, err)
		if err != nil {
			return
		}
		end := strings.LastIndexByte(token, '.')
		mac := hmac.New(sha256.New, []byte(ownSecret))
		mac.Write([]byte(token[:end]))
		if signature, err := base64.RawURLEncoding.DecodeString(token[end+1:]); err != nil || !hmac.Equal(signature, mac.Sum(nil)) {
			t.Fatalf("accepted a token that was not signed: %q", token)
		}
	})
}

// FuzzClaims feeds the header and the payload of tokens with a good signature.
func FuzzClaims(f *testing.F) {
	for _, payload := range []string{
		`{"sub":"ada"}`, `{"id":1}`, `{"id":1e400}`, `{"id":-0}`, `{"sub":"ada","exp":1e999}`, `{"sub":"ada","aud":[1]}`,
		`{"iss":[],"sub":"ada"}`, `{"sub":"\ud800"}`, `null`, `{"sub":"a","name":"\u202e"}`, `{"sub":"a","sub":"u_1"}`,
	} {
		f.Add(hs256Header, payload)
	}
	f.Add(`{"alg":"HS256","kid":[]}`, `{"sub":"ada"}`)
	verifiers := trust(f, 0)
	f.Fuzz(func(t *testing.T, header, payload string) {
		identity, err := verifiers.Verify(t.Context(), signRaw(t, header, payload))
		checkOutcome(t, identity, err)
	})
}

func checkOutcome(t *testing.T, identity account.Identity, err error) {
	t.Helper()
	if err != nil {
		if !errors.Is(err, account.ErrUnauthenticated) || !reflect.DeepEqual(identity, account.Identity{}) {
			t.Fatalf("refused as %v with %+v", err, identity)
		}
		return
	}
	if identity.UserID == "" || len(identity.UserID) > account.MaxUserIDBytes || identity.Name == "" || identity.Issuer != account.OwnIssuer {
		t.Fatalf("accepted %+v", identity)
	}
	if !identity.ExpiresAt.IsZero() && !identity.ExpiresAt.After(noon) {
		t.Fatalf("accepted an expired token: %+v", identity)
	}
}

// FuzzTerms: what a user is found by is folded, whole and bounded, and every word of the name is among it.
func FuzzTerms(f *testing.F) {
	f.Add("Ada.L", "Ada  Lovelace-King")
	f.Add("", "\u212a \u017f \u0130 \u03a3\u03c2 \xff")
	f.Add("x", strings.Repeat("a ", 40))
	f.Fuzz(func(t *testing.T, username, name string) {
		terms := account.Terms(username, name)
		if len(terms) > account.MaxTerms {
			t.Fatalf("%d terms", len(terms))
		}
		for i, term := range terms {
			if term == "" || account.Fold(term) != term || slices.Contains(terms[:i], term) {
				t.Fatalf("term %q of %q, %q", term, username, name)
			}
		}
		if folded := account.Fold(name); folded != "" && !slices.Contains(terms, folded) {
			t.Fatalf("%q is not found by the whole name %q", terms, folded)
		}
	})
}

// FuzzMayHear compares the patterns of topics with a table of which beginnings are alike.
func FuzzMayHear(f *testing.F) {
	for _, seed := range [][2]string{
		{"", ""}, {"*", ""}, {"**", "a"}, {"team.*", "team."}, {"team.*", "team"}, {"*.b", "a.b"}, {"a*a", "a"},
		{"a*b*a", "abba"}, {"ab*ba", "aba"}, {"*ab*ab*", "xabab"}, {"*ab*ab*", "xabb"}, {"é*", "é!"}, {"\xc3*", "é"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, topic string) {
		bearer := account.Identity{Topics: []string{pattern}}
		if got, want := bearer.MayHear(topic), alike(pattern, topic); got != want {
			t.Errorf("pattern %q, topic %q: %t, want %t", pattern, topic, got, want)
		}
	})
}

// alike fills, for each beginning of the pattern, a row: is it like each beginning of the text?
func alike(pattern, text string) bool {
	row := make([]bool, len(text)+1)
	row[0] = true
	for i := range len(pattern) {
		next := make([]bool, len(row))
		next[0] = row[0] && pattern[i] == '*'
		for j := range len(text) {
			if pattern[i] == '*' {
				next[j+1] = next[j] || row[j+1]
			} else {
				next[j+1] = row[j] && pattern[i] == text[j]
			}
		}
		row = next
	}
	return row[len(text)]
}
