package chat_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/client"
	"github.com/sockeye-im/sockeye/cmd/sockeye/chat"
)

func TestEnqueueNotices(t *testing.T) {
	var waiting []client.Notice
	for _, tag := range []string{"a", "b", "", "a", ""} {
		waiting = chat.Enqueue(waiting, client.Notice{Tag: tag})
	}
	var tags []string
	for _, n := range waiting {
		tags = append(tags, n.Tag)
	}
	if got := strings.Join(tags, ","); got != "b,,a," {
		t.Errorf("wait: %q", got)
	}
	for range 100 {
		waiting = chat.Enqueue(waiting, client.Notice{Title: "latest"})
	}
	if len(waiting) != chat.MaxNotices || waiting[len(waiting)-1].Title != "latest" {
		t.Errorf("%d wait", len(waiting))
	}
}

// eventually waits for a file that the command writes.
func eventually(t *testing.T, path, want string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		got, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(got), want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s has %q (%v), without %q", path, got, err, want)
		}
	}
}

// The command gets what others have said in variables, and no token; what they write is no command.
func TestNotify(t *testing.T) {
	w := start(t)
	told := filepath.Join(t.TempDir(), "told")
	follow := w.command("bob", "follow", "--no-joins", "--notify",
		`printf '%s|%s|%s|%s\n' "$SOCKEYE_NOTICE_TITLE" "$SOCKEYE_NOTICE_BODY" "$SOCKEYE_NOTICE_SENDER" "${SOCKEYE_TOKEN-none}" >>`+told)
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = follow.Process.Kill(); _ = follow.Wait() })
	for online := false; !online; { // a message from before is none that comes
		w.succeed("ada", "", "send", "--to", "bob", "are you there")
		_, err := os.Stat(told)
		online = err == nil
	}
	w.succeed("ada", "Down\x1b[2J $(touch "+told+".broken); `id`\n", "send", "--to", "bob")
	eventually(t, told, "Ada|Down·[2J $(touch "+told+".broken); `id`|ada|none\n")
	if _, err := os.Stat(told + ".broken"); err == nil {
		t.Error("what was written was run")
	}
}

// A command that fails is said once, and the rest goes on.
func TestNotifyFails(t *testing.T) {
	w := start(t)
	input := `{"command": "message:send", "payload": {"recipientId": "ada", "content": "one"}}` + "\n"
	follow := w.command("bob", "follow", "--json", "--notify", "echo no screen >&2; exit 3")
	out := filepath.Join(t.TempDir(), "out")
	file, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	follow.Stdout = file
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = follow.Process.Kill(); _ = follow.Wait() })
	const failure = "--notify: the command has failed: exit status 3: no screen"
	for said := false; !said; {
		w.succeed("ada", strings.Replace(input, "ada", "bob", 1), "dm", "bob", "--json")
		content, err := os.ReadFile(out)
		said = err == nil && strings.Contains(string(content), failure)
	}
	w.succeed("ada", "", "send", "--to", "bob", "the last one")
	eventually(t, out, "the last one")
	if content, err := os.ReadFile(out); err != nil || strings.Count(string(content), failure) != 1 {
		t.Errorf("said more than once (%v): %s", err, content)
	}
}
