package worker

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"

	"github.com/sockeye-im/sockeye/internal/media"
)

// decoder is that of a type: what its header says, and the picture; of several the first one.
type decoder struct {
	header  func(io.Reader) (image.Config, error)
	picture func(io.Reader) (image.Image, error)
}

var decoders = map[string]decoder{
	"image/jpeg": {jpeg.DecodeConfig, jpeg.Decode},
	"image/png":  {png.DecodeConfig, png.Decode},
	"image/gif":  {gif.DecodeConfig, gif.Decode},
	"image/webp": {webp.DecodeConfig, webp.Decode},
}

// decoded is a picture with what its file says of it.
type decoded struct {
	image.Image
	is *media.Picture
}

// decode reads a picture that is within bounds. What it says of itself is read twice before anything is decoded: as package media does
// for all that is uploaded, and as the decoder does, which allocates by what it has read.
func decode(t Task, from io.ReaderAt, size int64) (decoded, error) {
	d, known := decoders[t.Type]
	if !known {
		return decoded{}, refused{fmt.Errorf("there is no decoder for %s", t.Type)}
	}
	is, err := media.Inspect(from, size, t.Type)
	if errors.Is(err, media.ErrMalformed) {
		return decoded{}, refused{err}
	}
	if err != nil {
		return decoded{}, fmt.Errorf("read the file: %w", err)
	}
	if err := within(is.Width, is.Height, t.MaxPixels); err != nil {
		return decoded{}, err
	}
	whole := func() io.Reader { return bufio.NewReaderSize(io.NewSectionReader(from, 0, size), 64<<10) }
	c, err := d.header(whole())
	if err != nil {
		return decoded{}, refused{err}
	}
	if err := within(c.Width, c.Height, t.MaxPixels); err != nil {
		return decoded{}, err
	}
	m, err := d.picture(whole())
	if err != nil {
		return decoded{}, refused{err}
	}
	m = onCanvas(m, c)
	b := m.Bounds()
	if err := within(b.Dx(), b.Dy(), t.MaxPixels); err != nil {
		return decoded{}, err
	}
	return decoded{m, is}, nil
}

// within refuses a picture that is too large, or has nothing in it.
func within(width, height, most int) error {
	if width < 1 || height < 1 || height > most/width {
		return refused{fmt.Errorf("%d by %d pixels are too many, or too few", width, height)}
	}
	return nil
}

// onCanvas is a picture at its place on what is shown, of which the first picture of a GIF may be a part.
func onCanvas(m image.Image, c image.Config) image.Image {
	shown := image.Rect(0, 0, c.Width, c.Height)
	if p, is := m.(*image.Paletted); is && m.Bounds() != shown {
		return &placed{p, shown}
	}
	return m
}

// placed is a picture on a canvas that is transparent where it is not.
type placed struct {
	*image.Paletted
	canvas image.Rectangle
}

func (p *placed) Bounds() image.Rectangle { return p.canvas }
