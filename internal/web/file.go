package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// smallestToCompress is in bytes; below it the header costs about what compression saves.
const smallestToCompress = 1024

// contentTypes stands in for the mime package, whose answers depend on the machine: with `nosniff` a
// wrong one breaks the page.
var contentTypes = map[string]string{
	".css":         "text/css; charset=utf-8",
	".html":        "text/html; charset=utf-8",
	".ico":         "image/x-icon",
	".js":          "text/javascript; charset=utf-8",
	".json":        "application/json",
	".map":         "application/json",
	".png":         "image/png",
	".svg":         "image/svg+xml",
	".txt":         "text/plain; charset=utf-8",
	".webmanifest": "application/manifest+json",
	".woff2":       "font/woff2",
}

// file is one built file as it goes out; nothing in it changes after loading.
type file struct {
	contentType string
	plain       representation
	gzipped     representation // without content when compression does not pay
}

type representation struct {
	content []byte
	etag    string
}

// load reads every file of dist but those whose path has an element that starts with a dot.
func load(dist fs.FS) (map[string]file, error) {
	files := make(map[string]file)
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		}
		content, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		files[name], err = newFile(name, content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the web app: %w", err)
	}
	return files, nil
}

func newFile(name string, content []byte) (file, error) {
	contentType, ok := contentTypes[path.Ext(name)]
	if !ok {
		contentType = "application/octet-stream"
	}
	built := file{contentType: contentType, plain: newRepresentation(content)}
	if len(content) < smallestToCompress {
		return built, nil
	}
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return file{}, err
	}
	if _, err := zip.Write(content); err != nil {
		return file{}, err
	}
	if err := zip.Close(); err != nil {
		return file{}, err
	}
	if out.Len() < len(content) {
		built.gzipped = newRepresentation(out.Bytes())
	}
	return built, nil
}

func newRepresentation(content []byte) representation {
	sum := sha256.Sum256(content)
	return representation{content: content, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}
}
