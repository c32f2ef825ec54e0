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
	"sync"
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
	".ts":          "application/typescript",
	".txt":         "text/plain; charset=utf-8",
	".webmanifest": "application/manifest+json",
	".woff2":       "font/woff2",
}

// file is one built file as it goes out.
type file struct {
	contentType string
	// plain reads the file when it is called first, so that a server that nobody asks for it does without the memory; an
	// error stays. gzipped is without content when compression does not pay. Its first call compresses, so that a server
	// starts without. Others at the same time wait for either.
	plain   func() (representation, error)
	gzipped func() representation
}

type representation struct {
	content []byte
	etag    string
}

// load opens every file of dist but those whose path has an element that starts with a dot.
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
		opened, err := dist.Open(name)
		if err != nil {
			return err
		}
		files[name] = newFile(dist, name)
		return opened.Close()
	})
	if err != nil {
		return nil, fmt.Errorf("read the web app: %w", err)
	}
	return files, nil
}

func newFile(dist fs.FS, name string) file {
	contentType, ok := contentTypes[path.Ext(name)]
	if !ok {
		contentType = "application/octet-stream"
	}
	plain := sync.OnceValues(func() (representation, error) {
		content, err := fs.ReadFile(dist, name)
		return newRepresentation(content), err
	})
	gzipped := sync.OnceValue(func() representation {
		read, _ := plain() // what cannot be read is empty
		return gzipOf(read.content)
	})
	return file{contentType: contentType, plain: plain, gzipped: gzipped}
}

// gzipOf compresses content, if that pays.
func gzipOf(content []byte) representation {
	if len(content) < smallestToCompress {
		return representation{}
	}
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = zip.Write(content)
	}
	if err == nil {
		err = zip.Close()
	}
	if err != nil || out.Len() >= len(content) { // a buffer takes everything: it goes out plain, whatever it was
		return representation{}
	}
	return newRepresentation(out.Bytes())
}

func newRepresentation(content []byte) representation {
	sum := sha256.Sum256(content)
	return representation{content: content, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}
}
