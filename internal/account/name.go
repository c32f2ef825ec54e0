package account

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// CleanName is a display name by the nickname profile of PRECIS (RFC 8266): one form for what looks the same, single spaces
// between words and none around, and nothing that does not show or that turns what stands around it, such as zero-width
// characters, controls and marks of direction. Joiners stay where a script needs them. A name of nothing else is empty. It
// is idempotent.
func CleanName(name string) string {
	if isPlain(name) {
		return name
	}
	shown := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), r == blankPattern:
			return ' '
		case r == utf8.RuneError, !precis.Nickname.Allowed().Contains(r) && !isJoiner(r):
			return -1
		}
		return r
	}, name)
	clean, err := precis.Nickname.String(shown)
	if err != nil { // joiners, or other characters, where their scripts have none
		clean, err = precis.Nickname.String(strings.Map(withoutContext, shown))
	}
	if err != nil || !strings.ContainsFunc(clean, unicode.IsGraphic) {
		return ""
	}
	return clean
}

// blankPattern is a letter of Braille without a dot, which shows nothing.
const blankPattern = '\u2800'

func isJoiner(r rune) bool { return r == '\u200c' || r == '\u200d' }

// withoutContext drops what PRECIS permits in some surroundings only (RFC 5892 appendix A).
func withoutContext(r rune) rune {
	switch {
	case isJoiner(r), strings.ContainsRune("\u00b7\u0375\u05f3\u05f4\u30fb", r),
		'\u0660' <= r && r <= '\u0669', '\u06f0' <= r && r <= '\u06f9':
		return -1
	}
	return r
}

// isPlain tells whether a name is clean at a glance, as most are: printable ASCII with single spaces inside.
func isPlain(name string) bool {
	space := true
	for i := range len(name) {
		c := name[i]
		if c < ' ' || c > '~' || c == ' ' && space {
			return false
		}
		space = c == ' '
	}
	return !space
}

// shortName is a clean name that is cut to what a name may have.
func shortName(name string) string {
	clean := CleanName(name)
	if runes := []rune(clean); len(runes) > MaxNameRunes {
		return CleanName(string(runes[:MaxNameRunes]))
	}
	return clean
}
