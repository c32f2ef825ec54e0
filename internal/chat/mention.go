package chat

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxMentions is how many different users a message can mention; further ones are
// plain text.
const MaxMentions = 50

// mentioned returns the ids that a text names as @id, each once, in their order.
// An id ends at a space or at punctuation other than . _ - | : which it may hold,
// but not end with. An @ after a letter or digit, as in an address, names nobody.
// Whether such a user is there is for the store to find out.
func mentioned(text string) []UserID {
	var users []UserID
	for offset := 0; len(users) < MaxMentions; {
		at := strings.IndexByte(text[offset:], '@')
		if at < 0 {
			break
		}
		at += offset
		offset = at + 1
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		if at > 0 && inID(before) {
			continue
		}
		rest := text[at+1:]
		end := strings.IndexFunc(rest, func(r rune) bool { return !inID(r) })
		if end < 0 {
			end = len(rest)
		}
		id := UserID(strings.TrimRight(rest[:end], "._-|:"))
		if id != "" && len(id) <= MaxUserID && !slices.Contains(users, id) {
			users = append(users, id)
		}
		offset += end
	}
	return users
}

func inID(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-|:", r)
}
