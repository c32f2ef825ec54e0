package upload_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/refusal"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
	"github.com/sockeye-im/sockeye/internal/upload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a service on a database and a folder.
type world struct {
	*testing.T
	dir   string
	cfg   upload.Config
	chats *sqlite.Store
	*upload.Service
	now time.Time
}

func begin(t *testing.T, options ...func(*upload.Config)) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), cfg: upload.DefaultConfig(), now: time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)}
	w.cfg.PartSize = 1000
	for _, option := range options {
		option(&w.cfg)
	}
	w.open(0)
	return w
}

// open opens all of it, or opens it again as after a death.
func (w *world) open(reserve uint64) {
	w.Helper()
	chats, err := sqlite.Open(w.Context(), sqlite.DefaultConfig(filepath.Join(w.dir, "data")), func([]chat.Event) {})
	if err != nil {
		w.Fatal(err)
	}
	w.chats = chats
	w.Cleanup(func() { _ = chats.Close() })
	blobs := upload.NewDisk(filepath.Join(w.dir, "files"), reserve)
	if w.Service, err = upload.New(w.cfg, upload.Deps{
		Store: w.chats.Files(), Blobs: blobs, Now: func() time.Time { return w.now }, NewID: chat.NewID, Log: slog.New(slog.DiscardHandler),
	}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) refused(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Fatalf("got error %v, want %v", err, want)
	}
}

// png is a picture of so many bytes that is made as it should be, though nobody could decode it.
func png(size int) []byte {
	head := "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x00\x06\x00\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00"
	rest := size - len(head) - 24
	content := binary.BigEndian.AppendUint32([]byte(head), uint32(rest))
	content = append(append(content, "IDAT"...), bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:rest+4]...)
	return append(content, "\x00\x00\x00\x00IEND\x00\x00\x00\x00"...)
}

func (w *world) create(length int) upload.Record {
	w.Helper()
	r, err := w.Create(w.Context(), upload.NewUpload{Owner: "anna", Length: int64(length), Name: "a.png"})
	w.must(err)
	return r
}

// piece sends some of a content from an offset on.
func (w *world) piece(id string, offset int, body io.Reader) (upload.Record, error) {
	return w.Append(w.Context(), "anna", id, upload.Piece{Offset: int64(offset), Body: body, Length: -1})
}

// read returns the bytes of a file.
func (w *world) read(id string) []byte {
	w.Helper()
	c, err := w.Open(w.Context(), "anna", id, upload.Original)
	w.must(err)
	defer func() { _ = c.Close() }()
	content, err := io.ReadAll(c)
	w.must(err)
	return content
}

