package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/httpapi/docs"
)

// The page of the document is for everybody, and needs nothing of others.
func TestDocs(t *testing.T) {
	n := serve(t)
	page := n.ask(http.MethodGet, "/api/docs", "", "")
	if page.status != http.StatusOK || page.header.Get("Content-Type") != "text/html; charset=utf-8" || page.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d, %v", page.status, page.header)
	}
	if policy := page.header.Get("Content-Security-Policy"); policy != docs.Policy || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("policy %q", policy)
	}
	for _, part := range []string{`href="/api/docs.css"`, `href="/api/openapi.json"`, "/api/v1/rooms/{roomId}/messages", `id="schema-Problem"`} {
		if !strings.Contains(string(page.body), part) {
			t.Errorf("it lacks %s", part)
		}
	}
	if again := n.ask(http.MethodGet, "/api/docs", "", "", "If-None-Match", page.header.Get("ETag")); again.status != http.StatusNotModified || len(again.body) > 0 {
		t.Errorf("the same again: %d, %d bytes", again.status, len(again.body))
	}
	if style := n.ask(http.MethodGet, "/api/docs.css", "", ""); style.status != http.StatusOK || style.header.Get("Content-Type") != "text/css; charset=utf-8" || len(style.body) == 0 {
		t.Errorf("%d, %v", style.status, style.header)
	}
	if r := n.ask(http.MethodPost, "/api/docs", "", ""); r.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", r.status)
	}
}
