package chat

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/chat/lexeme"
)

// MaxMentions is how many different users a message can mention; further ones are
// plain text.
const MaxMentions = 50

// mentioned returns what a text names as @login or @id, each once, in their order. A
// name ends at a space or at punctuation other than . _ - | : which it may hold, but
// not end with. An @ after a letter or digit, as in an address, names nobody, unless
// the letter is of a script that is written without spaces: such text goes on around
// a name, which therefore is looked for without what follows in that script as well.
// Whether such a user is there is for the store to find out.
func mentioned(text string) []UserID {
	var users []UserID
	add := func(name string) {
		id := UserID(strings.TrimRight(name, "._-|:"))
		if id != "" && len(id) <= MaxUserID && len(users) < MaxMentions && !slices.Contains(users, id) {
			users = append(users, id)
		}
	}
	for offset := 0; len(users) < MaxMentions; {
		at := strings.IndexByte(text[offset:], '@')
		if at < 0 {
			break
		}
		at += offset
		offset = at + 1
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		if at > 0 && inID(before) && !lexeme.IsUnspaced(before) {
			continue
		}
		name := text[at+1:]
		if end := strings.IndexFunc(name, func(r rune) bool { return !inID(r) }); end >= 0 {
			name = name[:end]
		}
		add(name)
		if end := strings.IndexFunc(name, lexeme.IsUnspaced); end > 0 {
			add(name[:end])
		}
		offset += len(name)
	}
	return users
}

func inID(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-|:", r)
}
