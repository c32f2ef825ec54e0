package account_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
)

func TestClaims(t *testing.T) {
	verifiers := trust(t, 0)
	for name, tc := range map[string]struct {
		payload string
		id      account.UserID
		display string
	}{
		"sub":               {`{"sub":"ada"}`, "ada", "ada"},
		"sub before id":     {`{"sub":"ada","id":"bob"}`, "ada", "ada"},
		"empty sub":         {`{"sub":"","id":"bob"}`, "bob", "bob"},
		"null sub":          {`{"sub":null,"id":"bob"}`, "bob", "bob"},
		"username":          {`{"sub":"ada","username":"Ada","name":"Countess"}`, "ada", "Ada"},
		"name":              {`{"sub":"ada","name":" Countess "}`, "ada", "Countess"},
		"blank username":    {`{"sub":"ada","username":"  ","name":"Countess"}`, "ada", "Countess"},
		"number id":         {`{"id":42}`, "42", "42"},
		"number sub":        {`{"sub":7,"name":"Seven"}`, "7", "Seven"},
		"zero":              {`{"id":0}`, "0", "0"},
		"minus zero":        {`{"id":-0}`, "0", "0"},
		"negative":          {`{"id":-12}`, "-12", "-12"},
		"past 2^53":         {`{"id":9007199254740993}`, "9007199254740993", "9007199254740993"},
		"past 2^64":         {`{"id":123456789012345678901234567890}`, "123456789012345678901234567890", "123456789012345678901234567890"},
		"million":           {`{"id":1000000}`, "1000000", "1000000"},
		"unicode":           {`{"sub":"zoë","username":"Zoë 🐟"}`, "zoë", "Zoë 🐟"},
		"local account":     {`{"sub":"u_9"}`, "u_9", "u_9"},
		"own issuer named":  {`{"iss":"sockeye","sub":"ada"}`, "ada", "ada"},
		"long id, cut name": {`{"sub":"` + strings.Repeat("x", 128) + `"}`, account.UserID(strings.Repeat("x", 128)), strings.Repeat("x", 100)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := verifiers.Verify(t.Context(), signRaw(t, hs256Header, tc.payload))
			if err != nil {
				t.Fatal(errors.Unwrap(err))
			}
			if got.UserID != tc.id || got.Name != tc.display {
				t.Errorf("got %q, %q; want %q, %q", got.UserID, got.Name, tc.id, tc.display)
			}
			if !got.ExpiresAt.IsZero() {
				t.Errorf("expires %s, want never", got.ExpiresAt)
			}
		})
	}
}

func TestClaimsRefused(t *testing.T) {
	verifiers := trust(t, 0)
	for name, tc := range map[string]struct{ payload, cause string }{
		"nobody":           {`{"username":"Ada"}`, "names a user"},
		"not JSON":         {`ada`, "malformed"},
		"array":            {`["ada"]`, "malformed"},
		"fraction":         {`{"id":1.5}`, "whole number"},
		"exponent":         {`{"id":1e3}`, "whole number"},
		"digits":           {`{"id":` + strings.Repeat("9", 200) + `}`, "limit is 128"},
		"id object":        {`{"id":{}}`, "not a string"},
		"sub true":         {`{"sub":true,"id":"ada"}`, "not a string"},
		"long id":          {`{"sub":"` + strings.Repeat("x", 129) + `"}`, "limit is 128"},
		"control id":       {`{"sub":"a\u0000b"}`, "control"},
		"number jti":       {`{"sub":"ada","jti":5}`, "not a string"},
		"iss number":       {`{"iss":5,"sub":"ada"}`, "not a string"},
		"iss null":         {`{"iss":null,"sub":"ada"}`, "not a string"},
		"iss empty":        {`{"iss":"","sub":"ada"}`, "not trusted"},
		"iss unknown":      {`{"iss":"https://evil.example","sub":"ada"}`, "not trusted"},
		"expired":          {`{"sub":"ada","exp":1893585599}`, "expired"},
		"expires now":      {`{"sub":"ada","exp":1893585600}`, "expired"},
		"exp zero":         {`{"sub":"ada","exp":0}`, "expired"},
		"exp text":         {`{"sub":"ada","exp":"never"}`, "not a number"},
		"exp null":         {`{"sub":"ada","exp":null}`, "not a number"},
		"exp huge":         {`{"sub":"ada","exp":1e300}`, "between 1970 and 9999"},
		"exp past float64": {`{"sub":"ada","exp":1e999}`, "between 1970 and 9999"},
		"exp milliseconds": {`{"sub":"ada","exp":1893589200000}`, "between 1970 and 9999"},
		"exp negative":     {`{"sub":"ada","exp":-1}`, "between 1970 and 9999"},
		"not yet":          {`{"sub":"ada","nbf":1893585601}`, "not valid yet"},
		"nbf text":         {`{"sub":"ada","nbf":"1"}`, "not a number"},
	} {
		t.Run(name, func(t *testing.T) {
			mustRefuse(t, verifiers, signRaw(t, hs256Header, tc.payload), tc.cause)
		})
	}
}

func TestLeeway(t *testing.T) {
	for name, tc := range map[string]struct {
		claims jwt.MapClaims
		leeway time.Duration
		ok     bool
	}{
		"just expired":           {jwt.MapClaims{"sub": "a", "exp": noon.Add(-4 * time.Second).Unix()}, 5 * time.Second, true},
		"expired past leeway":    {jwt.MapClaims{"sub": "a", "exp": noon.Add(-6 * time.Second).Unix()}, 5 * time.Second, false},
		"soon valid":             {jwt.MapClaims{"sub": "a", "nbf": noon.Add(4 * time.Second).Unix()}, 5 * time.Second, true},
		"soon valid past leeway": {jwt.MapClaims{"sub": "a", "nbf": noon.Add(6 * time.Second).Unix()}, 5 * time.Second, false},
		"strict":                 {jwt.MapClaims{"sub": "a", "exp": noon.Add(time.Second).Unix(), "nbf": noon.Unix()}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := trust(t, tc.leeway).Verify(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(ownSecret), tc.claims))
			if (err == nil) != tc.ok {
				t.Errorf("accepted: %t (%v), want %t", err == nil, errors.Unwrap(err), tc.ok)
			}
		})
	}
}

func TestAudience(t *testing.T) {
	verifiers := trust(t, 0, account.IssuerConfig{Issuer: partner, Secret: otherSecret, Audience: "chat"})
	with := func(aud any) string {
		claims := jwt.MapClaims{"iss": partner, "sub": "ada"}
		if aud != nil {
			claims["aud"] = aud
		}
		return sign(t, jwt.SigningMethodHS256, []byte(otherSecret), claims)
	}
	for name, aud := range map[string]any{"alone": "chat", "among others": []string{"mail", "chat"}} {
		t.Run(name, func(t *testing.T) {
			if _, err := verifiers.Verify(t.Context(), with(aud)); err != nil {
				t.Error(errors.Unwrap(err))
			}
		})
	}
	for name, aud := range map[string]any{"missing": nil, "other": "mail", "none": []string{}, "number": 5, "prefix": "chatter"} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, verifiers, with(aud), "aud") })
	}
}
