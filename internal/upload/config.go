package upload

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Config is what an operator may choose about files.
type Config struct {
	// MaxSize is how many bytes a file may have.
	MaxSize int64
	// Quota is how many bytes all files of a user may have; 0 is no limit.
	Quota int64
	// Types are what files may be, as RFC 6838 names it.
	Types []string
	// Unattached is how long a file is kept that no message carries, and an upload to which nothing comes.
	Unattached time.Duration
	// PartSize is how many bytes of an upload are made durable at a time: so much is lost at most when the server dies.
	PartSize int64
	// MaxPixels is how many a picture may have.
	MaxPixels int
	// KeepMetadata leaves what cameras and programs have written into pictures where it is.
	KeepMetadata bool
}

// DefaultTypes are those that a user may upload where nobody says otherwise.
func DefaultTypes() []string {
	return []string{
		"image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "video/webm", "audio/mpeg", "audio/wav", "audio/ogg",
		"application/pdf", "text/plain",
	}
}

// DefaultConfig returns the defaults: 10 MB a file, 1 GiB a user, one day, pieces of 4 MiB, pictures of 33 megapixels.
func DefaultConfig() Config {
	return Config{MaxPixels: 33_000_000, MaxSize: 10_000_000, Quota: 1 << 30, Types: DefaultTypes(), Unattached: 24 * time.Hour, PartSize: 4 << 20}
}

// Validate reports the first setting that cannot be used.
func (c Config) Validate() error {
	switch {
	case c.MaxSize < 1:
		return errors.New("upload: the largest file must have at least 1 byte")
	case c.Quota < 0:
		return errors.New("upload: the quota must not be negative")
	case len(c.Types) == 0:
		return errors.New("upload: at least one type of files must be allowed")
	case c.Unattached < time.Minute:
		return fmt.Errorf("upload: files must be kept for at least 1m before they are sent, not %v", c.Unattached)
	case c.MaxPixels < 1:
		return errors.New("upload: the largest picture must have at least 1 pixel")
	case c.PartSize < 1:
		return errors.New("upload: pieces must have at least 1 byte")
	}
	for _, kind := range c.Types {
		major, minor, cut := strings.Cut(kind, "/")
		if !cut || major == "" || minor == "" || strings.ContainsAny(kind, " ;,*") || strings.ToLower(kind) != kind {
			return fmt.Errorf("upload: %q is not the name of a type, such as image/png", kind)
		}
	}
	return nil
}

func (c *Config) allows(kind string) bool { return slices.Contains(c.Types, kind) }
