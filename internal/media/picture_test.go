package media_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/media"
)

const place = "52.5200N 13.4050E" // what must not leave

func canvas() *image.Paletted {
	m := image.NewPaletted(image.Rect(0, 0, 6, 4), palette.Plan9)
	m.Set(1, 1, color.White)
	return m
}

// picture is one of each format, as programs make them.
func picture(t testing.TB, format string) []byte {
	t.Helper()
	var to bytes.Buffer
	var err error
	switch format {
	case "jpeg":
		err = jpeg.Encode(&to, canvas(), nil)
	case "png":
		err = png.Encode(&to, canvas())
	case "gif":
		err = gif.EncodeAll(&to, &gif.GIF{Image: []*image.Paletted{canvas(), canvas()}, Delay: []int{1, 1}})
	case "webp":
		raw := "\x2f\x05\xc0\x00\x00\x88\x88\x08" // 6 by 4
		to.WriteString("RIFF\x1a\x00\x00\x00WEBPVP8L\x08\x00\x00\x00" + raw + "XTRA\x00\x00\x00\x00")
		binary.LittleEndian.PutUint32(to.Bytes()[4:], uint32(to.Len()-8))
	}
	if err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

func segment(mark byte, content string) string {
	return string([]byte{0xff, mark, byte((len(content) + 2) >> 8), byte(len(content) + 2)}) + content
}

func chunk(kind, content string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(content)))) + kind + content + "\x00\x00\x00\x00"
}

// exif has a picture turned, and says where it was made.
func exif(turned byte) string {
	return "Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00\x12\x01\x03\x00\x01\x00\x00\x00" + string([]byte{turned, 0, 0, 0}) +
		"\x25\x88\x04\x00\x01\x00\x00\x00\x26\x00\x00\x00\x00\x00\x00\x00" + place
}

// written is a picture of each format with all that is written into such.
func written(t testing.TB, format string) []byte {
	t.Helper()
	plain := string(picture(t, format))
	switch format {
	case "jpeg":
		return []byte(plain[:2] + segment(0xe1, exif(6)) + segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00"+place) + segment(0xed, "Photoshop 3.0\x00"+place) +
			segment(0xe2, "MPF\x00"+place) + segment(0xfe, place) + plain[2:] + "behind the end " + place)
	case "png":
		return []byte(plain[:33] + chunk("tEXt", "Location\x00"+place) + chunk("eXIf", place) + chunk("iTXt", place) + plain[33:] + place)
	case "gif":
		head := 13 + 3<<(plain[10]&7+1)
		if plain[10]&0x80 == 0 {
			head = 13
		}
		return []byte(plain[:head] + "\x21\xfe\x11" + place + "\x00" + "\x21\xff\x0bXMP DataXMP\x11" + place + "\x00" + plain[head:] + place)
	}
	body := "VP8X\x0a\x00\x00\x00\x0c\x00\x00\x00\x05\x00\x00\x03\x00\x00" + plain[12:] + "EXIF\x11\x00\x00\x00" + place + "\x00" + "XMP \x11\x00\x00\x00" + place + "\x00"
	return []byte("RIFF" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(body)+4))) + "WEBP" + body + place)
}

func inspect(t testing.TB, content []byte, format string) (*media.Picture, []byte) {
	t.Helper()
	p, err := media.Inspect(bytes.NewReader(content), int64(len(content)), "image/"+format)
	if err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	without, err := io.ReadAll(p.Without(bytes.NewReader(content)))
	if err != nil {
		t.Fatal(err)
	}
	return p, without
}

var formats = []string{"jpeg", "png", "gif", "webp"}

func TestPlain(t *testing.T) {
	for _, format := range formats {
		content := picture(t, format)
		p, without := inspect(t, content, format)
		if p.Width != 6 || p.Height != 4 || p.Format != format || !p.Clean() || !bytes.Equal(without, content) {
			t.Errorf("%s: %d by %d, clean: %v, the same: %v", format, p.Width, p.Height, p.Clean(), bytes.Equal(without, content))
		}
	}
}

