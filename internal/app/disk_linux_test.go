package app_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// smallDisk mounts a file system of 16 MiB until the test ends.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A server that can store nothing any more is not ready, and is again when it can.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t)
	r := start(t, filepath.Join(disk, "data"))
	becomes := func(want int) {
		t.Helper()
		for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			got, body := r.get("/ready")
			if got == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("/ready is %d %s, not %d", got, body, want)
			}
		}
	}
	becomes(http.StatusOK)
	filler := filepath.Join(disk, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for piece := make([]byte, 4096); err == nil; {
		_, err = f.Write(piece)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	becomes(http.StatusServiceUnavailable)
	if status, body := r.get("/health"); status != http.StatusOK {
		t.Errorf("/health is %d %s", status, body)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	becomes(http.StatusOK)
}
