package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAudit(t *testing.T) {
	dir := usedFolder(t)
	if code, _, stderr := operateWith(t, "long enough\n", "user", "create", "--data", dir, "ada"); code != 0 {
		t.Fatal(stderr)
	}
	for _, args := range [][]string{{"admin", "grant", "--data", dir, "ada"}, {"user", "disable", "--data", dir, "ada"}, {"user", "disable", "--data", dir, "ada"}} {
		if code, _, stderr := operate(t, args...); code != 0 {
			t.Fatal(stderr)
		}
	}
	code, table, stderr := operate(t, "audit", "--data", dir)
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	if code != 0 || stderr != "" || len(lines) != 4 || !strings.HasPrefix(lines[0], "TIME ") || !strings.Contains(lines[1], "user_disabled") ||
		!strings.Contains(lines[1], "operator") || !strings.Contains(lines[3], "user_created") {
		t.Fatalf("exit %d, %q, %q", code, table, stderr)
	}
	code, table, stderr = operate(t, "audit", "--data", dir, "--limit", "1", "--since", "1h")
	if code != 0 || strings.Count(table, "\n") != 2 || !strings.HasPrefix(stderr, "There are more") {
		t.Errorf("exit %d, %q, %q", code, table, stderr)
	}
	code, text, stderr := operate(t, "audit", "--data", dir, "--json", "--action", "admin_granted")
	var e struct{ Action, ByKind, Target string }
	if err := json.Unmarshal([]byte(text), &e); err != nil || code != 0 || stderr != "" || e.Action != "admin_granted" || e.ByKind != "operator" || !strings.HasPrefix(e.Target, "u_") {
		t.Errorf("exit %d, %q, %q, %v", code, text, stderr, err)
	}
	for _, args := range [][]string{{"--limit", "501"}, {"--limit", "0"}, {"--since", "-1h"}, {"--user", strings.Repeat("x", 129)}} {
		code, stdout, stderr := operate(t, append([]string{"audit", "--data", dir}, args...)...)
		if code != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit %d, %q, %q", args, code, stdout, stderr)
		}
	}
}
