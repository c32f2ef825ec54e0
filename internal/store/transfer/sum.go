package transfer

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Sum is what a table holds, in short: two tables have the same one if they have the same rows, whatever their order.
// The hashes of rows are added up. Who can choose what rows hold could make two sums the same; chance cannot.
type Sum struct {
	Rows int64
	hash [4]uint64
}

// Add counts a row in.
func (s *Sum) Add(row []any) {
	s.Rows++
	digest := sha256.Sum256(canonical(nil, row))
	var carry uint64
	for i := range s.hash {
		s.hash[i], carry = bits.Add64(s.hash[i], binary.LittleEndian.Uint64(digest[8*i:]), carry)
	}
}

// canonical appends a row in bytes that no other row has.
func canonical(to []byte, row []any) []byte {
	sized := func(kind byte, text string) {
		to = append(to, kind)
		to = binary.AppendUvarint(to, uint64(len(text)))
		to = append(to, text...)
	}
	for _, value := range row {
		switch value := value.(type) {
		case nil:
			to = append(to, 'n')
		case string:
			sized('s', value)
		case []byte:
			sized('b', string(value))
		case int64:
			to = binary.AppendVarint(append(to, 'i'), value)
		case bool:
			to = append(to, 't')
			if value {
				to[len(to)-1] = 'T'
			}
		default:
			panic(fmt.Sprintf("a row has a %T", value))
		}
	}
	return to
}
