package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockeye-im/sockeye/cmd/sockeye/cli"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/doctor"
)

// examined runs the doctor, who finds that.
func examined(t *testing.T, found []doctor.Finding, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = cli.Program{
		Doctor: func(context.Context, config.Config, []string) []doctor.Finding { return found },
		Stdout: &out, Stderr: &problems, Lookup: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
	}.Run(t.Context(), append([]string{"doctor"}, args...))
	return code, out.String(), problems.String()
}

// TestDoctorSaysHowBadItIs by its exit code, and tells the worst first.
func TestDoctorSaysHowBadItIs(t *testing.T) {
	fine := doctor.Finding{Check: "disk", Level: doctor.Fine, Found: "ok"}
	note := doctor.Finding{Check: "clock", Level: doctor.Note, Found: "it ticks"}
	warning := doctor.Finding{Check: "memory", Level: doctor.Warning, Found: "little", Do: "Get more."}
	trouble := doctor.Finding{Check: "secret", Level: doctor.Trouble, Found: "everybody knows it", Do: "Make another one."}
	for _, test := range []struct {
		found []doctor.Finding
		code  int
		want  string
	}{
		{[]doctor.Finding{fine}, 0, "0 troubles, 0 warnings, 0 notes; 1 fine.\n"},
		{[]doctor.Finding{note, fine}, 0, "NOTE: clock: it ticks\n0 troubles, 0 warnings, 1 note; 1 fine.\n"},
		{[]doctor.Finding{note, warning}, 1, "WARNING: memory: little\n    Get more.\nNOTE: clock: it ticks\n0 troubles, 1 warning, 1 note; 0 fine.\n"},
		{[]doctor.Finding{warning, trouble}, 2, "TROUBLE: secret: everybody knows it\n    Make another one.\nWARNING: memory: little\n    Get more.\n1 trouble, 1 warning, 0 notes; 0 fine.\n"},
	} {
		if code, stdout, stderr := examined(t, test.found, nil); code != test.code || stdout != test.want || stderr != "" {
			t.Errorf("exit %d, %q, %q, want %d, %q", code, stdout, stderr, test.code, test.want)
		}
	}
	code, stdout, _ := examined(t, []doctor.Finding{fine, trouble}, nil, "--json")
	var told struct {
		Worst    doctor.Level
		Findings []doctor.Finding
	}
	if err := json.Unmarshal([]byte(stdout), &told); err != nil || code != 2 || told.Worst != doctor.Trouble || len(told.Findings) != 2 || told.Findings[1] != trouble {
		t.Errorf("exit %d, %s, %v", code, stdout, err)
	}
}

// TestDoctorReadsBadSettings: what keeps the server from starting is a finding, whatever is wrong.
func TestDoctorReadsBadSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sockeye.yaml")
	if err := os.WriteFile(file, []byte("lisen: ':3000'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for says, of := range map[string]struct {
		env  map[string]string
		args []string
	}{
		`unknown key "lisen"`:     {args: []string{"--config", file}},
		"SOCKEYE_RATE_EVENTS":     {env: map[string]string{"SOCKEYE_RATE_EVENTS": "often"}},
		"tls-cert and tls-key":    {args: []string{"--tls-cert", "x"}},
		"drain-timeout is 1h0m0s": {args: []string{"--drain-timeout", "1h"}},
	} {
		code, stdout, _ := examined(t, nil, of.env, of.args...)
		if code != 2 || !strings.HasPrefix(stdout, "TROUBLE: settings: ") || !strings.Contains(stdout, says) {
			t.Errorf("%s: exit %d, %s", says, code, stdout)
		}
	}
	if code, _, stderr := examined(t, nil, nil, "--dta"); code != 2 || !strings.Contains(stderr, "unknown flag") {
		t.Errorf("a wrong call: exit %d, %s", code, stderr)
	}
}
