// Package documents_test holds the documentation to what is there: tests that it names, and files that it leads to.
package documents_test

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// named finds tests by the folder of their package and their name.
var named = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`")

// TestSecurityIsHeld says that each row of docs/security.md names tests, and that these are there.
func TestSecurityIsHeld(t *testing.T) {
	content, err := os.ReadFile(root + "/docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, tests := 0, 0
	for line := range strings.Lines(string(content)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || len(cells) != 3 || strings.HasPrefix(line, "| asked") || strings.HasPrefix(line, "| ---") {
			continue
		}
		rows++
		found := named.FindAllStringSubmatch(cells[2], -1)
		if dash := strings.HasPrefix(cells[0], " — "); dash != (len(found) == 0) {
			t.Errorf("has a dash: %v, and %d tests: %s", dash, len(found), line)
		}
		if rest := strings.TrimSpace(named.ReplaceAllString(cells[2], "")); rest != "" {
			t.Errorf("is no name of a test: %s", rest)
		}
		for _, test := range found {
			tests++
			if !exists(t, test[1], test[2]) {
				t.Errorf("there is no test %s in %s", test[2], test[1])
			}
		}
	}
	if rows < 40 || tests < rows {
		t.Errorf("%d rows with %d tests", rows, tests)
	}
}

// TestThreatsAreHeld says that the tests that docs/threat-model.md names are there, and that each row with a column for them has some.
func TestThreatsAreHeld(t *testing.T) {
	content, err := os.ReadFile(root + "/docs/threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, within := 0, false
	for line := range strings.Lines(string(content)) {
		within = strings.HasPrefix(line, "|") && (within || strings.HasPrefix(line, "| who | is in the way | held by |"))
		if !within || strings.HasPrefix(line, "| who |") || strings.HasPrefix(line, "| --- |") {
			continue
		}
		rows++
		found := named.FindAllStringSubmatch(line, -1)
		if len(found) == 0 {
			t.Errorf("names no test: %s", line)
		}
		for _, test := range found {
			if !exists(t, test[1], test[2]) {
				t.Errorf("there is no test %s in %s", test[2], test[1])
			}
		}
	}
	if rows < 20 {
		t.Errorf("%d rows", rows)
	}
}

// exists looks for a test in the files of a package.
func exists(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}

// link finds what a page leads to.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinksLeadSomewhere follows the links of all pages to files and headings of the repository.
func TestLinksLeadSomewhere(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md", "web/client/*.md", "examples/*/*.md", "bench/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	links := 0
	for _, page := range pages {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(string(content), -1) {
			target, err := url.Parse(found[1])
			if err != nil || target.Scheme != "" {
				continue
			}
			links++
			to := page
			if target.Path != "" {
				to = filepath.Join(filepath.Dir(page), target.Path)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %s leads nowhere", page, found[1])
				continue
			}
			if target.Fragment != "" && strings.HasSuffix(to, ".md") && !headings(t, to)[target.Fragment] {
				t.Errorf("%s: %s has no such heading", page, found[1])
			}
		}
	}
	if links < 50 {
		t.Errorf("%d links", links)
	}
}

// notInAnchors is what GitHub leaves out of the anchor of a heading.
var notInAnchors = regexp.MustCompile(`[^\p{L}\p{N}\- ]`)

// headings are the anchors of a page.
func headings(t *testing.T, page string) map[string]bool {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]bool)
	for line := range strings.Lines(string(content)) {
		if title, is := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); is && strings.HasPrefix(line, "#") {
			anchor := strings.ToLower(notInAnchors.ReplaceAllString(strings.TrimSpace(title), ""))
			all[strings.ReplaceAll(anchor, " ", "-")] = true
		}
	}
	return all
}
