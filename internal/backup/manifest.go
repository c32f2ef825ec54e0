package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Format is the version of the format that this package writes, and the newest that it reads.
const Format = 1

// Names of entries.
const (
	manifestName = "sockeye-backup.json"
	partsFolder  = "data/"
	sumsName     = "SHA256SUMS"
	endName      = "sockeye-backup.end"
)

// Bounds of what is held in memory of a file that may be no backup.
const (
	maxManifest = 64 << 20 // some 500,000 parts
	maxParts    = 1 << 19
)

// Manifest says what a backup is of. It is the first entry.
type Manifest struct {
	Format    int       `json:"format"`
	Program   string    `json:"program"`   // version of the program that has written it
	CreatedAt time.Time `json:"createdAt"` // when the database was as it is in here
	// Database is the kind of the database, for those who restore it; "sqlite" is the only one so far.
	Database string `json:"database"`
	// Schema is the version of the database's schema, ReadableFrom that which a program must know at least to use it.
	Schema       int64  `json:"schema"`
	ReadableFrom int64  `json:"readableFrom"`
	Epoch        string `json:"epoch"` // of the database; a restore begins another one
	Parts        Parts  `json:"parts"`
}

// Parts are read from JSON one by one, up to maxParts: what is no part may be short, and takes as much memory as one.
type Parts []Part

// UnmarshalJSON reads an array.
func (p *Parts) UnmarshalJSON(text []byte) error {
	*p = nil
	from := json.NewDecoder(bytes.NewReader(text))
	if first, err := from.Token(); err != nil || first != json.Delim('[') {
		return errors.Join(errors.New("its parts are no array"), err)
	}
	for from.More() {
		if len(*p) == maxParts {
			return errTooMany
		}
		var part Part
		if err := from.Decode(&part); err != nil {
			return err
		}
		*p = append(*p, part)
	}
	return nil
}

var errTooMany = fmt.Errorf("a backup has at most %d parts", maxParts)

// Part is one file of the data folder.
type Part struct {
	Name string `json:"name"` // its path in the folder, with slashes
	Size int64  `json:"size"` // bytes
	Mode Mode   `json:"mode"`
}

// Mode is the permissions of a file, in JSON as chmod has them: "0600".
type Mode fs.FileMode

// MarshalText writes the mode.
func (m Mode) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%04o", uint32(m)), nil }

// UnmarshalText reads the mode.
func (m *Mode) UnmarshalText(text []byte) error {
	mode, err := strconv.ParseUint(string(text), 8, 32)
	*m = Mode(mode)
	return err
}

// Size is how many bytes all parts have together.
func (m *Manifest) Size() (bytes int64) {
	for _, part := range m.Parts {
		bytes += part.Size
	}
	return bytes
}

// parseManifest checks what it reads: names lead nowhere else and can be shown, sizes are none below zero, nothing is there
// twice.
func parseManifest(text []byte) (m Manifest, err error) {
	var version struct {
		Format  int
		Program string
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return m, fmt.Errorf("%w: its manifest cannot be read: %w", ErrDamaged, err)
	}
	if version.Format > Format {
		return m, fmt.Errorf("%w: it has format %d and was written by sockeye %q; this version reads up to format %d. Use that version, or a newer one",
			ErrNewer, version.Format, version.Program, Format)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%w: its manifest cannot be read: %w", ErrDamaged, err)
	}
	return m, m.check()
}

func (m *Manifest) check() error {
	switch {
	case m.Format < 1:
		return fmt.Errorf("%w: its manifest has the format %d", ErrDamaged, m.Format)
	case len(m.Parts) == 0:
		return fmt.Errorf("%w: its manifest names no parts", ErrDamaged)
	case len(m.Parts) > maxParts:
		return errTooMany
	case strings.ContainsFunc(m.Program, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("%w: its manifest has the program %q", ErrDamaged, m.Program)
	}
	seen := make(map[string]bool, len(m.Parts))
	room := int64(math.MaxInt64)
	for _, part := range m.Parts {
		if !ValidName(part.Name) || part.Size < 0 || part.Size > room || part.Mode&^Mode(fs.ModePerm) != 0 {
			return fmt.Errorf("%w: its manifest has the part %q of %d bytes with mode %o", ErrDamaged, part.Name, part.Size, part.Mode)
		}
		room -= part.Size
		if seen[part.Name] {
			return fmt.Errorf("%w: its manifest has the part %q twice", ErrDamaged, part.Name)
		}
		seen[part.Name] = true
	}
	return nil
}

// ValidName reports whether a part can have that name: a path that leads down only, without characters that control a
// terminal.
func ValidName(name string) bool {
	return fs.ValidPath(name) && name != "." && path.Clean(name) == name && !strings.ContainsFunc(name, unicode.IsControl)
}

// What can be wrong with a file.
var (
	ErrNotBackup = errors.New("it is no backup of sockeye")
	ErrNewer     = errors.New("it was written by a newer version of sockeye")
	ErrDamaged   = errors.New("it is damaged")
	ErrCutOff    = errors.New("it was cut off")
)

// Bytes is a number of bytes for people.
func Bytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d bytes", n)
	}
	size := float64(n)
	for _, unit := range []string{"kB", "MB", "GB"} {
		if size /= 1000; size < 1000 {
			return fmt.Sprintf("%.1f %s", size, unit)
		}
	}
	return fmt.Sprintf("%.1f TB", size/1000)
}
