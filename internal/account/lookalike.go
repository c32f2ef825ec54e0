package account

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"
)

//go:embed confusables.txt
var confusables string

// prototypes are the ASCII texts that other characters look like.
var prototypes = sync.OnceValue(func() map[rune]string {
	table := make(map[rune]string)
	for line := range strings.Lines(confusables) {
		code, like, _ := strings.Cut(strings.TrimSpace(line), " ")
		if r, err := strconv.ParseInt(code, 16, 32); err == nil {
			table[rune(r)] = like
		}
	}
	return table
})

// skeleton is what texts have in common that look like the same ASCII (UTS #39 section 4).
func skeleton(text string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(text) {
		if like, ok := prototypes()[r]; ok {
			b.WriteString(like)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Skeletons are what a name looks like, as it is written and in small letters, each once: a name that shares one with
// another looks like it, to somebody who does not look at the case of letters.
func Skeletons(name string) []string {
	written, small := Fold(skeleton(name)), skeleton(Fold(name))
	if written == small {
		return []string{written}
	}
	return []string{written, small}
}

// reservedNames are those that people take for the server's own.
var reservedNames = []string{string(SystemUser), "admin", "administrator", "server", OwnIssuer}

// reserved tells whether a name is, or looks like, one of the server's own, whatever stands between its letters.
func reserved(name string) bool {
	looks := rough(name)
	return slices.ContainsFunc(reservedNames, func(own string) bool {
		return slices.ContainsFunc(rough(own), func(like string) bool { return slices.Contains(looks, like) })
	})
}

// rough are the skeletons of a name's letters, where an i is an l: a capital one looks like it.
func rough(name string) []string {
	letters := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" _.-+@", r) {
			return -1
		}
		return r
	}, name)
	looks := Skeletons(letters)
	for i := range looks {
		looks[i] = strings.ReplaceAll(looks[i], "i", "l")
	}
	return looks
}
