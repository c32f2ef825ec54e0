package worker

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// stream is what a process writes that has made something.
func stream(t testing.TB, things map[string][]byte) []byte {
	t.Helper()
	var to bytes.Buffer
	w := recordWriter{&to}
	for name, content := range things {
		if err := w.made(name, func(to io.Writer) error { _, err := to.Write(content); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.head(head{Done: &Made{Width: 3, Height: 4, Blurhash: "00"}}); err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

// Whatever the length of what was made, and wherever it breaks off.
func TestStream(t *testing.T) {
	for _, size := range []int{0, 1, maxPiece - 1, maxPiece, maxPiece + 1, 3 * maxPiece} {
		sent := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		whole := stream(t, map[string][]byte{Thumbnail: sent})
		var got []byte
		m, err := readRecords(bytes.NewReader(whole), func(_, _ string, content io.Reader) (err error) { got, err = io.ReadAll(content); return err })
		if err != nil || m.Width != 3 || m.Height != 4 || !bytes.Equal(got, sent) {
			t.Errorf("of %d bytes %d have come, %v", size, len(got), err)
		}
	}
	whole := stream(t, map[string][]byte{Preview: []byte("some bytes")})
	for n := range whole {
		_, err := readRecords(bytes.NewReader(whole[:n]), func(_, _ string, content io.Reader) error { _, err := io.ReadAll(content); return err })
		if !errors.Is(err, errStream) {
			t.Fatalf("cut off at %d: %v", n, err)
		}
	}
}

// FuzzRecords: what a process writes that somebody has taken over leads to no more than what it may make, or to an error.
func FuzzRecords(f *testing.F) {
	f.Add(stream(f, map[string][]byte{Thumbnail: []byte("abc"), Preview: nil}))
	f.Add([]byte("\x00\x00\x00\x10{\"refused\":\"x\"}"))
	f.Fuzz(func(t *testing.T, written []byte) {
		kept := map[string]int{}
		_, err := readRecords(bytes.NewReader(written), func(name, kind string, content io.Reader) error {
			all, err := io.ReadAll(content)
			if kept[name]++; kept[name] > 1 || len(all) > len(written) || kind != typeJPEG {
				t.Errorf("%s was kept %d times, %d bytes", name, kept[name], len(all))
			}
			return err
		})
		if err != nil && !errors.Is(err, errStream) && !errors.Is(err, ErrRefused) {
			t.Error(err)
		}
		if len(kept) > 3 {
			t.Errorf("kept %v", kept)
		}
	})
}
