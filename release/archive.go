package main

import (
	"archive/tar"
	"archive/zip"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// entry is a file of an archive.
type entry struct {
	name       string // in the archive
	path       string // where it is
	executable bool
}

// archive packs what somebody gets who takes the binary alone.
func (r *release) archive(p platform, binary, described string) error {
	folder := "sockeye-" + strings.TrimPrefix(r.version, "v") + "-" + p.String()
	entries := []entry{{p.program(), binary, true}}
	for _, name := range []string{"LICENSE", "NOTICE", "README.md", "CHANGELOG.md"} {
		entries = append(entries, entry{name: name, path: filepath.Join(r.root, name)})
	}
	for _, name := range []string{"sockeye.1", "sockeye.bash", "_sockeye", "sockeye.fish"} {
		entries = append(entries, entry{name: "share/" + name, path: filepath.Join(described, name)})
	}
	for _, name := range []string{"systemd/sockeye.service", "systemd/sockeye.socket", "nginx/sockeye.conf", "haproxy/haproxy.cfg"} {
		entries = append(entries, entry{name: "deploy/" + name, path: filepath.Join(r.root, "deploy", name)})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	if p.os == "windows" {
		return r.write(folder+".zip", func(w io.Writer) error { return zipOf(w, folder, entries, r.at, r.level) })
	}
	return r.write(folder+".tar.gz", func(w io.Writer) error { return tarOf(w, folder, entries, r.at, r.level) })
}

// write writes a file of the release.
func (r *release) write(name string, content func(io.Writer) error) error {
	file, err := os.OpenFile(filepath.Join(r.out, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if err := errors.Join(content(file), file.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (e entry) mode() int64 {
	if e.executable {
		return 0o755
	}
	return 0o644
}

// tarOf writes a tar.gz in which nothing is of the machine that made it, compressed by a level of package flate.
func tarOf(w io.Writer, folder string, entries []entry, at time.Time, level int) error {
	compressed, err := gzip.NewWriterLevel(w, level)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	for _, e := range entries {
		content, err := os.ReadFile(e.path)
		if err != nil {
			return err
		}
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: folder + "/" + e.name, Size: int64(len(content)), Mode: e.mode(), ModTime: at, Format: tar.FormatUSTAR,
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(content); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), compressed.Close())
}

// zipOf is tarOf for Windows.
func zipOf(w io.Writer, folder string, entries []entry, at time.Time, level int) error {
	archive := zip.NewWriter(w)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, level) })
	for _, e := range entries {
		content, err := os.ReadFile(e.path)
		if err != nil {
			return err
		}
		header := &zip.FileHeader{Name: folder + "/" + e.name, Method: zip.Deflate, Modified: at}
		header.SetMode(os.FileMode(e.mode()))
		file, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := file.Write(content); err != nil {
			return err
		}
	}
	return archive.Close()
}

// sums writes the hash of each file, as sha256sum -c reads it.
func (r *release) sums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, e := range entries { // sorted by name
		if e.Name() == marker {
			continue
		}
		content, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(content), e.Name())
	}
	return r.write("SHA256SUMS", func(w io.Writer) error { _, err := io.WriteString(w, b.String()); return err })
}
