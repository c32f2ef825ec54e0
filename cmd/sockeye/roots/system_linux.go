package roots

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// system is where crypto/x509 looks on Linux (root_linux.go): in the first of the files that can be read, and in the folders.
// The environment names others, as it does for OpenSSL.
type system struct{ files, folders []string }

var usual = system{
	files: []string{
		"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Gentoo, Arch
		"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL 6
		"/etc/ssl/ca-bundle.pem",                            // openSUSE
		"/etc/pki/tls/cacert.pem",                           // OpenELEC
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // CentOS, RHEL 7
		"/etc/ssl/cert.pem",                                 // Alpine
	},
	folders: []string{"/etc/ssl/certs", "/etc/pki/tls/certs"},
}

// systemHasSome tells whether the system names an authority. Where GODEBUG asks for the fallback crypto/x509 decides.
func systemHasSome() bool {
	if strings.Contains(os.Getenv("GODEBUG"), "x509usefallbackroots") {
		return false
	}
	looked := usual
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		looked.files = []string{file}
	}
	if folders := os.Getenv("SSL_CERT_DIR"); folders != "" {
		looked.folders = strings.Split(folders, ":")
	}
	return looked.hasSome()
}

func (s system) hasSome() bool {
	for _, name := range s.files {
		if found, err := hasCertificate(name); err == nil {
			if found {
				return true
			}
			break
		}
	}
	for _, folder := range s.folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			if found, err := hasCertificate(filepath.Join(folder, entry.Name())); err == nil && found {
				return true
			}
		}
	}
	return false
}

// hasCertificate looks for one in PEM.
func hasCertificate(name string) (bool, error) {
	file, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // it was only read
	var chunk [16 << 10]byte
	mark := []byte("-----BEGIN CERTIFICATE-----")
	for kept := 0; ; {
		n, err := file.Read(chunk[kept:])
		if bytes.Contains(chunk[:kept+n], mark) {
			return true, nil
		}
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				return false, nil
			}
			return false, err
		}
		kept = copy(chunk[:], chunk[max(0, kept+n-len(mark)):kept+n])
	}
}
