// Package media knows the structure of pictures: how large they are, and where what cameras and programs have written about them stands.
// It decodes nothing: it reads headers and passes over the rest, in little memory whatever the file says of itself.
//
//	picture.go Inspect: what a picture is, and what of it stays
//	jpeg.go, png.go, gif.go, webp.go
package media

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrMalformed is for a picture that is not made as its format says.
var ErrMalformed = errors.New("the picture is not well formed")

// Picture is what is known of one.
type Picture struct {
	// Width and Height are in pixels, as it is shown: turned, where the file says so.
	Width, Height int
	Format        string // jpeg, png, gif, webp
	// Turned is how its pixels are to be turned to be shown so, as Exif says it: 2 to 8, less if they are not.
	Turned int
	spans  []span // what of it stays
	size   int64  // of the file
}

// span is a part of the file that stays, or something in the place of one.
type span struct {
	from, to int64
	instead  []byte // rather than what stands there
}

// most spans there are: a file of nothing but small blocks is none that a program has made.
const maxSpans = 10_000

// IsPicture tells whether Inspect knows a type.
func IsPicture(kind string) bool {
	switch kind {
	case "image/jpeg", "image/png", "image/gif", "image/webp":
		return true
	}
	return false
}

// Inspect reads a picture of a type that IsPicture knows. Other errors than an ErrMalformed are those of from.
func Inspect(from io.ReaderAt, size int64, kind string) (*Picture, error) {
	p := &Picture{size: size}
	f := &file{from: from, size: size}
	var err error
	switch kind {
	case "image/jpeg":
		p.Format, err = "jpeg", p.jpeg(f)
	case "image/png":
		p.Format, err = "png", p.png(f)
	case "image/gif":
		p.Format, err = "gif", p.gif(f)
	case "image/webp":
		p.Format, err = "webp", p.webp(f)
	default:
		return nil, fmt.Errorf("media: %s is no picture", kind)
	}
	if err == nil {
		err = f.err
	}
	if err == nil && (p.Width < 1 || p.Height < 1) {
		err = fmt.Errorf("%w: it has no size", ErrMalformed)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Clean tells whether nothing is to be removed.
func (p *Picture) Clean() bool {
	return len(p.spans) == 1 && p.spans[0].instead == nil && p.spans[0].from == 0 && p.spans[0].to == p.size
}

// Without returns the picture without what was written about it: where and when it was made, and by what. How it is to be turned, its
// colours and its animation stay.
func (p *Picture) Without(from io.ReaderAt) io.Reader {
	readers := make([]io.Reader, len(p.spans))
	for i, s := range p.spans {
		if s.instead != nil {
			readers[i] = bytes.NewReader(s.instead)
		} else {
			readers[i] = io.NewSectionReader(from, s.from, s.to-s.from)
		}
	}
	return io.MultiReader(readers...)
}

// keep has a part of the file stay.
func (p *Picture) keep(from, to int64) error {
	if last := len(p.spans) - 1; last >= 0 && p.spans[last].instead == nil && p.spans[last].to == from {
		p.spans[last].to = to
		return nil
	}
	return p.add(span{from: from, to: to})
}

// put has something stand there that is not in the file.
func (p *Picture) put(instead []byte) error { return p.add(span{instead: instead}) }

func (p *Picture) add(s span) error {
	if len(p.spans) == maxSpans {
		return fmt.Errorf("%w: it has too many parts", ErrMalformed)
	}
	p.spans = append(p.spans, s)
	return nil
}

// file reads a file at any place, a window of it at a time.
type file struct {
	from   io.ReaderAt
	size   int64
	window [4096]byte
	at     int64 // of the window
	n      int
	err    error // of the file, not for its end
}

// bytes returns n bytes from a place on, which are good until the next call; nothing if they are not there.
func (f *file) bytes(at int64, n int) []byte {
	if at < 0 || n > len(f.window) || at > f.size-int64(n) {
		return nil
	}
	if at < f.at || at+int64(n) > f.at+int64(f.n) {
		f.at, f.n = at, 0
		read, err := f.from.ReadAt(f.window[:min(int64(len(f.window)), f.size-at)], at)
		if f.n = read; read < n {
			if err != nil && !errors.Is(err, io.EOF) {
				f.err = err
			}
			return nil
		}
	}
	return f.window[at-f.at:][:n:n]
}

// rest returns what of the window there is from a place on, at least one byte; nothing at the end.
func (f *file) rest(at int64) []byte {
	if f.bytes(at, 1) == nil {
		return nil
	}
	return f.window[at-f.at : f.n]
}
