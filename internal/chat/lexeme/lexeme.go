// Package lexeme cuts text into what a search index holds, in any language. The
// same words are made of a message and of a query, and by the program rather than
// by the database, so that every database finds the same.
//
// Words are folded: case, width, ligatures and the accents of Latin, Greek and
// Cyrillic, the vowel points of Hebrew and Arabic make no difference. Scripts
// that are written without spaces, and Korean, where endings stick to words, are
// cut into overlapping pairs of characters; the last character of such a run
// stands by itself too, so that every character begins some lexeme.
//
// All functions may be called concurrently.
package lexeme

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxWord is how many bytes of a word are looked at: what is longer is no word
// of any language, and an index need not hold it.
const maxWord = 128

// Fold makes texts comparable that differ in case, width or accents alone.
func Fold(text string) string {
	if ascii(text) {
		return strings.ToLower(text)
	}
	decomposed := norm.NFKD.String(text)
	bare := strings.Map(func(r rune) rune {
		if unicode.Is(dropped, r) {
			return -1
		}
		return r
	}, decomposed)
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(bare)))
}

// ascii tells whether a text has neither accents nor widths, as most have.
func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Of returns the lexemes of a text, separated by spaces.
func Of(text string) string {
	var out strings.Builder
	add := func(word string) {
		if out.Len() > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(word)
	}
	each(text, func(word string, paired bool) {
		if !paired {
			add(clip(word))
			return
		}
		for _, pair := range pairs(word) {
			add(pair)
		}
		last := []rune(word)
		if len(last) > 1 {
			add(string(last[len(last)-1]))
		}
	})
	return out.String()
}

// Term is a part of a query: a text matches if it has these lexemes one after
// the other. With Prefix there is one lexeme, which need only begin so.
type Term struct {
	Lexemes []string
	Prefix  bool
}

// Query returns the terms that a text must match, all of them. There are none if
// the query has neither letters nor digits. Nothing in it is an operator.
func Query(query string) []Term {
	var terms []Term
	each(query, func(word string, paired bool) {
		switch {
		case !paired:
			terms = append(terms, Term{Lexemes: []string{clip(word)}})
		default:
			found := pairs(word)
			terms = append(terms, Term{Lexemes: found, Prefix: len([]rune(word)) == 1})
		}
	})
	return terms
}

// each calls found for every run of letters, digits and their marks in the folded
// text that is of one kind: paired or not.
func each(text string, found func(word string, paired bool)) {
	folded := Fold(text)
	start, paired := -1, false
	for i, r := range folded {
		if start >= 0 && unicode.IsMark(r) {
			continue // belongs to what it stands upon
		}
		inWord := unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
		pair := inWord && IsUnspaced(r)
		if start >= 0 && (!inWord || pair != paired) {
			found(folded[start:i], paired)
			start = -1
		}
		if start < 0 && inWord {
			start, paired = i, pair
		}
	}
	if start >= 0 {
		found(folded[start:], paired)
	}
}

// pairs returns the overlapping pairs of a run, or its only character.
func pairs(run string) []string {
	characters := []rune(run)
	if len(characters) == 1 {
		return []string{run}
	}
	out := make([]string, 0, len(characters)-1)
	for i := range len(characters) - 1 {
		out = append(out, string(characters[i:i+2]))
	}
	return out
}

// clip cuts a word at a character's beginning.
func clip(word string) string {
	if len(word) <= maxWord {
		return word
	}
	end := maxWord
	for end > 0 && word[end]&0xC0 == 0x80 {
		end--
	}
	return word[:end]
}
