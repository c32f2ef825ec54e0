package account_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-im/sockeye/internal/account"
)

var cleaned = map[string]string{
	"Ada Lovelace":                   "Ada Lovelace",
	"  Ada \t Lovelace\u00a0\u3000 ": "Ada Lovelace",
	"A\u200bd\u200ca\ufeff":          "Ada",                   // zero-width
	"\u202eecalevoL adA\u202c":       "ecalevoL adA",          // turned around
	"\u2066Ada\u2069\u200f":          "Ada",                   // isolates, marks
	"A\x00d\x1ba\u0085\u2028":        "Ada",                   // controls
	"\u2800\u3164\u115f\u200b":       "",                      // blank
	"\u2800Ada":                      "Ada",                   // a blank pattern of Braille
	"A\xffda":                        "Ada",                   // no UTF-8
	"Ａｄａ":                            "Ada",                   // full width
	"ﬁ①":                             "fi1",                   // compatibility
	"e\u0301":                        "é",                     // one form
	"林小雨":                            "林小雨",                   //
	"نام\u200cها":                    "نام\u200cها",           // a joiner that the script needs
	"क\u094d\u200dष":                 "क\u094d\u200dष",        // likewise
	"A\u200dda":                      "Ada",                   // one that it does not
	"👩\u200d💻 Ada ❤\ufe0f":           "👩💻 Ada ❤",              // pictures are taken apart
	"コナン・ドイル":                        "コナン・ドイル",               //
	"a\u30fbb":                       "ab",                    //
	"O'Neil-Smith, Jr. <b>":          "O'Neil-Smith, Jr. <b>", // text is no markup
	"":                               "",
}

func TestCleanName(t *testing.T) {
	for name, want := range cleaned {
		if got := account.CleanName(name); got != want {
			t.Errorf("%+q is %+q, want %+q", name, got, want)
		}
	}
}

func FuzzCleanName(f *testing.F) {
	for name := range cleaned {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		clean := account.CleanName(name)
		if !utf8.ValidString(clean) || strings.TrimSpace(clean) != clean {
			t.Fatalf("%+q is %+q", name, clean)
		}
		if strings.ContainsAny(clean, "\x00\n\u200b\u202e\u2066\ufeff\u2800") {
			t.Fatalf("%+q still hides something: %+q", name, clean)
		}
		if again := account.CleanName(clean); again != clean {
			t.Fatalf("%+q is %+q, and that %+q", name, clean, again)
		}
		account.Skeletons(name)
	})
}

// A name in an application's token is cleaned and cut, and never keeps its bearer out.
func TestNamesInTokens(t *testing.T) {
	h := open(t, cheap())
	for what, tc := range map[string]struct {
		claims jwt.MapClaims
		want   string
	}{
		"hidden":     {jwt.MapClaims{"username": "A\u200bd\u202ea"}, "Ada"},
		"long":       {jwt.MapClaims{"username": strings.Repeat("é", 101)}, strings.Repeat("é", 100)},
		"cut":        {jwt.MapClaims{"username": strings.Repeat("x", 99) + " y"}, strings.Repeat("x", 99)},
		"controls":   {jwt.MapClaims{"username": "a\x00b"}, "ab"},
		"blank":      {jwt.MapClaims{"username": "\u200b\u2800", "name": "Ada"}, "Ada"},
		"no text":    {jwt.MapClaims{"username": 5, "name": []string{"Ada"}}, "the id"},
		"reserved":   {jwt.MapClaims{"username": "Admin"}, "Admin"},
		"none shows": {jwt.MapClaims{"username": "\u3164"}, "the id"},
	} {
		tc.claims["sub"], tc.claims["iss"] = "the id", partner
		identity, err := h.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(otherSecret), tc.claims))
		if err != nil || identity.Name != tc.want {
			t.Errorf("%s: %+q, %v", what, identity.Name, err)
		}
	}
}

func TestLookAlikes(t *testing.T) {
	h := open(t, cheap())
	h.register("Paypal")
	register := func(login string) error {
		_, err := h.Register(t.Context(), account.Register{Username: login, Password: "a fine password"})
		return err
	}
	for _, login := range []string{"PAYPAL", "paypaI", "paypa1", "PaypaL"} {
		h.fault(register(login), account.CodeLoginTaken, "login", 0)
	}
	h.must(register("paypals"))
	h.must(register("rnark"))
	h.fault(register("mark"), account.CodeLoginTaken, "login", 0)
	h.must(register("sys"))
	// The operator may use the server's own names.
	_, err := h.CreateLocal(t.Context(), account.Register{Username: "admin", Name: "System", Password: "a fine password"})
	h.must(err)
}
