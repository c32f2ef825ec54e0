package postgres

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestPiecesAreShortEnough(t *testing.T) {
	texts := pieces(newSender(), 1<<63, [][]byte{bytes.Repeat([]byte{255}, 16<<20)})
	if len(texts) > mostPieces {
		t.Fatalf("there are %d pieces", len(texts))
	}
	for i, text := range texts {
		if len(text) > pieceSize {
			t.Fatalf("piece %d has %d bytes", i, len(text))
		}
	}
}

// A parcel of which a piece is missing is left out, and the next one is whole.
func TestPieceIsMissing(t *testing.T) {
	first := pieces("one", 1, [][]byte{make([]byte, 3*dataSize)})
	second := pieces("one", 2, [][]byte{[]byte("whole"), {}})
	if len(first) != 4 {
		t.Fatalf("%d pieces", len(first))
	}
	for missing := range first {
		var j joiner
		var heard [][]byte
		for _, text := range slices.Concat(slices.Delete(slices.Clone(first), missing, missing+1), second) {
			heard = append(heard, j.add(text)...)
		}
		if len(heard) != 2 || string(heard[0]) != "whole" || len(heard[1]) != 0 {
			t.Fatalf("without piece %d, this is heard: %q", missing, heard)
		}
	}
}

func FuzzJoiner(f *testing.F) {
	f.Add(strings.Join(pieces("s", 1, [][]byte{[]byte("a"), make([]byte, 2*dataSize)}), "\n"))
	f.Add("s.1.0/2.AAAA\ns.1.1/2.AAAA")
	f.Add("s.1.-1/0.\n...\ns.1.0/99999999999.x")
	f.Fuzz(func(t *testing.T, texts string) {
		var j joiner
		for text := range strings.SplitSeq(texts, "\n") {
			for _, payload := range j.add(text) {
				if len(payload) > len(texts) {
					t.Fatal("there is more in it than there was")
				}
			}
		}
		want := [][]byte{[]byte(texts), {}, []byte("x")}
		var got [][]byte
		for _, text := range pieces("t", 9, want) {
			got = append(got, j.add(text)...)
		}
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("%q became %q", want, got)
		}
	})
}
