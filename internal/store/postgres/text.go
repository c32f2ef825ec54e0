package postgres

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sockeye-im/sockeye/internal/account"
)

// storable tells whether the database can hold a text: it refuses what is not UTF-8, and a NUL.
func storable(text string) bool {
	return strings.IndexByte(text, 0) < 0 && utf8.ValidString(text)
}

// askable makes the arguments of a question such that the database takes them: ids may come from clients as they are. An
// answer that is false says that a text is none that the database could have, so that there is nothing to be found. In a
// list such a text becomes an empty one, which is nobody's id.
func askable(args []any) bool {
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			if !storable(arg) {
				return false
			}
		case account.UserID:
			if !storable(string(arg)) {
				return false
			}
		case []string:
			args[i] = emptied(arg)
		case []account.UserID:
			args[i] = emptied(arg)
		}
	}
	return true
}

// emptied returns the list with empty texts in place of those that the database cannot hold.
func emptied[T ~string](list []T) []T {
	bad := func(text T) bool { return !storable(string(text)) }
	if !slices.ContainsFunc(list, bad) {
		return list
	}
	list = slices.Clone(list)
	for i, text := range list {
		if bad(text) {
			list[i] = ""
		}
	}
	return list
}
