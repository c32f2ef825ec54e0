package lexeme_test

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
)

func TestOf(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"… — !? 🎣":               "",
		"Hello, WORLD!":          "hello world",
		"明天的会议改到三点":              "明天 天的 的会 会议 议改 改到 到三 三点 点",
		"会":                      "会",
		"东京Tower2":               "东京 京 tower2",
		"データベース":                 "デー ータ タベ ベー ース ス",
		"ﾃﾞｰﾀ":                   "デー ータ タ",
		"회의가":                    "회의 의가 가",
		"ประชุม":                 "ปร ระ ะช ชุ ุม ม",
		"Straße STRASSE":         "strasse strasse",
		"Crème brûlée, ÅNGSTRÖM": "creme brulee angstrom",
		"ΣΊΣΥΦΟΣ Σίσυφος":        "σισυφοσ σισυφοσ",
		"Ёлка":                   "елка",
		"İstanbul":               "istanbul",
		"مَرْحَبًا":              "مرحبا",
		"שָׁלוֹם":                "שלום",
		"हिन्दी":                 "हिन्दी",
		"ｆｕｌｌ ﬁne ²":             "full fine 2",
		"a_b-c.d@e":              "a b c d e",
		"1,000 v1.26":            "1 000 v1 26",
	} {
		if got := lexeme.Of(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := lexeme.Of(strings.Repeat("é", 400)); len(got) > 128 || !utf8.ValidString(got) {
		t.Errorf("an endless word became %d bytes", len(got))
	}
}

func TestQuery(t *testing.T) {
	for query, want := range map[string][]lexeme.Term{
		"":            nil,
		"\"*()^-":     nil,
		"会议":          {{Lexemes: []string{"会议"}}},
		"三点改":         {{Lexemes: []string{"三点", "点改"}}},
		"点":           {{Lexemes: []string{"点"}, Prefix: true}},
		"Foo OR bar*": {{Lexemes: []string{"foo"}}, {Lexemes: []string{"or"}}, {Lexemes: []string{"bar"}}},
		"会 Plan":      {{Lexemes: []string{"会"}, Prefix: true}, {Lexemes: []string{"plan"}}},
	} {
		if got := lexeme.Query(query); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, want %+v", query, got, want)
		}
	}
}

func TestFold(t *testing.T) {
	for _, same := range [][]string{
		{"ÄRGER", "ärger", "a\u0308rger", "Arger"}, {"ПРИВЕТ", "привет"}, {"ＡＢＣ", "abc"}, {"ΌΔΟΣ", "όδος"},
		{"가", "\u1100\u1161"},
	} {
		for _, text := range same[1:] {
			if a, b := lexeme.Fold(same[0]), lexeme.Fold(text); a != b {
				t.Errorf("%q and %q: %q, %q", same[0], text, a, b)
			}
		}
	}
}

// FuzzFind: whatever a text is, it is found by each of its own words.
func FuzzFind(f *testing.F) {
	for _, seed := range []string{"Hello, World", "明天的会议", "a\u0301\u0489ก็会", "\xff\x00", "ーー々"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		document := " " + lexeme.Of(text) + " "
		if !utf8.ValidString(document) && utf8.ValidString(text) {
			t.Fatalf("%q became invalid: %q", text, document)
		}
		for _, term := range lexeme.Query(text) {
			words := " " + strings.Join(term.Lexemes, " ")
			if !term.Prefix {
				words += " "
			}
			if !strings.Contains(document, words) {
				t.Fatalf("%q: %q is not in %q", text, words, document)
			}
		}
	})
}
