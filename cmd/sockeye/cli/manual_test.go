package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/sockeye-im/sockeye/internal/config"
)

// The page has every setting, once, and every command.
func TestMan(t *testing.T) {
	code, page, stderr := run(t, nil, mustNotServe(t), "man")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if !strings.HasPrefix(page, `.TH "SOCKEYE" "1" "" "sockeye 1.2.3" ""`+"\n.SH \"NAME\"\nsockeye \\- chat server") {
		t.Errorf("it begins with %.80q", page)
	}
	for _, command := range []string{"serve", "user list", "user password <login>", "chat send", "healthcheck", "completion <shell>"} {
		if !strings.Contains(page, `.SS "sockeye `+command) {
			t.Errorf("it lacks the command %s", command)
		}
	}
	for _, flag := range kong.Must(&config.Config{}, kong.NoDefaultHelp()).Model.Flags {
		name := strings.ReplaceAll("--"+flag.Name, "-", `\-`)
		if n := len(regexp.MustCompile(`(?m)^\\fB`+regexp.QuoteMeta(name)+`(=.*)?\\fR, `).FindAllString(page, -1)); n != 1 {
			t.Errorf("the setting %s is described %d times", flag.Name, n)
		}
	}
	// A line that begins with a dot is a request of man(7), never a text.
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !regexp.MustCompile(`^\.(TH|SH|SS|TP|PP)\b`).MatchString(line) {
			t.Errorf("no request: %s", line)
		}
	}
}

// complete asks bash what it would offer for a line, whose last word is unfinished.
func complete(t *testing.T, folder, script string, line ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	const ask = `source "$1"; shift; COMP_WORDS=(sockeye "$@"); COMP_CWORD=$#; _sockeye; printf '%s\n' "${COMPREPLY[@]}"`
	command := exec.Command("bash", append([]string{"--norc", "-c", ask, "bash", script}, line...)...)
	command.Dir = folder
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return strings.Fields(string(out))
}

func TestCompletionInBash(t *testing.T) {
	code, script, stderr := run(t, nil, mustNotServe(t), "completion", "bash")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	folder := t.TempDir()
	file := filepath.Join(t.TempDir(), "sockeye.bash")
	for name, content := range map[string]string{file: script, filepath.Join(folder, "sockeye.yaml"): ""} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "sockets"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		line []string
		want []string
	}{
		{[]string{"se"}, []string{"serve"}},
		{[]string{"user", "si"}, []string{"sign-out"}},
		{[]string{"serve", "--chat-dm"}, []string{"--chat-dm-policy", "--chat-dm-retention"}},
		{[]string{"--chat-dm"}, nil}, // the program itself has no such flag
		{[]string{"serve", "--config", "sock"}, []string{"sockets", "sockeye.yaml"}},
		{[]string{"serve", "--config", "=", "sock"}, []string{"sockets", "sockeye.yaml"}},
		{[]string{"serve", "--data", "sock"}, []string{"sockets"}},
		{[]string{"serve", "--dev", "--pp"}, []string{"--pprof"}},
		{[]string{"cluster", "--balancer", "n"}, []string{"nginx"}},
		{[]string{"cluster", "--balancer", "="}, []string{"auto", "haproxy", "nginx", "off"}},
		{[]string{"serve", "--listen", ""}, nil}, // nothing is known of it
		{[]string{"backup", "sock"}, []string{"sockets", "sockeye.yaml"}},
	} {
		got := complete(t, folder, file, tc.line...)
		slices.Sort(got)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%q: %q, want %q", tc.line, got, tc.want)
		}
	}
}

// Each shell that the machine has takes its script.
func TestCompletionIsUnderstood(t *testing.T) {
	for shell, check := range map[string][]string{"bash": {"bash", "-n"}, "zsh": {"zsh", "-n"}, "fish": {"fish", "--no-execute"}} {
		code, script, stderr := run(t, nil, mustNotServe(t), "completion", shell)
		if code != 0 || !strings.Contains(script, "chat-dm-policy") {
			t.Errorf("%s: exit %d: %s", shell, code, stderr)
		}
		if _, err := exec.LookPath(shell); err != nil {
			continue
		}
		file := filepath.Join(t.TempDir(), shell)
		if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(check[0], append(check[1:], file)...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", shell, err, out)
		}
	}
	if code, _, stderr := run(t, nil, mustNotServe(t), "completion", "tcsh"); code != 2 || !strings.Contains(stderr, "bash") {
		t.Errorf("another shell: exit %d: %s", code, stderr)
	}
}
