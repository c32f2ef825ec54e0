package upload

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// MaxName is how many characters the name of a file has at most.
const MaxName = 255

// NameOf makes of what a client calls a file what others are told: without a path, and without characters that show nothing or turn
// the direction of text, by which exe could look like txt. field is where the client has said it.
func NameOf(field, given string) (string, error) {
	if !utf8.ValidString(given) {
		return "", refusal.Invalid(field, "must be valid UTF-8")
	}
	name := given[strings.LastIndexAny(given, `/\`)+1:]
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, name))
	if utf8.RuneCountInString(name) > MaxName {
		return "", refusal.TooMuch(field, MaxName, "characters")
	}
	if strings.Trim(name, ".") == "" {
		return "file", nil
	}
	return name, nil
}
