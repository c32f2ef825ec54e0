package client_test

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sockeye-im/sockeye/client"
)

// TestFileStoreOnFullDisk: a message for which there is no room is refused, and what
// is in the file before and after it stays whole. It is not parallel: no file of the
// process may grow meanwhile.
func TestFileStoreOnFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue")
	s := must[*client.FileStore](t)(client.OpenFileStore(path))
	if err := s.Add(outgoing("0")); err != nil {
		t.Fatal(err)
	}
	size := must[os.FileInfo](t)(os.Stat(path)).Size()
	fill(t, uint64(size)+20, func() {
		if err := s.Add(outgoing("1")); err == nil {
			t.Error("half a message was stored")
		}
	})
	if err := s.Add(outgoing("2")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = must[*client.FileStore](t)(client.OpenFileStore(path))
	defer func() { _ = s.Close() }()
	kept := must[[]client.Outgoing](t)(s.Load())
	if len(kept) != 2 || kept[0].Content != "0" || kept[1].Content != "2" {
		t.Errorf("kept %+v", kept)
	}
}

// fill lets no file grow over a size for as long as do takes.
func fill(t *testing.T, size uint64, do func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before) }()
	do()
}
