package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-im/sockeye/cmd/sockeye/cli"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/config"
	"github.com/sockeye-im/sockeye/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type serveFunc = func(context.Context, config.Config, *slog.Logger, func(string)) error

// run runs the program as a shell would and returns what the shell would see.
func run(t *testing.T, env map[string]string, serve serveFunc, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems strings.Builder
	code = cli.Program{
		Serve: serve, Secret: app.KnownSecret, Version: "1.2.3", Stdout: &out, Stderr: &problems,
		Lookup: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
	}.Run(t.Context(), args)
	return code, out.String(), problems.String()
}

func mustNotServe(t *testing.T) serveFunc {
	return func(context.Context, config.Config, *slog.Logger, func(string)) error {
		t.Error("the server was started")
		return nil
	}
}

func TestToken(t *testing.T) {
	dir := t.TempDir()
	secret, err := account.OpenSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run(t, nil, mustNotServe(t), "token", "--data", dir, "--user", "ada", "--name", "Ada", "--ttl", "1h")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	got := verify(t, secret, stdout)
	if got.UserID != "ada" || got.Name != "Ada" {
		t.Errorf("got %+v", got)
	}
	if left := time.Until(got.ExpiresAt); left < 59*time.Minute || left > time.Hour {
		t.Errorf("lasts %s", left)
	}
}

// verify wants exactly one line: the token.
func verify(t *testing.T, secret account.Secret, stdout string) account.Identity {
	t.Helper()
	token, rest, _ := strings.Cut(stdout, "\n")
	if rest != "" {
		t.Errorf("more than a token was printed: %q", rest)
	}
	verifiers, err := account.NewVerifiers(t.Context(), account.TrustConfig{Secret: secret, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer verifiers.Stop()
	identity, err := verifiers.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(errors.Unwrap(err))
	}
	return identity
}

func TestTokenFindsTheServersSecret(t *testing.T) {
	const secret = "a-secret-from-elsewhere-that-is-long"
	file := filepath.Join(t.TempDir(), "sockeye.yaml")
	if err := os.WriteFile(file, []byte("jwt-secret: "+secret+"\nmax-connections: 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		env  map[string]string
		args []string
	}{
		"environment":         {map[string]string{"SOCKEYE_JWT_SECRET": secret}, nil},
		"file":                {nil, []string{"--config", file}},
		"file by environment": {map[string]string{"SOCKEYE_CONFIG": file}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, tc.env, mustNotServe(t), append([]string{"token", "--user=ada"}, tc.args...)...)
			if code != 0 {
				t.Fatalf("exit %d: %s", code, stderr)
			}
			if got := verify(t, secret, stdout); got.Name != "ada" {
				t.Errorf("name is %q, want the id", got.Name)
			}
		})
	}
	dir := t.TempDir()
	own, err := account.OpenSecret(dir)
	code, stdout, stderr := run(t, map[string]string{"SOCKEYE_DATA": dir}, mustNotServe(t), "token", "--user=ada")
	if code != 0 || err != nil {
		t.Fatalf("exit %d: %s (%v)", code, stderr, err)
	}
	verify(t, own, stdout)
}

