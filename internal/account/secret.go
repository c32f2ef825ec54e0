package account

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// Bounds of a shared secret. A shorter one than MinSecretBytes is refused; one shorter than StrongSecretBytes works,
// because existing applications bring their own, but deserves a warning: it can be guessed offline.
const (
	MinSecretBytes    = 8
	StrongSecretBytes = 32
)

// SecretFile is the name of the server's own secret inside its data folder.
const SecretFile = "jwt.secret"

const hidden = "[hidden]"

// Secret is a shared signing secret. Its bytes are the key as they stand, they are not decoded. It prints as
// "[hidden]" everywhere: fmt, slog, JSON and YAML.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Validate says whether the secret is long enough, without printing it.
func (s Secret) Validate() error {
	if len(s) < MinSecretBytes {
		return fmt.Errorf("the secret has %d bytes, at least %d are needed", len(s), MinSecretBytes)
	}
	return nil
}

// Weak reports whether the secret is shorter than the 32 bytes that HS256 asks for.
func (s Secret) Weak() bool { return len(s) < StrongSecretBytes }

// OpenSecret reads the server's own secret from the data folder, and makes the folder (0700) and a random secret (0600)
// when they are missing. Several processes may call it at once: all get the same secret, whole.
//
// The file's one line is the secret itself, so another application may be given the same text to sign tokens with.
func OpenSecret(dataDir string) (Secret, error) {
	path := filepath.Join(dataDir, SecretFile)
	secret, err := readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	if err := createSecret(dataDir, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("create signing secret: %w", err)
	}
	return readSecret(path)
}

func readSecret(path string) (Secret, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("signing secret: %w", err)
	}
	secret := Secret(strings.TrimSpace(string(raw)))
	if err := secret.Validate(); err != nil {
		return "", fmt.Errorf("signing secret %s: %w", path, err)
	}
	return secret, nil
}

// createSecret writes the secret under a passing name and links it to path: the link fails when path exists, and no
// reader ever sees half a secret, not even after a crash.
func createSecret(dir, path string) (err error) {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails: the runtime aborts the process when there is no randomness

	f, err := os.CreateTemp(dir, "."+SecretFile+"-*") // O_EXCL, 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()

	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key[:]) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
