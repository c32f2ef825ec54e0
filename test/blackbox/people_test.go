package blackbox_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
)

// tokenFor signs a token with the secret of a server's data folder.
func tokenFor(t *testing.T, data, user string) string {
	t.Helper()
	issuer, err := account.NewIssuer(secretOf(t, data), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	token, err := issuer.Sign(account.UserID(user), "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// secretOf is the secret of a data folder, which is made where there is none.
func secretOf(t *testing.T, data string) account.Secret {
	t.Helper()
	secret, err := account.OpenSecret(data)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// connect signs a user in for the length of the test.
func (s *server) connect(user string) *client {
	s.t.Helper()
	c, err := signIn(s.t.Context(), s.addr, tokenFor(s.t, s.data, user))
	if err != nil {
		s.t.Fatalf("%s cannot sign in: %v", user, err)
	}
	s.t.Cleanup(c.close)
	return c
}

// must calls a command that has to succeed.
func (c *client) must(t *testing.T, event string, payload any) answer {
	t.Helper()
	a, err := c.call(t.Context(), event, payload)
	if err != nil {
		t.Fatal(err)
	}
	if !a.OK {
		t.Fatalf("%s: %+v", event, a.Error)
	}
	return a
}

// befriend makes two users friends, so that they may write to each other.
func (s *server) befriend(a, b string) {
	s.t.Helper()
	one, other := s.connect(a), s.connect(b)
	one.must(s.t, "friend:request", object{"userId": b})
	other.must(s.t, "friend:accept", object{"userId": a})
	one.close()
	other.close()
}

// gone waits until the server has ended the connection.
func (c *client) gone(t *testing.T) {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		t.Fatal("the server has not ended the connection")
	}
}

type object = map[string]any

func userName(i int) string { return fmt.Sprintf("user-%02d", i) }

// TestTokenCommand signs in with what the command prints.
func TestTokenCommand(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	s := start(t, setup{})
	path, err := raced()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "token", "--data", s.data, "--user", "ada", "--name", "Ada").Output()
	if err != nil {
		t.Fatal(err)
	}
	ada, err := signIn(t.Context(), s.addr, strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	defer ada.close()
	bob := s.connect("bob")
	s.befriend("ada", "bob")
	ada.must(t, "message:send", object{"recipientId": "bob", "content": "Hello"})
	got, err := bob.next(t.Context(), "message:received")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got), `"senderUsername":"Ada"`) || !strings.Contains(string(got), `"senderId":"ada"`) {
		t.Errorf("bob got %s", got)
	}
}