// A slip in the name of the data folder leaves nothing behind.
func TestCommandsMakeNoFolder(t *testing.T) {
	empty := t.TempDir()
	for name, args := range map[string][]string{
		"token": {"token", "--user=ada"}, "user show": {"user", "show", "ada"}, "user list": {"user", "list"}, "user sign-out": {"user", "sign-out", "ada"},
		"user create": {"user", "create", "ada"}, "admin list": {"admin", "list"}, "admin grant": {"admin", "grant", "ada"},
		"apikey list": {"apikey", "list"}, "apikey create": {"apikey", "create", "--name=x", "--scope=users"},
	} {
		for _, dir := range []string{empty, filepath.Join(empty, "typo")} {
			code, stdout, stderr := operateWith(t, "a good password", append(args, "--data", dir)...)
			if code != 1 || stdout != "" || !strings.Contains(stderr, "no server has run in the folder "+dir) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%s: exit %d, %q, %q", name, code, stdout, stderr)
			}
		}
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// A data folder that cannot be read is said in one line.
func TestUnreadableFolder(t *testing.T) {
	dir := filepath.Join(usedFolder(t), "jwt.secret") // a file where a folder should be: nobody can read it, not even root
	for _, args := range [][]string{{"user", "list"}, {"admin", "list"}, {"apikey", "list"}} {
		code, stdout, stderr := operate(t, append(args, "--data", dir)...)
		if code != 1 || stdout != "" || !strings.Contains(stderr, dir) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit %d, %q, %q", args, code, stdout, stderr)
		}
	}
	damaged := usedFolder(t)
	if err := os.WriteFile(filepath.Join(damaged, sqlite.FileName), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := operate(t, "user", "list", "--data", damaged); code != 1 || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

func TestServeWarnsOfUnknownVariables(t *testing.T) {
	var problems strings.Builder
	serve := func(context.Context, config.Config, *slog.Logger, func(string)) error { return nil }
	code := cli.Program{
		Serve: serve, Stdout: io.Discard, Stderr: &problems, Lookup: func(string) (string, bool) { return "", false },
		Environ: []string{"SOCKEYE_LISTN=:4000", "HOME=/"},
	}.Run(t.Context(), []string{"serve"})
	if code != 0 || !strings.Contains(problems.String(), "SOCKEYE_LISTN is set, but no setting has that name; did you mean SOCKEYE_LISTEN?") {
		t.Errorf("exit %d, %s", code, problems.String())
	}
}

func TestMistakes(t *testing.T) {
	used := usedFolder(t)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no command":       {nil, 2, "serve"},
		"unknown command":  {[]string{"sreve"}, 2, "sreve"},
		"unknown flag":     {[]string{"serve", "--max-conections=1"}, 2, "--max-conections"},
		"wrong type":       {[]string{"serve", "--max-connections=many"}, 2, `"many"`},
		"out of range":     {[]string{"serve", "--max-connections=0"}, 2, "max-connections is 0, it must be from 1"},
		"no such file":     {[]string{"serve", "--config=/does/not/exist.yaml"}, 2, "/does/not/exist.yaml"},
		"dev in the open":  {[]string{"serve", "--dev", "--listen=0.0.0.0:3000"}, 2, "loopback"},
		"token for nobody": {[]string{"token", "--data", t.TempDir()}, 2, "--user"},
		"token, empty id":  {[]string{"token", "--data", used, "--user="}, 2, "user id is empty"},
		"token, no time":   {[]string{"token", "--data", used, "--user=ada", "--ttl=0s"}, 2, "at least 1s"},
		"token, no folder": {[]string{"token", "--data", filepath.Join(blocked, "data"), "--user=ada"}, 1, "not a directory"},
		"check of nothing": {[]string{"healthcheck", "--url=http://127.0.0.1:1/health"}, 1, "127.0.0.1:1"},
		"check of no URL":  {[]string{"healthcheck", "--url=http://a b"}, 2, "url is"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, nil, mustNotServe(t), tc.args...)
			if code != tc.code || !strings.Contains(stderr, tc.says) || !strings.HasPrefix(stderr, "sockeye: ") {
				t.Errorf("exit %d, want %d; stderr %q lacks %q", code, tc.code, stderr, tc.says)
			}
			if stdout != "" || strings.Count(stderr, "\n") != 1 {
				t.Errorf("stdout %q, stderr %q; want one line on stderr", stdout, stderr)
			}
		})
	}
}

func TestServe(t *testing.T) {
	var got config.Config
	serve := func(_ context.Context, c config.Config, log *slog.Logger, ready func(string)) error {
		got = c
		log.Info("started")
		ready("[::]:3000")
		return nil
	}
	env := map[string]string{"SOCKEYE_LIMITS": "off", "SOCKEYE_LISTEN": ":3000"}
	code, stdout, stderr := run(t, env, serve, "serve", "--max-connections=5")
	if code != 0 || stdout != "Sockeye is ready: http://localhost:3000\n" {
		t.Errorf("exit %d, stdout %q", code, stdout)
	}
	if got.Limits.MaxConnections != 5 || got.Limits.Limits.On || got.Version != "1.2.3" || got.Listen != ":3000" {
		t.Errorf("served with %+v", got)
	}
	if !strings.Contains(stderr, `"level":"WARN","msg":"limits are off`) || !strings.Contains(stderr, `"msg":"started"`) {
		t.Errorf("log is %s", stderr)
	}
}

