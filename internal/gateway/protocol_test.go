package gateway_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/internal/command"
)

// The document promises what the table in the code has, no more and no less.
func TestProtocolDocument(t *testing.T) {
	document, err := os.ReadFile(filepath.FromSlash("../../docs/protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	for heading, want := range map[string][]string{
		"Commands": command.Names(),
		"Errors":   command.Codes(),
	} {
		got := firstColumn(string(document), heading)
		slices.Sort(got)
		want = slices.Sorted(slices.Values(want))
		if !slices.Equal(got, want) {
			t.Errorf("%s: the document has %q,\nthe code %q", heading, got, want)
		}
	}
}

// firstColumn reads the code spans in the first column of the table below a
// heading.
func firstColumn(document, heading string) []string {
	_, section, _ := strings.Cut(document, "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var names []string
	for line := range strings.Lines(section) {
		if cell, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ := strings.Cut(cell, "`")
			names = append(names, name)
		}
	}
	return names
}
