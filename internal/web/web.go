// Package web serves the web app: the files that `make web` builds from web/ and that the binary
// embeds. It knows nothing of the server behind the page.
package web

import (
	"bytes"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

const (
	indexName = "index.html"
	// assetsPrefix is where the build puts files whose name holds a hash of their content.
	assetsPrefix = "assets/"
	apiPrefix    = "api/"
	// clientPrefix is where the client library is, for pages of other origins too.
	clientPrefix = "client/"
	clientModule = clientPrefix + "sockeye.js"
	clientTypes  = "./sockeye.d.ts"
)

// pages are the pages beside the app itself, by their paths.
var pages = map[string]string{"admin": "admin.html"}

// ownPolicy lets a page load its own files and talk to its own server, and nothing else. The app has
// appPolicy, whose two schemes are for browsers whose 'self' does not cover WebSockets.
const (
	ownPolicy = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	appPolicy = ownPolicy + "; connect-src 'self' ws: wss:; worker-src 'self'"
)

// notBuilt needs no style, script or image, so it holds under the content policy too.
const notBuilt = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sockeye</title></head>
<body>
<h1>The web app is not part of this build</h1>
<p>The server is running and its clients can connect. To have the web app too, run <code>make web</code>
(it needs Node.js 20 or newer with npm), then build the server again with <code>make build</code>.</p>
</body>
</html>
`

type handler struct {
	files map[string]file
}

// NewHandler serves a built web app from dist. Each file is opened here, and read once, when it is asked for first; an error
// is a failure to open one. A dist without index.html counts as not built: a page then says how to build.
func NewHandler(dist fs.FS) (http.Handler, error) {
	files, err := load(dist)
	if err != nil {
		return nil, err
	}
	return &handler{files: files}, nil
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")

	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	policy := appPolicy
	if page, ok := pages[name]; ok {
		name, policy = page, ownPolicy
	}
	header.Set("Content-Security-Policy", policy)
	found, ok := h.files[name]
	isRead := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case !isRead && (ok || name == ""):
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	case ok && name != indexName:
		h.serve(w, r, name, found)
	case name == "" || name == indexName || isRead && isNavigation(r, name):
		h.serveIndex(w, r)
	default:
		header.Set("Cache-Control", "no-store")
		http.Error(w, "not found", http.StatusNotFound)
	}
}

func (h *handler) serveIndex(w http.ResponseWriter, r *http.Request) {
	// The answer to one path depends on these two; see isNavigation.
	w.Header().Add("Vary", "Accept, Sec-Fetch-Mode")
	index, ok := h.files[indexName]
	if !ok {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(notBuilt)) // the browser is gone: nobody to tell
		return
	}
	h.serve(w, r, indexName, index)
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request, name string, f file) {
	sent, err := f.plain()
	if err != nil {
		http.Error(w, "the file cannot be read", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", f.contentType)
	if strings.HasPrefix(name, clientPrefix) {
		// Modules of another origin are fetched by the rules of CORS. Here is nothing that anybody must not read.
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	if name == clientModule {
		header.Set("X-TypeScript-Types", clientTypes) // by which Deno and editors find them
	}
	if strings.HasPrefix(name, assetsPrefix) {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		// Kept by the browser and asked for again each time: a new build shows at once.
		header.Set("Cache-Control", "no-cache")
	}
	if gzipped := f.gzipped(); gzipped.content != nil {
		header.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			header.Set("Content-Encoding", "gzip")
			sent = gzipped
		}
	}
	header.Set("ETag", sent.etag)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(sent.content))
}

// isNavigation tells whether a browser goes to a page of the app, whose router then reads the path.
// What scripts, styles and API clients ask for by a wrong name has to be an honest 404.
func isNavigation(r *http.Request, name string) bool {
	if strings.HasPrefix(name+"/", assetsPrefix) || strings.HasPrefix(name+"/", apiPrefix) || strings.HasPrefix(name, clientPrefix) {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func acceptsGzip(r *http.Request) bool {
	for _, header := range r.Header.Values("Accept-Encoding") {
		for offer := range strings.SplitSeq(header, ",") {
			coding, params, _ := strings.Cut(offer, ";")
			if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				return !isZeroWeight(params)
			}
		}
	}
	return false
}

func isZeroWeight(params string) bool {
	weight, ok := strings.CutPrefix(strings.TrimSpace(params), "q=")
	if !ok {
		return false
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
	return err == nil && value == 0
}