// No byte of what was written about a picture leaves; the picture is the same.
func TestWithout(t *testing.T) {
	for _, format := range formats {
		content := written(t, format)
		if strings.Count(string(content), place) < 2 {
			t.Fatalf("%s has nothing written into it", format)
		}
		p, without := inspect(t, content, format)
		if p.Clean() || bytes.Contains(without, []byte(place)) || bytes.Contains(without, []byte("52.52")) {
			t.Errorf("%s keeps something: %q", format, without)
		}
		again, same := inspect(t, without, format)
		if !bytes.Equal(same, without) || again.Width != p.Width || again.Height != p.Height {
			t.Errorf("%s: cleaned again it is another one, %d by %d", format, again.Width, again.Height)
		}
		width, height := 6, 4
		if format == "jpeg" {
			width, height = 4, 6 // turned
			if m, err := jpeg.Decode(bytes.NewReader(without)); err != nil || m.Bounds().Dx() != 6 {
				t.Errorf("jpeg: %v", err)
			}
		}
		if p.Width != width || p.Height != height {
			t.Errorf("%s is %d by %d", format, p.Width, p.Height)
		}
		switch format {
		case "png":
			if m, err := png.Decode(bytes.NewReader(without)); err != nil || !bytes.Equal(m.(*image.Paletted).Pix, canvas().Pix) {
				t.Errorf("png: %v", err)
			}
		case "gif":
			if m, err := gif.DecodeAll(bytes.NewReader(without)); err != nil || len(m.Image) != 2 || m.LoopCount != 0 {
				t.Errorf("gif: %v", err)
			}
		}
	}
}

// What is cut off anywhere is told apart from what a program has made, or is shown as far as it goes; nothing of it leaves either.
func TestCutOff(t *testing.T) {
	for _, format := range formats {
		content := written(t, format)
		for n := range content {
			p, err := media.Inspect(bytes.NewReader(content[:n]), int64(n), "image/"+format)
			if err != nil {
				if !errors.Is(err, media.ErrMalformed) {
					t.Fatalf("%s of %d bytes: %v", format, n, err)
				}
				continue
			}
			without, err := io.ReadAll(p.Without(bytes.NewReader(content[:n])))
			if err != nil || bytes.Contains(without, []byte("52.52")) {
				t.Fatalf("%s of %d bytes: %v, %q", format, n, err, without)
			}
		}
	}
}

func TestHostile(t *testing.T) {
	for what, test := range map[string]struct{ format, content string }{
		"a GIF that promises 4 GiB":     {"gif", "GIF89a\xff\xff\xff\xff\x00\x00\x00\x2c"},
		"a PNG of nothing but its name": {"png", "\x89PNG\r\n\x1a\n"},
		"a JPEG without a length":       {"jpeg", "\xff\xd8\xff\xe0\x00\x00"},
		"a JPEG of fill bytes":          {"jpeg", "\xff\xd8" + strings.Repeat("\xff", 100_000)},
		"many chunks":                   {"png", string(picture(t, "png")[:33]) + strings.Repeat(chunk("tEXt", "")+chunk("abcd", ""), 20_000)},
	} {
		p, err := media.Inspect(strings.NewReader(test.content), int64(len(test.content)), "image/"+test.format)
		if err != nil && !errors.Is(err, media.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
		if err == nil && p.Width*p.Height < 1000 {
			t.Errorf("%s is taken for a picture of %d by %d", what, p.Width, p.Height)
		}
	}
}

func fuzz(f *testing.F, format string) {
	f.Add(picture(f, format))
	f.Add(written(f, format))
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := media.Inspect(bytes.NewReader(content), int64(len(content)), "image/"+format)
		if err != nil {
			if !errors.Is(err, media.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		without, err := io.ReadAll(p.Without(bytes.NewReader(content)))
		if err != nil || len(without) > len(content)+36 {
			t.Fatalf("%d bytes have become %d, %v", len(content), len(without), err)
		}
		if p.Clean() != bytes.Equal(without, content) && p.Clean() {
			t.Fatal("it says that nothing changes")
		}
	})
}

func FuzzJPEG(f *testing.F) { fuzz(f, "jpeg") }
func FuzzPNG(f *testing.F)  { fuzz(f, "png") }
func FuzzGIF(f *testing.F)  { fuzz(f, "gif") }
func FuzzWebP(f *testing.F) { fuzz(f, "webp") }
