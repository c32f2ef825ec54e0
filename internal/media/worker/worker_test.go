package worker_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/media/worker"
)

// The test's own program is the process that looks at files.
func TestMain(m *testing.M) {
	if worker.Called(os.Args) {
		os.Exit(worker.Main(os.Args))
	}
	if len(os.Args) > 1 && os.Args[1] == "confined" {
		os.Exit(tryAll())
	}
	goleak.VerifyTestMain(m)
}

// made is what was made of a file.
type made struct {
	worker.Made
	content map[string][]byte
}

func newPool(t testing.TB, options ...func(*worker.Config)) *worker.Pool {
	t.Helper()
	cfg := worker.DefaultConfig()
	var err error
	if cfg.Command, err = worker.Self(); err != nil {
		t.Fatal(err)
	}
	for _, option := range options {
		option(&cfg)
	}
	p, err := worker.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// process has a process look at a file.
func process(ctx context.Context, p *worker.Pool, kind string, content []byte) (made, error) {
	m := made{content: make(map[string][]byte)}
	var err error
	m.Made, err = p.Make(ctx, bytes.NewReader(content), kind, func(name, kind string, from io.Reader) error {
		all, err := io.ReadAll(from)
		if err == nil {
			m.content[name] = all
		}
		if kind != "image/jpeg" {
			err = errors.Join(err, fmt.Errorf("%s is %s", name, kind))
		}
		return err
	})
	return m, err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// photo is a picture with edges, areas and some noise. Its quarters are red, green, blue and grey, from left to right and down.
func photo(width, height int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	noise := uint32(1)
	for y := range height {
		for x := range width {
			noise = noise*1664525 + 1013904223
			v := uint8(noise >> 29)
			c := color.RGBA{40 + v, 40 + v, 40 + v, 255}
			switch {
			case y < height/2 && x < width/2:
				c.R = 220
			case y < height/2:
				c.G = 220
			case x < width/2:
				c.B = 220
			default:
				c = color.RGBA{180 + v, 180 + v, 180 + v, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

func asJPEG(t testing.TB, m image.Image, q int) []byte {
	t.Helper()
	var to bytes.Buffer
	must(t, jpeg.Encode(&to, m, &jpeg.Options{Quality: q}))
	return to.Bytes()
}

func asPNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var to bytes.Buffer
	must(t, (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&to, m))
	return to.Bytes()
}

// quarters are the colours in the middle of the four quarters of a JPEG: r, g, b, or x for grey.
func quarters(t testing.TB, content []byte) (size image.Point, colours string) {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(content))
	must(t, err)
	size = m.Bounds().Size()
	for _, at := range []image.Point{{size.X / 4, size.Y / 4}, {size.X * 3 / 4, size.Y / 4}, {size.X / 4, size.Y * 3 / 4}, {size.X * 3 / 4, size.Y * 3 / 4}} {
		r, g, b, _ := m.At(at.X, at.Y).RGBA()
		switch {
		case r > g*2 && r > b*2:
			colours += "r"
		case g > r*2 && g > b*2:
			colours += "g"
		case b > r*2 && b > g*2:
			colours += "b"
		default:
			colours += "x"
		}
	}
	return size, colours
}

// paletted is a picture of few colours, which fills a part of a canvas only.
func paletted(width, height int) []byte {
	m := image.NewPaletted(image.Rect(0, 0, width/2, height/2), color.Palette{color.RGBA{220, 0, 0, 255}, color.Black})
	var to bytes.Buffer
	err := gif.EncodeAll(&to, &gif.GIF{
		Image: []*image.Paletted{m, image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Black})}, Delay: []int{1, 1},
		Config: image.Config{Width: width, Height: height, ColorModel: m.Palette},
	})
	if err != nil {
		panic(err) // it can be encoded
	}
	return to.Bytes()
}

func translucent(width, height int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	draw.Draw(m, image.Rect(0, 0, width/2, height/2), image.NewUniform(color.NRGBA{220, 0, 0, 255}), image.Point{}, draw.Src)
	return m
}

func TestMade(t *testing.T) {
	p := newPool(t)
	deep := image.NewRGBA64(image.Rect(0, 0, 400, 300))
	draw.Draw(deep, deep.Bounds(), photo(400, 300), image.Point{}, draw.Src)
	grey := image.NewGray(image.Rect(0, 0, 400, 300))
	for _, test := range []struct {
		name, kind string
		content    []byte
		want       string
	}{
		{"a photo", "image/jpeg", asJPEG(t, photo(1600, 1200), 90), "1600x1200 preview 1280x960 rgbx thumbnail 200x200 rgbx"},
		{"a small photo", "image/jpeg", asJPEG(t, photo(400, 300), 90), "400x300 thumbnail 200x200 rgbx"},
		{"a tiny one", "image/jpeg", asJPEG(t, photo(60, 40), 90), "60x40 thumbnail 40x40 rgbx"},
		{"a pixel", "image/png", asPNG(t, image.NewGray(image.Rect(0, 0, 1, 1))), "1x1 thumbnail 1x1 xxxx"},
		{"a wide one", "image/png", asPNG(t, photo(1800, 600)), "1800x600 preview 1280x427 rgbx thumbnail 200x200 rgbx"},
		{"a very wide one", "image/png", asPNG(t, photo(20_000, 300)), "20000x300 compressed 20000x300 rgbx preview 1280x19 rgbx thumbnail 200x200 rgbx"},
		{"a line", "image/png", asPNG(t, image.NewGray(image.Rect(0, 0, 30_000, 1))), "30000x1 preview 1280x1 xxxx thumbnail 1x1 xxxx"},
		{"grey", "image/jpeg", asJPEG(t, grey, 90), "400x300 thumbnail 200x200 xxxx"},
		{"of 16 bits", "image/png", asPNG(t, deep), "400x300 thumbnail 200x200 rgbx"},
		{"in parts transparent", "image/png", asPNG(t, translucent(400, 400)), "400x400 thumbnail 200x200 rxxx"},
		{"moving", "image/gif", paletted(400, 400), "400x400 thumbnail 200x200 rxxx"},
	} {
		m, err := process(t.Context(), p, test.kind, test.content)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		got := fmt.Sprintf("%dx%d", m.Width, m.Height)
		for _, name := range []string{worker.Compressed, worker.Preview, worker.Thumbnail} {
			if content, made := m.content[name]; made {
				size, colours := quarters(t, content)
				got += fmt.Sprintf(" %s %dx%d %s", name, size.X, size.Y, colours)
			}
		}
		if got != test.want {
			t.Errorf("%s became %s, not %s", test.name, got, test.want)
		}
		if len(m.Blurhash) != 28 {
			t.Errorf("%s has the blurhash %q", test.name, m.Blurhash)
		}
	}
}

// A picture is turned as its camera says, eight ways.
func TestTurned(t *testing.T) {
	p := newPool(t)
	plain := asJPEG(t, photo(1400, 700), 90)
	for how, want := range []string{1: "rgbx", 2: "grxb", 3: "xbgr", 4: "bxrg", 5: "rbgx", 6: "brxg", 7: "xgbr", 8: "gxrb"} {
		if how == 0 {
			continue
		}
		exif := "Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00" + string([]byte{byte(how), 0, 0, 0}) + "52.5200N 13.4050E"
		content := slices.Concat(plain[:2], []byte{0xff, 0xe1, 0, byte(len(exif) + 2)}, []byte(exif), plain[2:])
		m, err := process(t.Context(), p, "image/jpeg", content)
		must(t, err)
		width, height := 1400, 700
		if how >= 5 {
			width, height = height, width
		}
		size, colours := quarters(t, m.content[worker.Preview])
		if m.Width != width || m.Height != height || size.X > size.Y != (width > height) || colours != want {
			t.Errorf("turned as %d it is %d by %d, its preview %v, %s", how, m.Width, m.Height, size, colours)
		}
		if _, colours := quarters(t, m.content[worker.Thumbnail]); colours != want {
			t.Errorf("turned as %d its thumbnail is %s", how, colours)
		}
		for name, content := range m.content {
			if bytes.Contains(content, []byte("Exif")) || bytes.Contains(content, []byte("52.52")) {
				t.Errorf("%s says where it was made", name)
			}
		}
	}
}

// A large picture is also there in fewer bytes; how it is turned stays with it.
func TestCompressed(t *testing.T) {
	p := newPool(t)
	plain := asJPEG(t, photo(2400, 1800), 100)
	content := slices.Concat(plain[:2], []byte("\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"), plain[2:])
	m, err := process(t.Context(), p, "image/jpeg", content)
	must(t, err)
	compressed, made := m.content[worker.Compressed]
	if !made {
		t.Fatalf("of %d bytes nothing was made", len(content))
	}
	size, colours := quarters(t, compressed)
	if len(compressed) > len(content)*4/5 || size != image.Pt(2400, 1800) || colours != "rgbx" {
		t.Errorf("of %d bytes %d were made, %v, %s", len(content), len(compressed), size, colours)
	}
	if again, err := process(t.Context(), p, "image/jpeg", compressed); err != nil || again.Width != 1800 || again.Height != 2400 {
		t.Errorf("it is %d by %d, %v", again.Width, again.Height, err)
	}
}

// chunk is one of PNG.
func chunk(kind string, content []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	out = append(append(out, kind...), content...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

// header is a PNG of a size, of which nothing follows.
func header(width, height uint32) []byte {
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	return append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(size, 8, 2, 0, 0, 0))...)
}

// promised is a PNG of 16 bits and four channels, of which only the beginning is there: its decoder takes memory for all.
func promised(t testing.TB, width, height uint32) []byte {
	t.Helper()
	var rows bytes.Buffer
	z := zlib.NewWriter(&rows)
	_, err := z.Write(make([]byte, 1000))
	must(t, errors.Join(err, z.Close()))
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	return slices.Concat([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(size, 16, 6, 0, 0, 0)), chunk("IDAT", rows.Bytes()), chunk("IEND", nil))
}

// Of what is no picture, or says that it is a huge one, nothing is made, and the process says so.
func TestRefused(t *testing.T) {
	p := newPool(t)
	plain := asJPEG(t, photo(400, 300), 90)
	frame := bytes.Index(plain, []byte{0xff, 0xc0})
	huge := slices.Clone(plain)
	copy(huge[frame+5:], "\xff\xff\xff\xff")
	two := slices.Concat(plain[:frame], huge[frame:frame+19], plain[frame:]) // the last frame is small
	for name, test := range map[string]struct {
		kind    string
		content []byte
	}{
		"nothing":                        {"image/png", nil},
		"a type that is not known":       {"image/tiff", []byte("II*\x00")},
		"words":                          {"image/jpeg", []byte("just words")},
		"another type":                   {"image/png", plain},
		"a PNG of 30,000 by 30,000":      {"image/png", slices.Concat(header(30_000, 30_000), chunk("IDAT", make([]byte, 110_000)), chunk("IEND", nil))},
		"a PNG that is cut off":          {"image/png", asPNG(t, photo(100, 100))[:500]},
		"a PNG of no width":              {"image/png", header(0, 10)},
		"a JPEG that is cut off":         {"image/jpeg", plain[:len(plain)/2]},
		"a JPEG of 65,535 by 65,535":     {"image/jpeg", huge},
		"a JPEG of two sizes":            {"image/jpeg", two},
		"a GIF that promises 4 GiB":      {"image/gif", []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00\x2c\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02\x4c\x01\x00\x3b")},
		"a GIF whose picture is larger":  {"image/gif", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00\x2c\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02\x4c\x01\x00\x3b")},
		"a GIF without a picture":        {"image/gif", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;")},
		"a WebP of 16,777,216 each way":  {"image/webp", []byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x10\x00\x00\x00\xff\xff\xff\xff\xff\xff")},
		"a WebP that is nothing but one": {"image/webp", []byte("RIFF\x16\x00\x00\x00WEBPVP8L\x0a\x00\x00\x00\x2f\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
	} {
		m, err := process(t.Context(), p, test.kind, test.content)
		if !errors.Is(err, worker.ErrRefused) || len(m.content) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A process that needs more memory or time than it may have dies, and whoever waits for it goes on.
func TestDies(t *testing.T) {
	large := promised(t, 5000, 4000) // 160 MB
	_, err := process(t.Context(), newPool(t, func(c *worker.Config) { c.Memory = 64 << 20 }), "image/png", large)
	if !errors.Is(err, worker.ErrDied) || errors.Is(err, worker.ErrRefused) {
		t.Errorf("of too little memory: %v", err)
	}
	for name, command := range map[string][]string{
		"by a signal":            {"/bin/sh", "-c", "kill -9 $$"},
		"without a word":         {"/bin/true"},
		"in the midst of a word": {"/bin/sh", "-c", `printf '\000\000\000\024{"name"'`},
		"with nonsense":          {"/bin/sh", "-c", `printf 'hello, this is nonsense'`},
		"with too long a word":   {"/bin/sh", "-c", `printf '\177\000\000\024{"name"'`},
		"with another thing":     {"/bin/sh", "-c", `printf '\000\000\000\017{"name":"../x"}'`},
	} {
		_, err := process(t.Context(), newPool(t, func(c *worker.Config) { c.Command = command }), "image/png", large)
		if !errors.Is(err, worker.ErrDied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = process(t.Context(), newPool(t, func(c *worker.Config) {
		c.Command, c.Timeout = []string{"/bin/sh", "-c", "exec sleep 600"}, time.Second
	}), "image/png", large)
	if !errors.Is(err, worker.ErrDied) {
		t.Errorf("of too little time: %v", err)
	}
	if _, err := process(t.Context(), newPool(t, func(c *worker.Config) { c.Command = []string{"/none"} }), "image/png", large); err == nil || errors.Is(err, worker.ErrDied) {
		t.Errorf("what does not start: %v", err)
	}
}

// The server goes away while a process works, or has no place for what was made: that is no fault of the file.
func TestNotTheFile(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	started := filepath.Join(t.TempDir(), "started")
	must(t, os.WriteFile(started, nil, 0o600))
	p := newPool(t, func(c *worker.Config) { c.Command = []string{"/bin/sh", "-c", "rm " + started + "; exec sleep 600"} })
	go func() {
		for {
			if _, err := os.Stat(started); err != nil {
				cancel()
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if _, err := process(ctx, p, "image/png", nil); !errors.Is(err, context.Canceled) || errors.Is(err, worker.ErrDied) {
		t.Errorf("cancelled: %v", err)
	}
	full := errors.New("the disk is full")
	_, err := newPool(t).Make(t.Context(), bytes.NewReader(asPNG(t, photo(400, 300))), "image/png", func(string, string, io.Reader) error { return full })
	if !errors.Is(err, full) || errors.Is(err, worker.ErrDied) || errors.Is(err, worker.ErrRefused) {
		t.Errorf("not kept: %v", err)
	}
}

// It has nothing of the server's environment.
func TestEnvironment(t *testing.T) {
	t.Setenv("SOCKEYE_JWT_SECRET", "secret")
	out := filepath.Join(t.TempDir(), "environment")
	p := newPool(t, func(c *worker.Config) { c.Command = []string{"/bin/sh", "-c", "env > " + out} })
	_, _ = process(t.Context(), p, "image/png", nil)
	env, err := os.ReadFile(out)
	must(t, err)
	if strings.Contains(string(env), "secret") || !strings.Contains(string(env), "GOMEMLIMIT") {
		t.Errorf("its environment is %s", env)
	}
}

// decode83 reads a part of a blurhash.
func decode83(s string) (n int) {
	for _, c := range s {
		n = n*83 + strings.IndexRune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~", c)
	}
	return n
}

// A blurhash, drawn, is about the picture.
func TestBlurhash(t *testing.T) {
	m, err := process(t.Context(), newPool(t), "image/png", asPNG(t, photo(400, 400)))
	must(t, err)
	hash := m.Blurhash
	if size := decode83(hash[:1]); size != 3+2*9 {
		t.Fatalf("it has %d waves", size)
	}
	largest := float64(decode83(hash[1:2])+1) / 166
	toLinear := func(v int) float64 { return math.Pow((float64(v)/255+0.055)/1.055, 2.4) }
	mean := decode83(hash[2:6])
	waves := [][3]float64{{toLinear(mean >> 16), toLinear(mean >> 8 & 255), toLinear(mean & 255)}}
	for i := 6; i < len(hash); i += 2 {
		v := decode83(hash[i : i+2])
		var wave [3]float64
		for c, q := range []int{v / 361, v / 19 % 19, v % 19} {
			s := float64(q-9) / 9
			wave[c] = math.Copysign(s*s, s) * largest
		}
		waves = append(waves, wave)
	}
	for want, at := range map[string][2]float64{"red": {.25, .25}, "green": {.75, .25}, "blue": {.25, .75}} {
		var c [3]float64
		for n, wave := range waves {
			basis := math.Cos(math.Pi*at[0]*float64(n%4)) * math.Cos(math.Pi*at[1]*float64(n/4))
			for i := range c {
				c[i] += wave[i] * basis
			}
		}
		most := map[string]int{"red": 0, "green": 1, "blue": 2}[want]
		for i := range c {
			if i != most && c[i] > c[most]/2 {
				t.Errorf("where it is %s it shows %v", want, c)
			}
		}
	}
}
