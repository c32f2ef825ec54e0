package lexeme

import (
	"unicode"

	"golang.org/x/text/unicode/rangetable"
)

// dropped are the marks that readers do not tell words apart by: accents, the
// points of Hebrew, the vowels of Arabic and its stretching, and what is not to be
// seen. The vowel signs of other scripts are letters to their readers, and stay.
var dropped = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x00AD, Hi: 0x00AD, Stride: 1},
		{Lo: 0x0300, Hi: 0x036F, Stride: 1},
		{Lo: 0x0483, Hi: 0x0487, Stride: 1},
		{Lo: 0x0591, Hi: 0x05BD, Stride: 1},
		{Lo: 0x05BF, Hi: 0x05BF, Stride: 1},
		{Lo: 0x05C1, Hi: 0x05C2, Stride: 1},
		{Lo: 0x0640, Hi: 0x0640, Stride: 1},
		{Lo: 0x064B, Hi: 0x0652, Stride: 1},
		{Lo: 0x0670, Hi: 0x0670, Stride: 1},
		{Lo: 0x200B, Hi: 0x200F, Stride: 1},
		{Lo: 0xFE00, Hi: 0xFE0F, Stride: 1},
		{Lo: 0xFEFF, Hi: 0xFEFF, Stride: 1},
	},
	LatinOffset: 1,
}

// unspaced are the scripts that are cut into pairs, with the marks that repeat or
// stretch a character in Japanese.
var unspaced = rangetable.Merge(
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Yi,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
	rangetable.New('ー', '々', '〆'),
)

// IsUnspaced reports whether r is of a script that is cut into pairs. It asks the
// table only about what may be in it.
func IsUnspaced(r rune) bool {
	return r >= rune(unspaced.R16[0].Lo) && unicode.Is(unspaced, r)
}
