package web_test

import (
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sockeye-im/sockeye/internal/web"
)

const (
	immutable  = "public, max-age=31536000, immutable"
	scriptPath = "/assets/index-4f2a.js"
)

var script = strings.Repeat("console.log('sockeye');\n", 200)

func built() fstest.MapFS {
	return fstest.MapFS{
		".gitkeep":              {},
		".hidden/secret.txt":    {Data: []byte("secret")},
		"index.html":            {Data: []byte("<!doctype html><title>Sockeye</title>")},
		"admin.html":            {Data: []byte("<!doctype html><title>Administration</title>")},
		"worker.js":             {Data: []byte("self")},
		"favicon.svg":           {Data: []byte("<svg/>")},
		"assets/index-4f2a.js":  {Data: []byte(script)},
		"assets/index-77c0.css": {Data: []byte("body{}")},
		"assets/odd.sockeye":    {Data: []byte("<script>")},
		"client/sockeye.js":     {Data: []byte("export class SockeyeClient {}")},
		"client/sockeye.d.ts":   {Data: []byte("export * from")},
	}
}

func handler(t *testing.T, dist fs.FS) http.Handler {
	t.Helper()
	h, err := web.NewHandler(dist)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// ask answers a request whose headers are given as alternating names and values.
func ask(h http.Handler, method, path string, headers ...string) *http.Response {
	request := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	return recorder.Result()
}

func body(t *testing.T, response *http.Response) string {
	t.Helper()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestFiles(t *testing.T) {
	h := handler(t, built())
	tests := []struct {
		path, contentType, cache, content string
	}{
		{"/", "text/html; charset=utf-8", "no-cache", "<title>Sockeye</title>"},
		{"/index.html", "text/html; charset=utf-8", "no-cache", "<title>Sockeye</title>"},
		{"/admin", "text/html; charset=utf-8", "no-cache", "<title>Administration</title>"},
		{"/admin/", "text/html; charset=utf-8", "no-cache", "<title>Administration</title>"},
		{"/worker.js", "text/javascript; charset=utf-8", "no-cache", "self"}, // or browsers would keep an old one
		{"/favicon.svg", "image/svg+xml", "no-cache", "<svg/>"},
		{scriptPath, "text/javascript; charset=utf-8", immutable, script},
		{"/assets/index-77c0.css", "text/css; charset=utf-8", immutable, "body{}"},
		{"/client/sockeye.js", "text/javascript; charset=utf-8", "no-cache", "SockeyeClient"},
		{"/client/sockeye.d.ts", "application/typescript", "no-cache", "export * from"},
		{"/assets/odd.sockeye", "application/octet-stream", immutable, "<script>"},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			response := ask(h, http.MethodGet, test.path)
			if response.StatusCode != http.StatusOK {
				t.Fatalf("status %d", response.StatusCode)
			}
			if got := response.Header.Get("Content-Type"); got != test.contentType {
				t.Errorf("Content-Type %q, want %q", got, test.contentType)
			}
			if got := response.Header.Get("Cache-Control"); got != test.cache {
				t.Errorf("Cache-Control %q, want %q", got, test.cache)
			}
			if got := body(t, response); !strings.Contains(got, test.content) {
				t.Errorf("body %q", got)
			}
		})
	}
}

