package deploy_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/sockeye-im/sockeye/internal/config"
)

// TestSettingsExist has each variable that what is shipped sets be one that the server reads.
func TestSettingsExist(t *testing.T) {
	files := []string{"compose/compose.yaml", "image/Containerfile", "image/Containerfile.media", "systemd/sockeye.service", "helm/sockeye/templates/_helpers.tpl", "kubernetes/cluster.yaml", "kubernetes/single.yaml"}
	// A variable of the server, not one that compose itself reads: ${SOCKEYE_PORT}.
	variable := regexp.MustCompile(`(^|[^{A-Z_])(SOCKEYE_[A-Z_]*[A-Z])\b`)
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var environ []string
		for line := range strings.Lines(string(content)) {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			for _, found := range variable.FindAllStringSubmatch(line, -1) {
				environ = append(environ, found[2]+"=")
			}
		}
		if warnings := config.UnknownVariables(environ); len(warnings) > 0 {
			t.Errorf("%s: %q", name, warnings)
		}
		if len(environ) == 0 && !strings.HasPrefix(name, "systemd") {
			t.Errorf("%s sets nothing", name)
		}
	}
	if _, err := config.Parse([]string{"--config", "systemd/sockeye.yaml"}, func(string) (string, bool) { return "", false }); err != nil {
		t.Error(err)
	}
}

// TestManifestsAreWhole is the short form of the tests of the chart, which have a module of their own: what is made of it can be read, and
// has the kinds that it should.
func TestManifestsAreWhole(t *testing.T) {
	for name, want := range map[string][]string{
		"single":  {"ConfigMap", "NetworkPolicy", "Service", "StatefulSet"},
		"cluster": {"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"},
	} {
		file, err := os.Open(filepath.Join("kubernetes", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for documents := yaml.NewDecoder(file); ; {
			var object struct {
				Kind     string `yaml:"kind"`
				Metadata struct {
					Name string `yaml:"name"`
				} `yaml:"metadata"`
				Rest map[string]any `yaml:",inline"`
			}
			if err := documents.Decode(&object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if object.Metadata.Name != "sockeye" {
				t.Errorf("%s: %s is called %q", name, object.Kind, object.Metadata.Name)
			}
			kinds = append(kinds, object.Kind)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if slices.Sort(kinds); !slices.Equal(kinds, want) {
			t.Errorf("%s: %q", name, kinds)
		}
	}
}
