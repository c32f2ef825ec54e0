package app_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/store/postgres/pgtest"
	"github.com/sockeye-im/sockeye/internal/upload"
)

// photograph is a JPEG.
func photograph(t *testing.T, width, height int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = uint8(i * i >> 7) //nolint:gosec // something
	}
	m.Set(0, 0, color.White)
	var to bytes.Buffer
	if err := jpeg.Encode(&to, m, nil); err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

// processed waits until a device is told of a file.
func processed(t *testing.T, c *client.Client) client.File {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e, open := <-c.Events():
			if !open {
				t.Fatal(c.Err())
			}
			if p, is := e.(*client.FileProcessed); is {
				return p.File
			}
		case <-deadline:
			t.Fatal("nobody was told")
		}
	}
}

// A picture that is sent has a thumbnail soon, made by a process; its uploader and those who have it are told, at any server.
func TestThumbnails(t *testing.T) {
	for _, store := range []string{"sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) {
			files := t.TempDir()
			flags := []string{"--chat-dm-policy", "anyone", "--files-dir", files}
			if store == "postgres" {
				flags = append(flags, "--database", pgtest.Database(t), "--files-shared", "on")
			}
			s := apptest.Serve(t, flags)
			others := s
			if store == "postgres" {
				others = apptest.Serve(t, flags)
			}
			dial := func(s *apptest.Server, user string) *client.Client {
				t.Helper()
				c, err := client.Dial(t.Context(), client.Config{URL: s.URL, Token: client.StaticToken(s.Token(t, user, user, time.Hour))})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(c.Close)
				return c
			}
			ada, bob := dial(s, "ada"), dial(others, "bob")
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(s.Jobs.Pause(t.Context(), upload.MakingKind, true))
			r, err := s.Files.Receive(t.Context(), "ada", "a.jpg", -1, bytes.NewReader(photograph(t, 1600, 1200)))
			must(err)
			m, err := s.Chat.SendDirect(t.Context(), chat.Actor{ID: "ada", Name: "Ada"}, chat.SendDirect{RecipientID: "bob", Attachments: []string{r.ID}})
			must(err)
			if r.Processed || len(m.Files) != 1 || m.Files[0].Processed || m.Files[0].Details.Width != 1600 {
				t.Errorf("before that it is %+v", m.Files)
			}
			must(s.Jobs.Pause(t.Context(), upload.MakingKind, false))
			for _, c := range []*client.Client{ada, bob} {
				f := processed(t, c)
				if f.ID != r.ID || !f.Processed || f.Thumbnail == "" || f.Preview == "" || len(f.Blurhash) != 28 || f.Metadata.Width != 1600 || f.Metadata.Height != 1200 {
					t.Errorf("told was %+v", f)
				}
			}
			for variant, size := range map[string]image.Point{"thumbnail": {X: 200, Y: 200}, "preview": {X: 1280, Y: 960}} {
				c, err := others.Files.Open(t.Context(), "bob", r.ID, variant)
				must(err)
				made, err := jpeg.Decode(c)
				_ = c.Close()
				if err != nil || made.Bounds().Size() != size || c.Type != "image/jpeg" {
					t.Errorf("%s is %v of %s, %v", variant, made.Bounds(), c.Type, err)
				}
				if _, err := s.Files.Open(t.Context(), "eve", r.ID, variant); !errors.Is(err, chat.ErrFileNotFound) {
					t.Errorf("eve reads the %s: %v", variant, err)
				}
			}
			_, err = s.Chat.DeleteMessage(t.Context(), chat.Actor{ID: "ada", Name: "Ada"}, m.ID)
			must(err)
			folder := filepath.Join(files, r.ID[len(r.ID)-2:], r.ID)
			for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
				if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
					break
				}
				if time.Since(begun) > patience {
					t.Fatal("what was made of it is there still")
				}
			}
		})
	}
}

// The process that looks at a picture dies: the server goes on, and the picture stays as it is.
func TestMediaWorkerDies(t *testing.T) {
	s := apptest.Serve(t, nil, func(s *app.Settings) { s.Media.Command = []string{"/bin/sh", "-c", "kill -9 $$"} })
	c, err := client.Dial(t.Context(), client.Config{URL: s.URL, Token: client.StaticToken(s.Token(t, "ada", "ada", time.Hour))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	content := photograph(t, 300, 300)
	r, err := s.Files.Receive(t.Context(), "ada", "a.jpg", -1, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if f := processed(t, c); f.ID != r.ID || !f.Processed || f.Thumbnail != "" {
		t.Errorf("told was %+v", f)
	}
	open, err := s.Files.Open(t.Context(), "ada", r.ID, upload.Original)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = open.Close() }()
	if got, err := io.ReadAll(open); err != nil || !bytes.Equal(got, content) {
		t.Errorf("it has %d bytes, %v", len(got), err)
	}
}
