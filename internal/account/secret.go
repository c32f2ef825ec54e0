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
	"runtime"
	"strings"
)

// MinSecretBytes is how long a shared secret must be, as HS256 asks for (RFC 7518 section 3.2): whoever has a token can
// guess at a shorter one offline.
const MinSecretBytes = 32

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

// NewSecret returns a random secret, as a line of text.
func NewSecret() Secret {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails: the runtime aborts the process when there is no randomness
	return Secret(base64.StdEncoding.EncodeToString(key[:]))
}

// OpenSecret reads the server's own secret from the data folder, and makes the folder (0700) and a random secret (0600)
// when they are missing. A secret that others can read is mended, see [MendSecret]. Several processes may call it at once: all get the same secret, whole.
//
// The file's one line is the secret itself, so another application may be given the same text to sign tokens with.
func OpenSecret(dataDir string) (Secret, error) {
	if _, err := MendSecret(dataDir); err != nil {
		return "", err
	}
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

// ReadSecret reads the server's own secret and makes nothing. Where there is none the error says so and wraps
// [fs.ErrNotExist].
func ReadSecret(dataDir string) (Secret, error) {
	secret, err := readSecret(filepath.Join(dataDir, SecretFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", noSecretError{fmt.Errorf("data: no server has run in the folder %s yet, it has no %s", dataDir, SecretFile)}
	}
	return secret, err
}

// noSecretError leaves the system's words out.
type noSecretError struct{ error }

// Is makes it a [fs.ErrNotExist].
func (noSecretError) Is(target error) bool { return target == fs.ErrNotExist }

// MendSecret takes the permission to read the server's own secret from everybody but its owner, and tells whether
// somebody had it: whoever has read it can sign tokens for anybody. It is an error where that cannot be taken away.
func MendSecret(dataDir string) (mended bool, err error) {
	path := filepath.Join(dataDir, SecretFile)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("signing secret: %w", err)
	case runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0: // windows keeps permissions elsewhere
		return false, nil
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return false, fmt.Errorf("signing secret: others can read %s (mode %#o), and that cannot be changed: %w", path, info.Mode().Perm(), err)
	}
	return true, nil
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
	f, err := os.CreateTemp(dir, "."+SecretFile+"-*") // O_EXCL, 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()

	_, err = f.WriteString(string(NewSecret()) + "\n")
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
