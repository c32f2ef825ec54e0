package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Progress is told how many bytes of all parts are done. It may be nil.
type Progress func(done, total int64)

// Write writes a backup. source is asked for the content of each part in the order of the manifest, and must write exactly
// as many bytes as the manifest says. Nothing is closed or synced. It ends when ctx does.
func Write(ctx context.Context, to io.Writer, m Manifest, source func(ctx context.Context, part Part, to io.Writer) error, progress Progress) error {
	m.Format = Format
	if err := m.check(); err != nil {
		return err
	}
	w := newWriter(to)
	head, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if len(head) >= maxManifest {
		return fmt.Errorf("the list of parts has %d bytes, at most %d are possible", len(head), maxManifest)
	}
	if err := w.text(manifestName, append(head, '\n')); err != nil {
		return err
	}
	counted := &counter{ctx: ctx, progress: progress, total: m.Size()}
	for _, part := range m.Parts {
		err := w.entry(partsFolder+part.Name, part.Size, int64(part.Mode), func(to io.Writer) error {
			return source(ctx, part, io.MultiWriter(to, counted))
		})
		if err != nil {
			return err
		}
	}
	return w.end()
}

// writer writes entries and their sums.
type writer struct {
	to   io.Writer
	all  hash.Hash // of the file so far
	tar  *tar.Writer
	sums strings.Builder // as the entry of that name has them
}

func newWriter(to io.Writer) *writer {
	all := sha256.New()
	return &writer{to: to, all: all, tar: tar.NewWriter(io.MultiWriter(to, all))}
}

func (w *writer) text(name string, text []byte) error {
	return w.entry(name, int64(len(text)), 0o600, func(to io.Writer) error {
		_, err := to.Write(text)
		return err
	})
}

func (w *writer) entry(name string, size, mode int64, content func(io.Writer) error) error {
	if err := w.tar.WriteHeader(&tar.Header{Name: name, Size: size, Mode: mode, Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	sum := sha256.New()
	if err := content(io.MultiWriter(w.tar, sum)); err != nil {
		return err
	}
	if err := w.tar.Flush(); err != nil { // it knows whether bytes are missing
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Fprintf(&w.sums, "%x  %s\n", sum.Sum(nil), name)
	return nil
}

// end seals the file.
func (w *writer) end() error {
	if err := w.text(sumsName, []byte(w.sums.String())); err != nil {
		return err
	}
	_, err := w.to.Write(end(w.all))
	return err
}

// endSize is a header, a sum, and the two empty blocks that end every tar archive.
const endSize = 4 * 512

// end is how a file ends before which there are bytes with a sum.
func end(before hash.Hash) []byte {
	var last bytes.Buffer
	w := tar.NewWriter(&last)
	sum := hex.EncodeToString(before.Sum(nil)) + "\n"
	// Nothing of it can fail in memory; a test holds the size.
	_ = w.WriteHeader(&tar.Header{Name: endName, Size: int64(len(sum)), Mode: 0o600, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR})
	_, _ = io.WriteString(w, sum)
	_ = w.Close()
	return last.Bytes()
}

// counter tells how far a backup is, and ends it with its context.
type counter struct {
	ctx         context.Context
	progress    Progress
	done, total int64
}

func (c *counter) Write(b []byte) (int, error) {
	c.done += int64(len(b))
	if c.progress != nil {
		c.progress(c.done, c.total)
	}
	return len(b), c.ctx.Err()
}
