package chat_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/test/program"
)

// folder holds the program; TestMain removes it.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "sockeye-chat-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

var built = sync.OnceValues(func() (string, error) {
	return program.Raced(context.Background(), folder)
})

// patience is how long the program tries to connect, where a test says nothing else.
const patience = "1m0s"

// world is a server, and the program as its users start it.
type world struct {
	t    *testing.T
	path string
	data string
	url  string
}

func start(t *testing.T, settings ...string) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the server")
	}
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, path: path, data: t.TempDir()}
	server := exec.Command(path, append([]string{"serve", "--listen=127.0.0.1:0", "--limits=off", "--log-level=error", "--data", w.data}, settings...)...)
	server.Env = append(os.Environ(), "SOCKEYE_CHAT_DM_POLICY=anyone")
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, w.url, _ = strings.Cut(strings.TrimSpace(line), "ready: ")
	return w
}

func (w *world) token(user string) string {
	w.t.Helper()
	secret, err := account.OpenSecret(w.data)
	if err != nil {
		w.t.Fatal(err)
	}
	issuer, err := account.NewIssuer(secret, time.Now)
	if err != nil {
		w.t.Fatal(err)
	}
	token, err := issuer.Sign(account.UserID(user), strings.ToUpper(user[:1])+user[1:], time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// command is the program as a user starts it, who has set the environment.
func (w *world) command(user string, args ...string) *exec.Cmd {
	c := exec.CommandContext(w.t.Context(), w.path, append([]string{"chat", args[0], "--patience", patience}, args[1:]...)...)
	c.Env = append(os.Environ(), "SOCKEYE_URL="+w.url)
	if user != "" {
		c.Env = append(c.Env, "SOCKEYE_TOKEN="+w.token(user))
	}
	return c
}

// run runs it to its end. That a slow machine takes a while to connect is no complaint.
func (w *world) run(user, input string, args ...string) (code int, stdout, stderr string) {
	w.t.Helper()
	c := w.command(user, args...)
	var out, problems bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(input), &out, &problems
	var failed *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &failed) {
		w.t.Fatal(err)
	}
	said := strings.TrimPrefix(problems.String(), w.url+" does not answer yet, trying for "+patience+"\n")
	return c.ProcessState.ExitCode(), out.String(), said
}

// succeed runs it and wants no complaint.
func (w *world) succeed(user, input string, args ...string) (stdout string) {
	w.t.Helper()
	code, stdout, stderr := w.run(user, input, args...)
	if code != 0 || stderr != "" {
		w.t.Fatalf("%v: exit %d: %s", args, code, stderr)
	}
	return stdout
}

// createRoom makes the room hall, by a program that speaks JSON. A user has to say
// something first, to somebody.
func (w *world) createRoom(user string) {
	w.t.Helper()
	create := `{"command": "room:create", "payload": {"id": "hall", "name": "The hall"}, "ref": "r"}` + "\n"
	out := w.succeed(user, create, "dm", "nobody", "--json")
	if !strings.Contains(out, `"answer":"room:create","ref":"r"`) || strings.Contains(out, `"error"`) {
		w.t.Fatalf("no room: %s", out)
	}
}

func wantInOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Fatalf("%q does not come, or not after those before it, in:\n%s", part, text)
		}
		rest = after
	}
}

func TestRoom(t *testing.T) {
	for _, protocol := range []string{"socketio", "websocket"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.createRoom("ada")
			out := w.succeed("ada", "Hello\n\n//slash\n/me waves\n/nope\n/who\n", "room", "hall", "--protocol", protocol)
			wantInOrder(t, out, "You are in The hall (hall).", "there is no /nope", "Ada, admin")
			wantInOrder(t, out, " Ada: Hello\n", " Ada: /slash\n", " Ada: *waves*\n")
			out = w.succeed("bob", "\x1b[2Jred\n/history 2\n/quit\nnot said\n", "room", "hall", "--protocol", protocol)
			wantInOrder(t, out, "Ada: Hello", "Ada: /slash", "Ada: *waves*")
			if strings.Contains(out, "\x1b") || strings.Contains(out, "not said") {
				t.Errorf("got %q", out)
			}
			out = w.succeed("ada", "", "room", "hall", "--history", "1", "--protocol", protocol)
			if wantInOrder(t, out, " Bob: ·[2Jred\n"); strings.Contains(out, "waves") {
				t.Errorf("more than one was shown: %q", out)
			}
		})
	}
}

func TestDirect(t *testing.T) {
	w := start(t)
	if out := w.succeed("ada", "", "send", "--to", "bob", "how", "are", "you"); out != "" {
		t.Errorf("says %q", out)
	}
	out := w.succeed("bob", "fine\nand you\n/who\n", "dm", "ada")
	wantInOrder(t, out, "You are with Ada.", " Ada: how are you\n")
	wantInOrder(t, out, " Bob: fine\n", " Bob: and you\n")
	if strings.Count(out, "fine") != 1 {
		t.Errorf("said twice: %s", out)
	}
}

// An account is found by its login name, as people know it.
func TestDirectByLogin(t *testing.T) {
	w := start(t)
	create := exec.CommandContext(t.Context(), w.path, "user", "create", "Grace", "--name=Grace Hopper", "--data", w.data)
	create.Stdin = strings.NewReader("correct horse battery staple\n")
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"grace", "@GRACE"} {
		w.succeed("ada", "", "send", "--to", name, "to "+name)
	}
	out := w.succeed("", "", "dm", "ada", "--user=grace", "--password=correct horse battery staple")
	wantInOrder(t, out, " Ada: to grace\n", " Ada: to @GRACE\n")
	wantInOrder(t, w.succeed("ada", "", "dm", "grace"), "You are with Grace Hopper (@Grace).", "to grace")
}

