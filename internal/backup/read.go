package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Reader reads a backup from a stream.
type Reader struct {
	file  *holdBack
	all   hash.Hash // of what was read, up to the end
	tar   *tar.Reader
	sums  strings.Builder
	parts Manifest
}

// NewReader reads the manifest. The errors ErrNotBackup, ErrNewer, ErrDamaged and ErrCutOff come wrapped with what is known.
func NewReader(from io.Reader) (*Reader, error) {
	r := &Reader{file: &holdBack{from: bufio.NewReaderSize(from, 64<<10)}, all: sha256.New()}
	start, err := r.file.from.Peek(len(manifestName))
	switch {
	case len(start) == 0 && errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: it is empty", ErrNotBackup)
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case string(start) != manifestName:
		return nil, ErrNotBackup
	}
	r.tar = tar.NewReader(io.TeeReader(r.file, r.all))
	var text bytes.Buffer
	if err := r.entry(manifestName, maxManifest, &text); err != nil {
		return nil, err
	}
	r.parts, err = parseManifest(text.Bytes())
	return r, err
}

// Manifest is what the backup is of. It is not proven before Each has returned.
func (r *Reader) Manifest() Manifest { return r.parts }

// Each calls take with every part, in order, and proves the whole file by its sums. What take has made of the parts is good
// only if Each returns no error. take need not read all of a part.
func (r *Reader) Each(ctx context.Context, take func(part Part, content io.Reader) error, progress Progress) error {
	counted := &counter{ctx: ctx, progress: progress, total: r.parts.Size()}
	for _, part := range r.parts.Parts {
		if err := r.part(part, counted, take); err != nil {
			return err
		}
	}
	own := r.sums.String()
	var sums strings.Builder
	if err := r.entry(sumsName, maxManifest, &sums); err != nil {
		return err
	}
	if err := compareSums(own, sums.String()); err != nil {
		return err
	}
	return r.end()
}

func (r *Reader) part(part Part, counted io.Writer, take func(Part, io.Reader) error) error {
	name := partsFolder + part.Name
	header, err := r.next(name)
	if err != nil {
		return err
	}
	if header.Size != part.Size || Mode(header.FileInfo().Mode()) != part.Mode {
		return fmt.Errorf("%w: %s is not as the manifest says", ErrDamaged, name)
	}
	sum := sha256.New()
	content := &faultless{from: io.TeeReader(r.tar, io.MultiWriter(sum, counted))}
	err = take(part, content)
	if content.err == nil {
		_, _ = io.Copy(io.Discard, content)
	}
	if content.err != nil {
		return cutOff(content.err, name)
	}
	fmt.Fprintf(&r.sums, "%x  %s\n", sum.Sum(nil), name)
	return err
}

// faultless keeps the error of a source apart from those of whoever copies it.
type faultless struct {
	from io.Reader
	err  error // but for io.EOF
}

func (f *faultless) Read(b []byte) (int, error) {
	n, err := f.from.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// next goes on to an entry, which must be the next one.
func (r *Reader) next(name string) (*tar.Header, error) {
	header, err := r.tar.Next()
	switch {
	case err != nil:
		return nil, cutOff(err, name)
	case header.Name != name || header.Typeflag != tar.TypeReg || isSparse(header):
		return nil, fmt.Errorf("%w: %q stands where %s belongs", ErrDamaged, header.Name, name)
	}
	return header, nil
}

// isSparse reports whether an entry has fewer bytes in the file than it would give: Write makes none such.
func isSparse(header *tar.Header) bool {
	for record := range header.PAXRecords {
		if strings.HasPrefix(record, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// entry reads one of the format's own.
func (r *Reader) entry(name string, atMost int64, into io.Writer) error {
	header, err := r.next(name)
	if err != nil {
		return err
	}
	if header.Size > atMost {
		return fmt.Errorf("%w: %s has %d bytes", ErrDamaged, name, header.Size)
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(into, sum), r.tar); err != nil {
		return cutOff(err, name)
	}
	fmt.Fprintf(&r.sums, "%x  %s\n", sum.Sum(nil), name)
	return nil
}

// cutOff says what an error of the archive means.
func cutOff(err error, name string) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it ends in %s, or just behind", ErrCutOff, name)
	case errors.Is(err, tar.ErrHeader), errors.Is(err, tar.ErrFieldTooLong), errors.Is(err, tar.ErrInsecurePath):
		return fmt.Errorf("%w before %s: %w", ErrDamaged, name, err)
	}
	return err
}

func compareSums(own, written string) error {
	if own == written {
		return nil
	}
	right := make(map[string]bool)
	for line := range strings.Lines(written) {
		right[line] = true
	}
	var wrong []string
	for line := range strings.Lines(own) {
		if !right[line] {
			_, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
			wrong = append(wrong, name)
		}
	}
	if len(wrong) == 0 {
		return fmt.Errorf("%w: %s names other entries than there are", ErrDamaged, sumsName)
	}
	return fmt.Errorf("%w: the SHA-256 of %s is not what it was", ErrDamaged, strings.Join(wrong, ", "))
}

// end proves the bytes between the parts, and that nothing follows.
func (r *Reader) end() error {
	switch header, err := r.tar.Next(); {
	case err == nil:
		return fmt.Errorf("%w: %q follows where it should end", ErrDamaged, header.Name)
	case !errors.Is(err, io.EOF):
		return cutOff(err, endName)
	}
	if _, err := io.Copy(r.all, r.file); err != nil {
		return err
	}
	tail := r.file.tail()
	switch {
	case bytes.Equal(tail, end(r.all)):
		return nil
	case bytes.HasPrefix(tail, []byte(endName)):
		return fmt.Errorf("%w: the SHA-256 of the whole is not what it was", ErrDamaged)
	}
	return fmt.Errorf("%w: its last bytes are not the end of a backup", ErrCutOff)
}

// holdBack reads a stream of unknown length but for its last bytes.
type holdBack struct{ from *bufio.Reader }

func (h *holdBack) Read(b []byte) (int, error) {
	ahead, err := h.from.Peek(endSize + 1)
	if len(ahead) <= endSize {
		if err == nil || errors.Is(err, bufio.ErrBufferFull) {
			err = io.ErrNoProgress // a reader that returns neither bytes nor an error
		}
		return 0, err
	}
	return h.from.Read(b[:min(len(b), h.from.Buffered()-endSize)])
}

// tail is what was held back, at the end.
func (h *holdBack) tail() []byte {
	ahead, _ := h.from.Peek(endSize)
	return ahead
}