// The client library is for pages of other origins too, and nothing else is.
func TestClientLibrary(t *testing.T) {
	h := handler(t, built())
	for path, open := range map[string]bool{"/client/sockeye.js": true, "/client/sockeye.d.ts": true, "/": false, scriptPath: false, "/client/missing.js": false} {
		header := ask(h, http.MethodGet, path, "Origin", "https://app.example").Header
		if allowed := header.Get("Access-Control-Allow-Origin"); (allowed == "*") != open || (header.Get("Cross-Origin-Resource-Policy") == "cross-origin") != open {
			t.Errorf("%s: %v", path, header)
		}
	}
	if types := ask(h, http.MethodGet, "/client/sockeye.js").Header.Get("X-TypeScript-Types"); types != "./sockeye.d.ts" {
		t.Errorf("types at %q", types)
	}
	if status := ask(h, http.MethodGet, "/client/missing", "Accept", "text/html", "Sec-Fetch-Mode", "navigate").StatusCode; status != http.StatusNotFound {
		t.Errorf("a name that is none: %d", status)
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	guards := map[string][]string{
		"Content-Security-Policy": {"default-src 'self'", "frame-ancestors 'none'"},
		"X-Content-Type-Options":  {"nosniff"},
		"Referrer-Policy":         {"no-referrer"},
	}
	dists := map[string]fstest.MapFS{"built": built(), "not built": {}}
	for name, dist := range dists {
		for _, path := range []string{"/", "/admin", scriptPath, "/missing.js"} {
			response := ask(handler(t, dist), http.MethodGet, path)
			for header, parts := range guards {
				for _, part := range parts {
					if got := response.Header.Get(header); !strings.Contains(got, part) {
						t.Errorf("%s, %s: %s is %q, without %q", name, path, header, got, part)
					}
				}
			}
			policy := response.Header.Get("Content-Security-Policy")
			if strings.Contains(policy, "unsafe") {
				t.Errorf("%s, %s: unsafe content policy %q", name, path, policy)
			}
			if hasSchemes := strings.Contains(policy, "connect-src 'self' ws: wss:"); hasSchemes != (path != "/admin") {
				t.Errorf("%s, %s: content policy %q", name, path, policy)
			}
		}
	}
}

func TestPagesOfTheAppAreForNavigationsOnly(t *testing.T) {
	const html = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
	h := handler(t, built())
	tests := []struct {
		name, path, accept, mode string
		want                     int
	}{
		{"browser", "/rooms/lobby", html, "navigate", http.StatusOK},
		{"browser, name with a dot", "/rooms/v1.2", html, "navigate", http.StatusOK},
		{"older browser", "/rooms/lobby", html, "", http.StatusOK},
		{"fetch that accepts HTML", "/rooms/lobby", html, "cors", http.StatusNotFound},
		{"script", "/missing.js", "*/*", "no-cors", http.StatusNotFound},
		{"curl", "/rooms/lobby", "*/*", "", http.StatusNotFound},
		{"no Accept", "/rooms/lobby", "", "", http.StatusNotFound},
		{"asset of an older build", "/assets/index-0000.js", html, "navigate", http.StatusNotFound},
		{"folder", "/assets/", html, "navigate", http.StatusNotFound},
		{"API", "/api/v2/rooms", html, "navigate", http.StatusNotFound},
		{"API root", "/api", html, "navigate", http.StatusNotFound},
		{"placeholder", "/.gitkeep", "*/*", "", http.StatusNotFound},
		{"hidden folder", "/.hidden/secret.txt", "*/*", "", http.StatusNotFound},
		{"way out", "/../../etc/passwd", "*/*", "", http.StatusNotFound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var headers []string
			if test.accept != "" {
				headers = append(headers, "Accept", test.accept)
			}
			if test.mode != "" {
				headers = append(headers, "Sec-Fetch-Mode", test.mode)
			}
			response := ask(h, http.MethodGet, test.path, headers...)
			if response.StatusCode != test.want {
				t.Fatalf("status %d, want %d", response.StatusCode, test.want)
			}
			if isPage := strings.Contains(body(t, response), "<title>Sockeye</title>"); isPage != (test.want == http.StatusOK) {
				t.Errorf("page sent: %t", isPage)
			}
			if cache := response.Header.Get("Cache-Control"); strings.Contains(cache, "immutable") {
				t.Errorf("Cache-Control %q would outlive the next build", cache)
			}
		})
	}
}

