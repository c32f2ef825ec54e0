package upload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	imagepng "image/png"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/upload"
)

// maker makes what a test wants.
type maker struct {
	make func(keep func(name, kind string, content io.Reader) error) error
}

func (m *maker) Makes(kind string) bool { return kind == "image/png" }

func (m *maker) Make(_ context.Context, from upload.Blob, kind string, known chat.FileDetails, keep func(string, string, io.Reader) error) (chat.FileDetails, error) {
	if content, err := io.ReadAll(from); err != nil || kind != "image/png" || !bytes.HasPrefix(content, []byte("\x89PNG")) {
		return known, fmt.Errorf("it has %d bytes of %s, %w", len(content), kind, err)
	}
	err := m.make(keep)
	known.Blurhash = "00"
	return known, err
}

// thumbnail makes one.
func thumbnail(keep func(string, string, io.Reader) error) error {
	return keep("thumbnail", "image/jpeg", strings.NewReader("small"))
}

// making is a world in which something is made of pictures.
type making struct {
	*world
	*maker
	told []chat.File
	to   []upload.Audience
}

func beginMaking(t *testing.T, do func(keep func(string, string, io.Reader) error) error) *making {
	t.Helper()
	m := &making{world: begin(t), maker: &maker{do}}
	var err error
	if m.Service, err = upload.New(m.cfg, upload.Deps{
		Store: m.chats.Files(), Blobs: upload.NewDisk(filepath.Join(m.dir, "files"), 0), Maker: m.maker, Now: func() time.Time { return m.now }, NewID: chat.NewID,
		Tell: func(f chat.File, to upload.Audience) { m.told, m.to = append(m.told, f), append(m.to, to) }, Log: slog.New(slog.DiscardHandler),
	}); err != nil {
		t.Fatal(err)
	}
	return m
}

