package worker

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"os"

	"github.com/sockeye-im/sockeye/internal/media"
)

// picture makes what can be made of a picture. The small ones come first, so that they are there whatever becomes of the rest. None has
// anything that was written about it but how the largest one is turned; the others are turned.
func picture(t Task, from *os.File, size int64, w recordWriter) (Made, error) {
	m, err := decode(t, from, size)
	if err != nil {
		return Made{}, err
	}
	width, height := m.Bounds().Dx(), m.Bounds().Dy()
	inside := func(side int) *image.YCbCr { // so that the larger side is at most that
		return turned(reduce(m.Image, scaled(width, side, max(width, height)), scaled(height, side, max(width, height))), m.is.Turned)
	}
	shown := inside(previewSide)
	forThumbnail := shown
	if side := min(shown.Rect.Dx(), shown.Rect.Dy()); side < thumbnailSide && side < min(width, height) { // it is very long
		forThumbnail = inside(scaled(max(width, height), thumbnailSide, min(width, height)))
	}
	if err := w.made(Thumbnail, encoded(thumbnail(forThumbnail), smallQuality)); err != nil {
		return Made{}, err
	}
	if width > previewSide || height > previewSide || size > previewFrom {
		if err := w.made(Preview, encoded(shown, quality)); err != nil {
			return Made{}, err
		}
	}
	if size > compressFrom && m.is.Format != "gif" { // one that moves would stand still
		if err := compress(m, size, w); err != nil {
			return Made{}, err
		}
	}
	return Made{Width: m.is.Width, Height: m.is.Height, Blurhash: blurhash(shown)}, nil
}

// scaled is a length of a picture of which another one, of, becomes to, unless that has less.
func scaled(length, to, of int) int {
	if of <= to {
		return length
	}
	return max(1, (length*to+of/2)/of)
}

// thumbnail is the middle of a picture.
func thumbnail(m *image.YCbCr) *image.YCbCr {
	m = middle(m)
	if m.Rect.Dx() <= thumbnailSide {
		return m
	}
	return reduce(m, thumbnailSide, thumbnailSide)
}

// encoded writes a picture as JPEG.
func encoded(m image.Image, quality int) func(io.Writer) error {
	return func(to io.Writer) error { return jpeg.Encode(to, m, &jpeg.Options{Quality: quality}) }
}

// maxJPEG is how many pixels a side of a JPEG has at most.
const maxJPEG = 1<<16 - 1

// compress makes the picture again, of fewer bytes, if these are less by a fifth.
func compress(m decoded, size int64, w recordWriter) error {
	if max(m.Bounds().Dx(), m.Bounds().Dy()) > maxJPEG {
		return nil
	}
	full := m.Image
	switch full.(type) {
	case *image.YCbCr, *image.Gray:
	default:
		full = reduce(full, full.Bounds().Dx(), full.Bounds().Dy())
	}
	to := &bounded{most: size / 5 * 4}
	if err := encoded(full, quality)(to); errors.Is(err, errBound) {
		return nil
	} else if err != nil {
		return err
	}
	content := to.b.Bytes()
	return w.made(Compressed, func(to io.Writer) error {
		// Behind the first marker, see [media.TurnedSegment].
		for _, part := range [][]byte{content[:2], media.TurnedSegment(m.is.Turned), content[2:]} {
			if _, err := to.Write(part); err != nil {
				return err
			}
		}
		return nil
	})
}

// errBound is that of a bounded.
var errBound = errors.New("it has become too long")

// bounded keeps so many bytes at most.
type bounded struct {
	b    bytes.Buffer
	most int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if int64(b.b.Len()+len(p)) > b.most {
		return 0, errBound
	}
	return b.b.Write(p)
}
