//go:build linux

package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestUnits has systemd itself read the units, and say how much the service may do beyond what it needs.
func TestUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze")
	}
	folder := t.TempDir()
	for _, name := range []string{"sockeye.service", "sockeye.socket"} {
		unit, err := os.ReadFile(filepath.Join("systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		// Where the program would be there is another one: systemd asks whether it can be run.
		text := strings.ReplaceAll(string(unit), "/usr/bin/sockeye", "/bin/true")
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	service, socket := filepath.Join(folder, "sockeye.service"), filepath.Join(folder, "sockeye.socket")
	if out, err := exec.Command(analyze, "verify", "--man=no", service, socket).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	// From 0, which can do nothing, to 100; below 20 is what systemd calls OK.
	out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=20", "--no-pager", service).CombinedOutput()
	if level := regexp.MustCompile(`Overall exposure level.*`).Find(out); err != nil || level == nil {
		t.Errorf("security: %v\n%s", err, out)
	} else {
		t.Logf("%s", level)
	}
}