func TestCompression(t *testing.T) {
	h := handler(t, built())
	plain := ask(h, http.MethodGet, scriptPath)
	zipped := ask(h, http.MethodGet, scriptPath, "Accept-Encoding", "br, GZIP;q=0.8")

	if got := zipped.Header.Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding %q", got)
	}
	reader, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil || string(content) != script {
		t.Errorf("unzipped to %d bytes, %v", len(content), err)
	}
	if plain.Header.Get("Content-Encoding") != "" || body(t, plain) != script {
		t.Error("compressed for a client that did not offer it")
	}
	if plain.Header.Get("ETag") == zipped.Header.Get("ETag") {
		t.Error("both encodings share an ETag")
	}
	for name, response := range map[string]*http.Response{"plain": plain, "gzip": zipped} {
		if got := response.Header.Get("Vary"); got != "Accept-Encoding" {
			t.Errorf("%s: Vary %q", name, got)
		}
	}
	for _, offer := range []string{"gzip;q=0", "gzip; q=0.0", "br", "x-gzipped"} {
		if got := ask(h, http.MethodGet, scriptPath, "Accept-Encoding", offer).Header.Get("Content-Encoding"); got != "" {
			t.Errorf("offer %q: Content-Encoding %q", offer, got)
		}
	}
	if got := ask(h, http.MethodGet, "/favicon.svg", "Accept-Encoding", "gzip").Header.Get("Content-Encoding"); got != "" {
		t.Errorf("a tiny file was compressed: %q", got)
	}
}

func TestRevalidation(t *testing.T) {
	h := handler(t, built())
	etag := ask(h, http.MethodGet, "/").Header.Get("ETag")
	if etag == "" {
		t.Fatal("no ETag")
	}
	if got := ask(h, http.MethodGet, "/", "If-None-Match", etag); got.StatusCode != http.StatusNotModified {
		t.Errorf("unchanged: status %d", got.StatusCode)
	}
	rebuilt := built()
	rebuilt["index.html"] = &fstest.MapFile{Data: []byte("<!doctype html><title>Sockeye</title> new")}
	if got := ask(handler(t, rebuilt), http.MethodGet, "/", "If-None-Match", etag); got.StatusCode != http.StatusOK {
		t.Errorf("after another build: status %d", got.StatusCode)
	}
}

func TestMethods(t *testing.T) {
	h := handler(t, built())
	head := ask(h, http.MethodHead, scriptPath)
	if head.StatusCode != http.StatusOK || body(t, head) != "" {
		t.Errorf("HEAD: status %d", head.StatusCode)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodTrace} {
		response := ask(h, method, "/")
		if response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d, Allow %q", method, response.StatusCode, response.Header.Get("Allow"))
		}
		// Such as an endpoint that this server does not offer: the page tells by the 404.
		if got := ask(h, method, "/api/dev/login", "Accept", "text/html"); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s of an unknown path: status %d", method, got.StatusCode)
		}
		if got := ask(h, method, "/rooms/lobby", "Accept", "text/html"); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s of a page: status %d", method, got.StatusCode)
		}
	}
}

func TestWithoutABuild(t *testing.T) {
	h := handler(t, fstest.MapFS{".gitkeep": {}})
	response := ask(h, http.MethodGet, "/", "Accept", "text/html")
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", response.StatusCode)
	}
	if got := body(t, response); !strings.Contains(got, "make web") {
		t.Errorf("the page does not say how to build: %q", got)
	}
	if got := response.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
}

type brokenFS struct{ fstest.MapFS }

var errBroken = errors.New("broken disk")

func (brokenFS) ReadFile(string) ([]byte, error) { return nil, errBroken }

type closedFS struct{ fstest.MapFS }

func (f closedFS) Open(name string) (fs.File, error) {
	if name == "index.html" {
		return nil, errBroken
	}
	return f.MapFS.Open(name)
}

func TestUnreadableFiles(t *testing.T) {
	if _, err := web.NewHandler(closedFS{built()}); !errors.Is(err, errBroken) {
		t.Errorf("error %v, want one that wraps %v", err, errBroken)
	}
	h := handler(t, brokenFS{built()})
	for range 2 {
		if response := ask(h, http.MethodGet, scriptPath); response.StatusCode != http.StatusInternalServerError {
			t.Errorf("a file that cannot be read: status %d", response.StatusCode)
		}
	}
}

// The binary's own files work whether or not the web app was built before it.
func TestEmbedded(t *testing.T) {
	response := ask(web.Handler(), http.MethodGet, "/")
	content := body(t, response)
	isPage := response.StatusCode == http.StatusOK && strings.Contains(content, `<div id="app">`)
	isExplained := response.StatusCode == http.StatusServiceUnavailable && strings.Contains(content, "make web")
	if !isPage && !isExplained {
		t.Errorf("status %d, %q", response.StatusCode, content)
	}
}
