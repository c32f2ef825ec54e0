package docs_test

import (
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/sockeye-im/sockeye/internal/httpapi"
	"github.com/sockeye-im/sockeye/internal/httpapi/docs"
	"github.com/sockeye-im/sockeye/internal/httpapi/openapi"
)

// parse reads a page, and returns the ids, the targets of its links within the page, and its texts.
func parse(t *testing.T, page []byte) (ids map[string]int, links []string, elements map[string]int, text string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(string(page)))
	if err != nil {
		t.Fatal(err)
	}
	ids, elements = make(map[string]int), make(map[string]int)
	var all strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode {
			all.WriteString(n.Data + "\n")
		}
		if n.Type != html.ElementNode {
			continue
		}
		elements[n.Data]++
		for _, a := range n.Attr {
			if a.Key == "id" {
				ids[a.Val]++
			}
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				elements["@"+a.Key]++
			}
			if target, here := strings.CutPrefix(a.Val, "#"); here && a.Key == "href" {
				links = append(links, target)
			}
		}
	}
	return ids, links, elements, all.String()
}

// The page of the server's own document has every operation, and every link leads somewhere.
func TestPageOfTheAPI(t *testing.T) {
	document, err := httpapi.Document(httpapi.Config{MaxText: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	page, err := docs.Page(document, "/style.css", "/api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	ids, links, elements, text := parse(t, page)
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%s is there %d times", id, n)
		}
	}
	for _, target := range links {
		if ids[strings.ReplaceAll(target, "%20", " ")] == 0 {
			t.Errorf("a link leads to #%s, which is not there", target)
		}
	}
	// Nothing for which the content policy has to be wider.
	for _, name := range []string{"script", "style", "img", "iframe", "form", "@style", "@onclick", "@onload"} {
		if elements[name] > 0 {
			t.Errorf("there are %d of %s", elements[name], name)
		}
	}
	var doc openapi.Document
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	operations := 0
	for path, item := range doc.Paths {
		for _, op := range item {
			operations++
			if ids[op.OperationID] != 1 || !strings.Contains(text, op.Summary) || !strings.Contains(text, path) {
				t.Errorf("%s is missing", op.OperationID)
			}
		}
	}
	if operations < 50 || elements["article"] != operations+len(doc.Components.Schemas) {
		t.Errorf("%d operations, %d articles", operations, elements["article"])
	}
}

// Whatever a document says is text.
func TestTextsAreTexts(t *testing.T) {
	const evil = `<script>alert(1)</script>"'&`
	word, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	document := strings.ReplaceAll(`{"info":{"title":X,"version":X,"description":X},"tags":[{"name":X,"description":X}],"paths":{"/a":{"get":{"operationId":X,"summary":X,
		"description":X,"tags":[X],"parameters":[{"name":X,"in":X,"description":X,"schema":{"type":X,"enum":[X]}}],"security":[{"a":[]}],
		"requestBody":{"content":{"j":{"schema":{"type":"object","properties":{"a":{"description":X,"default":X}}},"example":{"a":X}}}},
		"responses":{"200":{"description":X}}}}},"components":{"schemas":{"A":{"description":X,"type":["object",X]}}}}`, "X", string(word))
	page, err := docs.Page([]byte(document), "/style.css", "/api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	_, _, elements, text := parse(t, page)
	if elements["script"] > 0 || strings.Count(text, "alert(1)") < 12 {
		t.Errorf("%d scripts, %d texts", elements["script"], strings.Count(text, "alert(1)"))
	}
}

func FuzzPage(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"paths":{"/a":{"get":{"responses":{"200":{"$ref":"#/components/responses/x"},"default":null}}}},"components":{"schemas":{"a":null}}}`))
	f.Add([]byte(`{"paths":{"/a":{"get":{"requestBody":{"content":{"a":{}}},"parameters":[{}],"security":[null]}}}}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		page, err := docs.Page(document, "/style.css", "/api/openapi.json")
		if err != nil {
			return
		}
		if _, _, elements, _ := parse(t, page); elements["script"] > 0 {
			t.Errorf("a script: %s", page)
		}
	})
}
