package app_test

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/upload"
)

// TestBackupHoldsFiles: what a backup was made of while the server ran, a server on what was restored gives to the same users.
func TestBackupHoldsFiles(t *testing.T) {
	const words = "just words"
	s := apptest.Serve(t, []string{"--chat-dm-policy", "anyone"})
	f, err := s.Files.Receive(t.Context(), "ada", "a.txt", -1, strings.NewReader(words))
	if err != nil {
		t.Fatal(err)
	}
	unfinished, err := s.Files.Create(t.Context(), upload.NewUpload{Owner: "ada", Length: 100, Name: "b.txt"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Files.Append(t.Context(), "ada", unfinished.ID, upload.Piece{Body: strings.NewReader(words), Length: -1}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Chat.SendDirect(t.Context(), chat.Actor{ID: "ada", Name: "Ada"}, chat.SendDirect{RecipientID: "lin", Attachments: []string{f.ID}}); err != nil {
		t.Fatal(err)
	}
	file, skipped := whole(t, s.Data)
	if len(skipped) > 0 {
		t.Errorf("it was skipped: %v", skipped)
	}
	restored := filepath.Join(t.TempDir(), "new")
	if err := restore(t, restored, file); err != nil {
		t.Fatal(err)
	}
	again := apptest.Serve(t, []string{"--data", restored})
	c, err := again.Files.Open(t.Context(), "lin", f.ID, upload.Original)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if got, err := io.ReadAll(c); string(got) != words || err != nil {
		t.Errorf("it holds %q, %v", got, err)
	}
	if at, err := again.Files.Settled(t.Context(), "ada", unfinished.ID); err != nil || at.Offset != int64(len(words)) {
		t.Errorf("the upload is at %d, %v", at.Offset, err)
	}
	report, err := again.Files.Sweep(t.Context())
	if err != nil || len(report.Missing)+len(report.Strays) > 0 || report.Files != 2 {
		t.Errorf("the sweep has found %+v, %v", report, err)
	}
}