// picture is one that can be decoded.
func picture(t *testing.T) []byte {
	t.Helper()
	var to bytes.Buffer
	if err := imagepng.Encode(&to, image.NewGray(image.Rect(0, 0, 6, 4))); err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

func (m *making) file() upload.Record {
	m.Helper()
	r, err := m.Receive(m.Context(), "anna", "a.png", -1, bytes.NewReader(picture(m.T)))
	m.must(err)
	return r
}

// jobs takes those that there are.
func (m *making) jobs() []job.Job {
	m.Helper()
	jobs, err := m.chats.Jobs().Claim(m.Context(), job.Claim{Kind: upload.MakingKind, Most: 100, Now: m.now.Add(time.Hour), Lease: chat.NewID(), Last: time.Minute})
	m.must(err)
	return jobs
}

func (m *making) variant(id, name string) string {
	m.Helper()
	c, err := m.Open(m.Context(), "anna", id, name)
	if errors.Is(err, chat.ErrFileNotFound) {
		return ""
	}
	m.must(err)
	defer func() { _ = c.Close() }()
	content, err := io.ReadAll(c)
	m.must(err)
	return c.Type + " " + string(content)
}

// A picture is there at once, and what was made of it soon; doing so again changes nothing.
func TestMake(t *testing.T) {
	m := beginMaking(t, thumbnail)
	text, err := m.Receive(t.Context(), "anna", "a.txt", -1, strings.NewReader("words"))
	m.must(err)
	if !text.Processed || len(m.jobs()) > 0 {
		t.Error("something is to be made of a text")
	}
	r := m.file()
	if r.Processed || m.variant(r.ID, "thumbnail") != "" || m.variant(r.ID, upload.Original) == "" {
		t.Errorf("at first it is %+v", r)
	}
	jobs := m.jobs()
	if len(jobs) != 1 {
		t.Fatalf("there are %d jobs", len(jobs))
	}
	for range 2 { // it died before that was stored
		_, err := m.Handle(t.Context(), &jobs[0])
		m.must(err)
	}
	if got := m.variant(r.ID, "thumbnail"); got != "image/jpeg small" {
		t.Errorf("its thumbnail is %q", got)
	}
	f, err := m.File(t.Context(), "anna", r.ID)
	m.must(err)
	if !f.Processed || fmt.Sprint(f.Variants) != "[thumbnail]" || f.Details.Blurhash != "00" || f.Details.Width != 6 {
		t.Errorf("it is %+v", f)
	}
	if len(m.told) != 2 || m.told[1].ID != r.ID || !m.told[1].Processed || !slices.Equal(m.to[1].Users, []chat.UserID{"anna"}) {
		t.Errorf("told was %+v to %+v", m.told, m.to)
	}
	m.must(m.Delete(t.Context(), "anna", r.ID))
	m.work()
	if names := m.blobs(r.ID); len(names) > 0 {
		t.Errorf("%v are left", names)
	}
}

// Of a file that is deleted before, while and behind something is made of it nothing is left.
func TestDeletedMeanwhile(t *testing.T) {
	var m *making
	var r upload.Record
	m = beginMaking(t, func(keep func(string, string, io.Reader) error) error {
		err := keep("thumbnail", "image/jpeg", strings.NewReader("small"))
		m.must(m.Delete(t.Context(), "anna", r.ID))
		m.work() // its bytes are gone
		return errors.Join(err, keep("preview", "image/jpeg", strings.NewReader("middle")))
	})
	r = m.file()
	jobs := m.jobs()
	for range 2 {
		_, err := m.Handle(t.Context(), &jobs[0])
		m.must(err)
		if names := m.blobs(r.ID); len(names) > 0 {
			t.Errorf("%v are left", names)
		}
	}
	if len(m.told) > 0 {
		t.Error("somebody was told")
	}
	// The server died between the bytes and the row.
	stray := filepath.Join(m.dir, "files", r.ID[len(r.ID)-2:], r.ID)
	m.must(os.MkdirAll(stray, 0o700))
	m.must(os.WriteFile(filepath.Join(stray, "thumbnail"), []byte("x"), 0o600))
	_, err := m.Handle(t.Context(), &jobs[0])
	m.must(err)
	if names := m.blobs(r.ID); len(names) > 0 {
		t.Errorf("%v are left", names)
	}
}

// What cannot be made leaves the file as it is, at once or after some tries; what fails otherwise is tried on.
func TestMakingFails(t *testing.T) {
	for _, test := range []struct {
		err  error
		ends int // with which attempt; 0: never
	}{{upload.ErrUnmakable, 1}, {upload.ErrMaking, upload.MakingTries}, {upload.ErrStorageFull, 0}} {
		m := beginMaking(t, func(keep func(string, string, io.Reader) error) error {
			return errors.Join(keep("thumbnail", "image/jpeg", strings.NewReader("small")), test.err)
		})
		r := m.file()
		j := m.jobs()[0]
		ended := 0
		for attempt := 1; attempt <= upload.MakingTries+2 && ended == 0; attempt++ {
			_, err := m.Handle(t.Context(), &j)
			if err == nil {
				ended = attempt
			} else if !errors.Is(err, test.err) {
				t.Errorf("%v: %v", test.err, err)
			}
			j.Attempts++
		}
		if ended != test.ends {
			t.Errorf("%v: it ended with attempt %d", test.err, ended)
		}
		f, err := m.File(t.Context(), "anna", r.ID)
		m.must(err)
		if f.Processed != (ended > 0) || len(f.Variants) > 0 || m.variant(r.ID, "thumbnail") != "" || f.Details.Width != 6 || len(m.told) != min(ended, 1) {
			t.Errorf("%v: the file is %+v, told %d times", test.err, f, len(m.told))
		}
		if ended > 0 && len(m.blobs(r.ID)) != 1 {
			t.Errorf("%v: %v are left", test.err, m.blobs(r.ID))
		}
	}
}