func TestServeDevSaysSo(t *testing.T) {
	serve := func(_ context.Context, c config.Config, _ *slog.Logger, ready func(string)) error {
		ready(c.Listen)
		return nil
	}
	if _, stdout, _ := run(t, nil, serve, "serve", "--acme-hosts=chat.example.com"); stdout != "Sockeye is ready: https://localhost:3000\n" {
		t.Errorf("stdout is %q", stdout)
	}
	_, stdout, _ := run(t, nil, serve, "serve", "--dev")
	line, rest, _ := strings.Cut(stdout, "\n")
	if line != "Sockeye is ready: http://127.0.0.1:3000" || !strings.Contains(rest, "Demo sign-in is on") {
		t.Errorf("stdout is %q", stdout)
	}
}

func TestServeFails(t *testing.T) {
	serve := func(context.Context, config.Config, *slog.Logger, func(string)) error {
		return errors.New("listen on :3000:\naddress already in use")
	}
	code, stdout, stderr := run(t, nil, serve, "serve", "--listen=127.0.0.1:3000")
	if code != 1 || stdout != "" || stderr != "sockeye: listen on :3000: address already in use\n" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestHealthcheck(t *testing.T) {
	status, body := http.StatusOK, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer server.Close()
	if code, stdout, stderr := run(t, nil, mustNotServe(t), "healthcheck", "--url", server.URL); code != 0 || stdout != "ok\n" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	status = http.StatusServiceUnavailable
	for _, answer := range []struct{ body, says string }{
		{`{"status":"unavailable","reason":"draining"}`, `503 Service Unavailable: "draining"`},
		{`{"reason":"a\u001b[31mlert"}`, `503 Service Unavailable: "a\x1b[31mlert"`},
		{"<html>", "503 Service Unavailable"},
		{"", "503 Service Unavailable"},
	} {
		body = answer.body
		if code, _, stderr := run(t, nil, mustNotServe(t), "healthcheck", "--url", server.URL); code != 1 || stderr != "sockeye: "+server.URL+" answered "+answer.says+"\n" {
			t.Errorf("exit %d, stderr %q", code, stderr)
		}
	}
}

// Without an address the server's own settings say where it is, and whether it speaks TLS.
func TestHealthcheckFindsTheServer(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	plain := httptest.NewServer(handler)
	defer plain.Close()
	secure := httptest.NewUnstartedServer(handler)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // it is also asked without TLS
	secure.StartTLS()
	defer secure.Close()
	port := func(s *httptest.Server) string { return s.URL[strings.LastIndex(s.URL, ":"):] }
	for name, tc := range map[string]struct {
		env  map[string]string
		args []string
		code int
	}{
		"all addresses":      {map[string]string{"SOCKEYE_LISTEN": port(plain)}, nil, 0},
		"any address":        {nil, []string{"--listen=0.0.0.0" + port(plain)}, 0},
		"one address":        {nil, []string{"--listen=127.0.0.1" + port(plain)}, 0},
		"certificate":        {map[string]string{"SOCKEYE_LISTEN": port(secure), "SOCKEYE_TLS_CERT": "cert.pem"}, nil, 0},
		"authority":          {map[string]string{"SOCKEYE_LISTEN": port(secure), "SOCKEYE_ACME_HOSTS": "chat.example.com"}, nil, 0},
		"TLS by address":     {nil, []string{"--url", secure.URL + "/health"}, 0},
		"TLS, asked without": {nil, []string{"--listen", port(secure)}, 1},
		"another page":       {nil, []string{"--url", plain.URL + "/other"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if code, stdout, stderr := run(t, tc.env, mustNotServe(t), append([]string{"healthcheck"}, tc.args...)...); code != tc.code {
				t.Errorf("exit %d, want %d: %s%s", code, tc.code, stdout, stderr)
			}
		})
	}
}

func TestVersionAndHelp(t *testing.T) {
	if code, stdout, _ := run(t, nil, mustNotServe(t), "version"); code != 0 || !strings.HasPrefix(stdout, "sockeye 1.2.3 (go1.") {
		t.Errorf("exit %d, %q", code, stdout)
	}
	code, stdout, stderr := run(t, nil, mustNotServe(t), "serve", "--help")
	if code != 0 || stderr != "" {
		t.Errorf("exit %d, stderr %q", code, stderr)
	}
	for _, word := range []string{"--max-connections", "$SOCKEYE_MAX_CONNECTIONS", "--chat-dm-policy", "$SOCKEYE_CHAT_DM_POLICY", "$SOCKEYE_CONFIG", "--limits=on"} {
		if !strings.Contains(stdout, word) {
			t.Errorf("help lacks %s", word)
		}
	}
}
