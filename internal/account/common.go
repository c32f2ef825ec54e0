package account

import (
	_ "embed"
	"strings"
)

// commonPasswords are those that are tried first, one a line, in small letters and sorted by bytes. They have at least
// MinPasswordBytes. NOTICE says where they are from.
//
//go:embed common.txt
var commonPasswords string

// isCommon tells whether a password is, in any case, one that everybody uses.
func isCommon(password string) bool {
	wanted := Fold(strings.TrimSpace(password))
	for rest := commonPasswords; rest != ""; {
		begin := strings.LastIndexByte(rest[:len(rest)/2], '\n') + 1
		line, after, _ := strings.Cut(rest[begin:], "\n")
		switch {
		case wanted == line:
			return true
		case wanted < line:
			rest = rest[:begin]
		default:
			rest = after
		}
	}
	return false
}