// blobs are the names in the folder of a record.
func (w *world) blobs(id string) []string {
	w.Helper()
	entries, err := os.ReadDir(filepath.Join(w.dir, "files", id[len(id)-2:], id))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// work does the jobs about files that there are.
func (w *world) work() {
	w.Helper()
	jobs, err := w.chats.Jobs().Claim(w.Context(), job.Claim{Kind: upload.JobKind, Most: 100, Now: w.now.Add(time.Hour), Lease: chat.NewID(), Last: time.Minute})
	w.must(err)
	for i := range jobs {
		_, err := w.Handle(w.Context(), &jobs[i])
		w.must(err)
	}
}

func TestPieces(t *testing.T) {
	w := begin(t)
	content := png(5500)
	r := w.create(len(content))
	for _, step := range []struct{ from, to int }{{0, 1}, {1, 40}, {40, 41}, {41, 2400}, {2400, 2401}, {2401, 5000}, {5000, 5500}} {
		var err error
		r, err = w.piece(r.ID, step.from, bytes.NewReader(content[step.from:step.to]))
		w.must(err)
		if r.Offset != int64(step.to) {
			t.Fatalf("behind %d it is at %d", step.to, r.Offset)
		}
		w.open(0) // it died
	}
	if r.State != upload.Ready || r.Type != "image/png" || !bytes.Equal(w.read(r.ID), content) {
		t.Errorf("it became %+v", r)
	}
	if names := w.blobs(r.ID); len(names) != 1 {
		t.Errorf("beside its bytes there are %v", names)
	}
	again, err := w.piece(r.ID, 5500, strings.NewReader(""))
	w.must(err)
	if again.State != upload.Ready {
		t.Errorf("an empty piece behind the end makes %+v of it", again)
	}
}

// One byte at a time: parts are put together, so that there are never many.
func TestSmallPieces(t *testing.T) {
	w := begin(t, func(c *upload.Config) { c.PartSize = 160 })
	content := png(200)
	r := w.create(len(content))
	most := 0
	for i := range content {
		var err error
		r, err = w.piece(r.ID, i, bytes.NewReader(content[i:i+1]))
		w.must(err)
		most = max(most, len(r.Parts), len(w.blobs(r.ID)))
	}
	if most > 200/10+2 || !bytes.Equal(w.read(r.ID), content) {
		t.Errorf("there were %d parts", most)
	}
}

// faulty breaks off behind its content.
type faulty struct{ io.Reader }

func (f faulty) Read(b []byte) (int, error) {
	n, err := f.Reader.Read(b)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestBrokenOff(t *testing.T) {
	w := begin(t)
	content := png(3000)
	r := w.create(len(content))
	_, err := w.piece(r.ID, 0, faulty{bytes.NewReader(content[:2500])})
	w.refused(err, upload.ErrBroken)
	r, err = w.Settled(w.Context(), "anna", r.ID)
	w.must(err)
	if r.Offset != 2500 {
		t.Fatalf("of 2500 bytes %d have stayed", r.Offset)
	}
	r, err = w.piece(r.ID, 2500, bytes.NewReader(content[2500:]))
	w.must(err)
	if !bytes.Equal(w.read(r.ID), content) {
		t.Error("it has other bytes")
	}
}

func TestRefusedPieces(t *testing.T) {
	w := begin(t)
	content := png(3000)
	r := w.create(len(content))
	_, err := w.piece(r.ID, 1, strings.NewReader("x"))
	w.refused(err, upload.ErrOffset)
	_, err = w.Append(w.Context(), "bert", r.ID, upload.Piece{Body: strings.NewReader("x"), Length: 1})
	w.refused(err, upload.ErrUploadNotFound)
	_, err = w.piece("file_none", 0, strings.NewReader("x"))
	w.refused(err, upload.ErrUploadNotFound)
	_, err = w.Append(w.Context(), "anna", r.ID, upload.Piece{Body: bytes.NewReader(append(png(3000), 0)), Length: 3001})
	w.refused(err, refusal.Beyond("", 0, ""))
	_, err = w.piece(r.ID, 0, bytes.NewReader(append(png(3000), 0))) // nobody said how much would come
	w.refused(err, refusal.Beyond("", 0, ""))
	sum := sha256.Sum256([]byte("another"))
	wrong, err := upload.NewChecksum("sha256", sum[:])
	w.must(err)
	before, err := w.Settled(w.Context(), "anna", r.ID)
	w.must(err)
	_, err = w.Append(w.Context(), "anna", r.ID, upload.Piece{Offset: before.Offset, Body: bytes.NewReader(content[before.Offset:]), Length: -1, Checksum: wrong})
	w.refused(err, upload.ErrChecksum)
	after, err := w.Settled(w.Context(), "anna", r.ID)
	w.must(err)
	if after.Offset != before.Offset || after.State != upload.Uploading {
		t.Errorf("a piece with a wrong checksum has moved it from %d to %d", before.Offset, after.Offset)
	}
	sum = sha256.Sum256(content[before.Offset:])
	right, err := upload.NewChecksum("sha256", sum[:])
	w.must(err)
	r, err = w.Append(w.Context(), "anna", r.ID, upload.Piece{Offset: before.Offset, Body: bytes.NewReader(content[before.Offset:]), Length: -1, Checksum: right})
	w.must(err)
	if !bytes.Equal(w.read(r.ID), content) {
		t.Error("it has other bytes")
	}
	for _, bad := range []struct{ algorithm, sum string }{{"md5", "0123456789abcdef"}, {"sha1", "short"}} {
		if _, err := upload.NewChecksum(bad.algorithm, []byte(bad.sum)); refusal.Of(err) == nil {
			t.Errorf("%s of %d bytes: %v", bad.algorithm, len(bad.sum), err)
		}
	}
}

func TestRefusedUploads(t *testing.T) {
	w := begin(t, func(c *upload.Config) { c.MaxSize, c.Quota = 2000, 3000 })
	for _, test := range []struct {
		length int64
		name   string
		want   error
	}{
		{-1, "a", refusal.Missing("")}, {0, "a", refusal.Invalid("", "")}, {2001, "a", &refusal.Error{Code: upload.CodeTooLarge}},
		{1, strings.Repeat("图", 256), refusal.TooMuch("", 0, "")}, {1, "a\xff", refusal.Invalid("", "")},
	} {
		_, err := w.Create(t.Context(), upload.NewUpload{Owner: "anna", Length: test.length, Name: test.name})
		w.refused(err, test.want)
	}
	w.create(2000)
	_, err := w.Create(t.Context(), upload.NewUpload{Owner: "anna", Length: 1001})
	w.refused(err, upload.ErrQuota)
	w.create(1000)
}

func TestNames(t *testing.T) {
	for given, want := range map[string]string{
		"a.png": "a.png", "../../etc/passwd": "passwd", `C:\temp\a b.txt`: "a b.txt", "a\x00b\x1f.txt": "ab.txt", "photo\u202egnp.exe": "photognp.exe",
		"": "file", "..": "file", " \t": "file", "图 片.png": "图 片.png", "dir/": "file", strings.Repeat("图", 255): strings.Repeat("图", 255),
	} {
		if got, err := upload.NameOf("filename", given); err != nil || got != want {
			t.Errorf("%q is called %q, %v; want %q", given, got, err, want)
		}
	}
}

// What a file is its bytes say, not its name.
func TestTypes(t *testing.T) {
	w := begin(t)
	for name, content := range map[string]string{
		"page.png": "<!DOCTYPE html><html><script>alert(1)</script></html>", "drawing.png": `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"></svg>`,
		"list.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:10\nhttp://127.0.0.1/\n", "program.jpg": "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 60),
		"archive.pdf": "PK\x03\x04" + strings.Repeat("\x00", 60), "code.txt": "#!/bin/sh\necho", "bitmap.png": "BM" + strings.Repeat("\x00", 60),
	} {
		r, err := w.Create(t.Context(), upload.NewUpload{Owner: "anna", Length: int64(len(content)), Name: name})
		w.must(err)
		_, err = w.piece(r.ID, 0, strings.NewReader(content))
		if said := refusal.Of(err); said == nil || said.Code != upload.CodeType {
			t.Errorf("%s: %v", name, err)
		}
		_, err = w.Settled(t.Context(), "anna", r.ID)
		w.refused(err, upload.ErrUploadNotFound)
		_, err = w.Receive(t.Context(), "anna", name, -1, strings.NewReader(content))
		if said := refusal.Of(err); said == nil || said.Code != upload.CodeType {
			t.Errorf("%s in a form: %v", name, err)
		}
		w.work()
		if names := w.blobs(r.ID); len(names) > 0 {
			t.Errorf("%s: %v are left", name, names)
		}
	}
	for name, want := range map[string]struct{ content, kind string }{
		"a.exe": {"just words", "text/plain"}, "commas": {"Dear Ann,\nthanks, and\n", "text/plain"}, "b": {"%PDF-1.7\n", "application/pdf"}, "c": {"GIF89a\x01\x00\x01\x00\x00\x00\x00;", "image/gif"},
		"d": {"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x01\x01\x11\x00\xff\xd9", "image/jpeg"}, "e": {"RIFF\x16\x00\x00\x00WEBPVP8L\x0a\x00\x00\x00\x2f\x00\x00\x00\x00\x00\x00\x00\x00\x00", "image/webp"},
		"f": {"ID3\x04\x00\x00\x00\x00\x00\x0aTIT2\x00\x00\x00\x00\x00\x00", "audio/mpeg"}, "g": {"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"},
	} {
		r, err := w.Receive(t.Context(), "anna", name, -1, strings.NewReader(want.content))
		w.must(err)
		if r.Type != want.kind || r.Size != int64(len(want.content)) || string(w.read(r.ID)) != want.content {
			t.Errorf("%s is %s", name, r.Type)
		}
	}
}

// Nobody reads where a picture was made. How large it is, is known; one that is too large, or that is none, is refused.
func TestPictures(t *testing.T) {
	w := begin(t)
	const place = "52.5200N 13.4050E"
	plain := png(300)
	content := slices.Concat(plain[:33], []byte("\x00\x00\x00\x11eXIf"+place+"\x00\x00\x00\x00"), plain[33:], []byte(place))
	whole := func() upload.Record {
		t.Helper()
		r, err := w.Receive(t.Context(), "anna", "a.png", -1, bytes.NewReader(content))
		w.must(err)
		return r
	}
	inPieces := func() upload.Record {
		t.Helper()
		r := w.create(len(content))
		_, err := w.piece(r.ID, 0, faulty{bytes.NewReader(content[:200])})
		w.refused(err, upload.ErrBroken)
		r, err = w.piece(r.ID, 200, bytes.NewReader(content[200:]))
		w.must(err)
		return r
	}
	for _, r := range []upload.Record{whole(), inPieces()} {
		if r.Size != 300 || r.Length != int64(len(content)) || r.Details != (chat.FileDetails{Width: 6, Height: 4, Format: "png"}) {
			t.Errorf("it became %+v", r)
		}
		if !bytes.Equal(w.read(r.ID), plain) {
			t.Error("it has other bytes")
		}
		if names := w.blobs(r.ID); len(names) != 1 {
			t.Errorf("beside its bytes there are %v", names)
		}
	}
	large := png(300)
	copy(large[16:], "\x00\x00\x75\x30\x00\x00\x75\x30") // 30,000 by 30,000
	for _, bad := range [][]byte{large, []byte("\x89PNG\r\n\x1a\n and nothing"), []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00\x2c")} {
		_, err := w.Receive(t.Context(), "anna", "a.png", -1, bytes.NewReader(bad))
		if said := refusal.Of(err); said == nil || said.Field != "file" {
			t.Errorf("%q: %v", bad[:10], err)
		}
	}
	w.cfg.KeepMetadata = true
	w.open(0)
	if r := whole(); !bytes.Equal(w.read(r.ID), content) {
		t.Error("something is removed though it is to be kept")
	}
}

// A long file of a type that is not allowed is refused as soon as that is known.
func TestTypeIsKnownEarly(t *testing.T) {
	w := begin(t, func(c *upload.Config) { c.PartSize = 4000 })
	r := w.create(1 << 20)
	content := append([]byte("<!DOCTYPE html><html>"), bytes.Repeat([]byte("x"), 8000)...)
	_, err := w.piece(r.ID, 0, faulty{bytes.NewReader(content)})
	if said := refusal.Of(err); said == nil || said.Code != upload.CodeType {
		t.Errorf("got %v", err)
	}
}

func TestForms(t *testing.T) {
	w := begin(t, func(c *upload.Config) { c.MaxSize = 2000 })
	r, err := w.Receive(t.Context(), "anna", "a.png", 2000, bytes.NewReader(png(2000)))
	w.must(err)
	if !bytes.Equal(w.read(r.ID), png(2000)) {
		t.Error("it has other bytes")
	}
	for _, test := range []struct {
		body io.Reader
		want error
	}{
		{strings.NewReader(""), refusal.Invalid("", "")}, {bytes.NewReader(png(2001)), &refusal.Error{Code: upload.CodeTooLarge}},
		{faulty{bytes.NewReader(png(100))}, upload.ErrBroken},
	} {
		_, err := w.Receive(t.Context(), "anna", "a.png", -1, test.body)
		w.refused(err, test.want)
	}
	kept, err := w.chats.Files().Kept(t.Context(), "", 10)
	w.must(err)
	if len(kept) != 1 {
		t.Errorf("there are %d records", len(kept))
	}
}

func TestJoin(t *testing.T) {
	w := begin(t)
	content := png(3000)
	var ids []string
	for _, step := range []struct{ from, to int }{{0, 1000}, {1000, 2900}, {2900, 3000}} {
		r, err := w.Create(t.Context(), upload.NewUpload{Owner: "anna", Length: int64(step.to - step.from), Partial: true})
		w.must(err)
		_, err = w.Join(t.Context(), upload.NewUpload{Owner: "anna"}, "final;x", []string{r.ID})
		w.refused(err, refusal.Invalid("", "")) // it is not whole
		r, err = w.piece(r.ID, 0, bytes.NewReader(content[step.from:step.to]))
		w.must(err)
		if r.State != upload.Uploading {
			t.Errorf("a part has become %s", r.State)
		}
		ids = append(ids, r.ID)
	}
	for _, bad := range [][]string{{"file_none"}, {ids[0], ids[0]}, slices.Repeat(ids, 11)} {
		if _, err := w.Join(t.Context(), upload.NewUpload{Owner: "anna"}, "final;x", bad); refusal.Of(err) == nil {
			t.Errorf("%v: %v", bad, err)
		}
	}
	_, err := w.Join(t.Context(), upload.NewUpload{Owner: "bert"}, "final;x", ids)
	w.refused(err, upload.ErrUploadNotFound)
	r, err := w.Join(t.Context(), upload.NewUpload{Owner: "anna", Name: "all.png"}, "final;x", ids)
	w.must(err)
	if r.State != upload.Ready || !bytes.Equal(w.read(r.ID), content) {
		t.Errorf("it became %+v", r)
	}
	w.work()
	for _, id := range ids {
		if names := w.blobs(id); len(names) > 0 {
			t.Errorf("of a part %v are left", names)
		}
	}
	if !bytes.Equal(w.read(r.ID), content) {
		t.Error("its bytes have gone with its parts")
	}
}

// held gives some bytes, and then waits until it is stopped.
type held struct {
	content io.Reader
	waits   chan struct{}
	stopped chan struct{}
	once    atomic.Bool
}

func (h *held) Read(b []byte) (int, error) {
	if n, err := h.content.Read(b); err == nil {
		return n, nil
	}
	if !h.once.Swap(true) {
		close(h.waits)
	}
	<-h.stopped
	return 0, os.ErrDeadlineExceeded
}

// A client that has gone and come back goes on where it was, though the server still waits for what it sent before.
func TestComesBack(t *testing.T) {
	w := begin(t)
	content := png(3000)
	r := w.create(len(content))
	h := &held{content: bytes.NewReader(content[:2500]), waits: make(chan struct{}), stopped: make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		_, err := w.Append(context.Background(), "anna", r.ID, upload.Piece{Body: h, Length: 3000, Stop: func() { close(h.stopped) }})
		ended <- err
	}()
	<-h.waits
	_, err := w.Settled(t.Context(), "bert", r.ID) // who is not its owner stops nothing
	w.refused(err, upload.ErrUploadNotFound)
	now, err := w.Settled(t.Context(), "anna", r.ID)
	w.must(err)
	if now.Offset != 2500 {
		t.Fatalf("it is at %d", now.Offset)
	}
	w.refused(<-ended, upload.ErrBroken)
	r, err = w.piece(r.ID, 2500, bytes.NewReader(content[2500:]))
	w.must(err)
	if !bytes.Equal(w.read(r.ID), content) {
		t.Error("it has other bytes")
	}
}

func TestCancel(t *testing.T) {
	w := begin(t)
	r := w.create(3000)
	_, err := w.piece(r.ID, 0, bytes.NewReader(png(2000)))
	w.must(err)
	w.refused(w.Cancel(t.Context(), "bert", r.ID), upload.ErrUploadNotFound)
	w.must(w.Cancel(t.Context(), "anna", r.ID))
	w.refused(w.Cancel(t.Context(), "anna", r.ID), upload.ErrUploadNotFound)
	_, err = w.piece(r.ID, 2000, strings.NewReader("x"))
	w.refused(err, upload.ErrUploadNotFound)
	w.work()
	if names := w.blobs(r.ID); len(names) > 0 {
		t.Errorf("%v are left", names)
	}
}

func TestFullDisk(t *testing.T) {
	w := begin(t)
	w.open(1 << 62)
	r := w.create(3000)
	_, err := w.piece(r.ID, 0, bytes.NewReader(png(3000)))
	w.refused(err, upload.ErrStorageFull)
	w.open(0)
	r, err = w.piece(r.ID, 0, bytes.NewReader(png(3000)))
	w.must(err)
	if r.State != upload.Ready {
		t.Errorf("it is %s", r.State)
	}
}

func TestExpire(t *testing.T) {
	w := begin(t)
	file, err := w.Receive(t.Context(), "anna", "a.png", -1, bytes.NewReader(png(100)))
	w.must(err)
	unfinished := w.create(3000)
	w.now = w.now.Add(24 * time.Hour)
	_, err = w.Settled(t.Context(), "anna", unfinished.ID)
	w.refused(err, upload.ErrUploadNotFound) // though it is there still
	if n, err := w.Expire(t.Context()); n != 2 || err != nil {
		t.Errorf("%d have expired, %v", n, err)
	}
	w.work()
	_, err = w.File(t.Context(), "anna", file.ID)
	w.refused(err, chat.ErrFileNotFound)
	if names := w.blobs(file.ID); len(names) > 0 {
		t.Errorf("%v are left", names)
	}
	known, err := w.chats.Files().Known(t.Context(), []string{file.ID, unfinished.ID})
	w.must(err)
	if len(known) > 0 {
		t.Errorf("%v are known still", known)
	}
}

func TestSweep(t *testing.T) {
	w := begin(t)
	files := make([]upload.Record, 3)
	for i := range files {
		var err error
		files[i], err = w.Receive(t.Context(), "anna", "a.png", -1, bytes.NewReader(png(100)))
		w.must(err)
	}
	stray := filepath.Join(w.dir, "files", "ff", "file_stray-ff")
	w.must(os.MkdirAll(stray, 0o700))
	w.must(os.WriteFile(filepath.Join(stray, "whole-1"), []byte("x"), 0o600))
	w.must(os.RemoveAll(filepath.Join(w.dir, "files", files[1].ID[len(files[1].ID)-2:], files[1].ID)))
	w.now = time.Now()
	report, err := w.Sweep(t.Context())
	w.must(err)
	if len(report.Strays) > 0 {
		t.Errorf("young bytes are said to be strays: %v", report.Strays)
	}
	w.now = time.Now().Add(2 * time.Hour)
	report, err = w.Sweep(t.Context())
	w.must(err)
	if got := fmt.Sprint(report.Strays, report.Missing, report.Files); got != fmt.Sprint([]string{"file_stray-ff"}, []string{files[1].ID}, 3) {
		t.Errorf("the sweep has found %s", got)
	}
	if _, err := os.Stat(stray); err != nil {
		t.Error("the sweep has removed something")
	}
	_, err = w.Open(t.Context(), "anna", files[1].ID, upload.Original)
	w.refused(err, chat.ErrFileNotFound)
}

// FuzzName: whatever a client calls a file, what others are told leads nowhere and hides nothing.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"a.png", "../x", "a\u202eb", "\x00", "..", strings.Repeat("x", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		name, err := upload.NameOf("filename", given)
		if err != nil {
			if refusal.Of(err) == nil {
				t.Error(err)
			}
			return
		}
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00\n\u202e") {
			t.Errorf("%q becomes %q", given, name)
		}
		if again, err := upload.NameOf("filename", name); err != nil || again != name {
			t.Errorf("%q becomes %q and then %q", given, name, again)
		}
	})
}
