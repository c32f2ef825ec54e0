package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is how often handshakes have the files looked at. It bounds what a flood of handshakes costs, and how long
// an old certificate is served beside a new file.
const lookEvery = time.Second

// maxPEM is the size of the largest file that is read, in bytes. A chain has some 5 KiB.
const maxPEM = 1 << 20

// Files is a certificate in two files. All methods may be called concurrently.
type Files struct {
	cert, key string
	now       func() time.Time
	log       *slog.Logger

	current  atomic.Pointer[tls.Certificate]
	lookNext atomic.Int64 // Unix nanoseconds

	mu   sync.Mutex // held while the files are looked at
	seen [2]stamp   // of the files as they were when they were last read, whatever came of it
}

// stamp tells one state of a file from another. It is zero for a file that is not there.
type stamp struct{ modified, size int64 }

// OpenFiles reads a certificate with its chain and its private key, both PEM. Errors name the setting, tls-cert or
// tls-key.
func OpenFiles(cert, key string, now func() time.Time, log *slog.Logger) (*Files, error) {
	f := &Files{cert: cert, key: key, now: now, log: log}
	if err := f.Reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// Certificate is for [tls.Config.GetCertificate]. A handshake that finds the files changed reads them; if they are no
// good the certificate from before stays.
func (f *Files) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if now := f.now(); now.UnixNano() >= f.lookNext.Load() && f.mu.TryLock() {
		f.lookNext.Store(now.Add(lookEvery).UnixNano())
		if f.stamps() != f.seen {
			if err := f.read(); err != nil {
				f.log.Error("the changed certificate is not used", "err", err)
			}
		}
		f.mu.Unlock()
	}
	return f.current.Load(), nil
}

// Reload reads the files whether they have changed or not. After an error the certificate from before stays.
func (f *Files) Reload() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read()
}

// Expires is when the certificate in use runs out.
func (f *Files) Expires() time.Time { return f.current.Load().Leaf.NotAfter }

// read takes the stamps first: what is written meanwhile is then read again. mu is held.
func (f *Files) read() error {
	f.seen = f.stamps()
	cert, err := readFile(f.cert)
	if err != nil {
		return fmt.Errorf("tls-cert: %w", err)
	}
	key, err := readFile(f.key)
	if err != nil {
		return fmt.Errorf("tls-key: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("tls-cert %s with tls-key %s: %w", f.cert, f.key, err)
	}
	f.current.Store(&pair)
	f.log.Info("certificate read", "file", f.cert, "names", pair.Leaf.DNSNames, "expires", pair.Leaf.NotAfter)
	if !f.now().Before(pair.Leaf.NotAfter) {
		f.log.Warn("the certificate has expired", "file", f.cert, "expired", pair.Leaf.NotAfter)
	}
	return nil
}

func (f *Files) stamps() (both [2]stamp) {
	for i, path := range []string{f.cert, f.key} {
		if info, err := os.Stat(path); err == nil {
			both[i] = stamp{info.ModTime().UnixNano(), info.Size()}
		}
	}
	return both
}

func readFile(path string) ([]byte, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxPEM+1))
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, err
	}
	if len(raw) > maxPEM {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxPEM)
	}
	return raw, nil
}