// Where direct messages are for friends, a slip in the name is not taken for a stranger.
func TestDirectToNobody(t *testing.T) {
	w := start(t, "--chat-dm-policy=friends")
	code, _, stderr := w.run("ada", "", "send", "--to", "grce", "hello")
	if want := `no user with the id or the login "grce" is known: message:send: Can only send messages to friends`; code != 1 || !strings.Contains(stderr, want) {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// TestSend sends what comes from a pipe, in order, and says where it is.
func TestSend(t *testing.T) {
	w := start(t)
	w.createRoom("ada")
	var input strings.Builder
	for i := range 100 {
		_, _ = fmt.Fprintf(&input, "{\"content\": \"line %d\", \"clientMsgId\": \"id-%d\"}\n", i, i)
	}
	for range 2 { // the second time changes nothing
		lines := strings.Split(strings.TrimSpace(w.succeed("ada", input.String(), "send", "--room", "hall", "--json")), "\n")
		if len(lines) != 100 {
			t.Fatalf("%d lines", len(lines))
		}
		for i, line := range lines {
			var sent struct {
				ClientMsgID string
				Seq         int
			}
			if err := json.Unmarshal([]byte(line), &sent); err != nil || sent.ClientMsgID != fmt.Sprintf("id-%d", i) || sent.Seq != i+2 {
				t.Fatalf("line %d is %s: %v", i, line, err)
			}
		}
	}
}

// TestFollow hears what others say while it runs, and ends well when it is told to.
func TestFollow(t *testing.T) {
	w := start(t)
	w.createRoom("ada")
	c := w.command("bob", "follow", "hall", "--json")
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	until(t, lines, `"client:caught_up"`)
	w.succeed("ada", "", "send", "--room", "hall", "Noodles?")
	var told struct {
		Event   string
		Payload struct{ Content, SenderID, RoomID string }
	}
	if err := json.Unmarshal([]byte(until(t, lines, `"room:message"`)), &told); err != nil {
		t.Fatal(err)
	}
	if p := told.Payload; p.Content != "Noodles?" || p.SenderID != "ada" || p.RoomID != "hall" {
		t.Errorf("got %+v", told)
	}
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, lines) // to the end
	if err := c.Wait(); err != nil {
		t.Errorf("an interrupt ends it with %v", err)
	}
}

func until(t *testing.T, lines *bufio.Reader, part string) string {
	t.Helper()
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%s did not come: %v", part, err)
		}
		if strings.Contains(line, part) {
			return line
		}
	}
}

// A server that does not answer is not waited for without a word.
func TestNobodyAnswers(t *testing.T) {
	w := start(t)
	code, _, stderr := w.run("ada", "", "room", "hall", "--url=http://127.0.0.1:1", "--patience=4s")
	if code != 1 || !strings.HasPrefix(stderr, "http://127.0.0.1:1 does not answer yet, trying for 4s\nsockeye: --url http://127.0.0.1:1 ") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

func TestMistakes(t *testing.T) {
	w := start(t)
	for name, tc := range map[string]struct {
		user, input string
		args        []string
		code        int
		says        string
	}{
		"nobody":          {"", "", []string{"room", "hall"}, 2, "--token"},
		"no password":     {"", "", []string{"room", "hall", "--user=ada"}, 2, "--password"},
		"wrong password":  {"", "", []string{"room", "hall", "--user=ada", "--password=battery"}, 1, "--password"},
		"wrong token":     {"", "", []string{"room", "hall", "--token=x"}, 1, "--token"},
		"no such server":  {"ada", "", []string{"room", "hall", "--url=http://127.0.0.1:1", "--patience=1s"}, 1, "--url http://127.0.0.1:1"},
		"no URL":          {"ada", "", []string{"room", "hall", "--url=chat"}, 2, "--url"},
		"no scheme":       {"ada", "", []string{"room", "hall", "--url=127.0.0.1:3000"}, 2, `--url: URL is "127.0.0.1:3000", it must be like`},
		"unknown scheme":  {"ada", "", []string{"room", "hall", "--url=ftp://chat"}, 2, "--url"},
		"protocol":        {"ada", "", []string{"room", "hall", "--protocol=smtp"}, 2, "--protocol"},
		"history":         {"ada", "", []string{"room", "hall", "--history=51"}, 2, "--history"},
		"patience":        {"ada", "", []string{"room", "hall", "--patience=0s"}, 2, "--patience"},
		"no room":         {"ada", "", []string{"room"}, 2, "<id>"},
		"unknown room":    {"ada", "hi\n", []string{"room", "hall"}, 1, "room_not_found"},
		"follow unknown":  {"ada", "", []string{"follow", "hall"}, 1, "room hall"},
		"send to nobody":  {"ada", "", []string{"send", "hi"}, 2, "--room"},
		"send to both":    {"ada", "", []string{"send", "--room=hall", "--to=bob", "hi"}, 2, "--to"},
		"send to oneself": {"ada", "", []string{"send", "--to=ada", "hi"}, 1, "recipientId"},
		"refused":         {"ada", strings.Repeat("x", 10001) + "\n", []string{"dm", "bob"}, 1, "10000"},
		"no JSON":         {"ada", "hello\n", []string{"dm", "bob", "--json"}, 1, "input:"},
		"empty JSON":      {"ada", "{}\n", []string{"dm", "bob", "--json"}, 1, "content"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, stderr := w.run(tc.user, tc.input, tc.args...)
			if code != tc.code || !strings.Contains(stderr, tc.says) || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "sockeye: ") {
				t.Errorf("exit %d, want %d; stderr %q lacks %q", code, tc.code, stderr, tc.says)
			}
		})
	}
}
