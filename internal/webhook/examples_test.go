package webhook_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/webhook"
)

// TestEchoBots runs the examples: what somebody says they say again, once.
func TestEchoBots(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a program")
	}
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "echo-bot")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../examples/echo-bot").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, command := range map[string][]string{"Go": {binary}, "Node": {node, "../../examples/echo-bot/echo.mjs"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			_, key, err := s.Accounts.CreateAPIKey(t.Context(), "bot", []account.Scope{account.ScopeMessages})
			if err != nil {
				t.Fatal(err)
			}
			secret := webhook.NewSecret()
			at := freeAddress(t)
			bot := exec.CommandContext(t.Context(), command[0], command[1:]...)
			bot.Env = append(os.Environ(), "SOCKEYE="+s.URL, "KEY="+key, "SECRET="+string(secret), "ADDR="+at, "PORT="+at[strings.LastIndex(at, ":")+1:])
			bot.Stderr = os.Stderr
			if err := bot.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = bot.Process.Kill(); _ = bot.Wait() }()
			listens(t, at)
			create(t, s, "http://"+at, func(c *webhook.Create) {
				c.Events, c.Secret, c.Rooms = []chat.EventKind{chat.MessageCreated}, secret, []string{"hall"}
			})
			room(t, s, "hall")
			say(t, s, "hall", "one")
			say(t, s, "hall", "two")
			for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(5 * time.Millisecond) {
				page, err := s.Chat.History(t.Context(), ada, chat.HistoryQuery{RoomID: "hall", Limit: 50})
				if err != nil {
					t.Fatal(err)
				}
				var said []string
				for _, m := range page.Messages {
					if m.Type == chat.TypeSystem {
						said = append(said, m.Content)
					}
				}
				if strings.Join(said, " ") == "one two" {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("it has said %q", said)
				}
			}
		})
	}
}

// freeAddress is one at which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// listens waits until somebody listens at an address.
func listens(t *testing.T, at string) {
	t.Helper()
	for deadline := time.Now().Add(apptest.Patience); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", at)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
