//go:build linux

package process

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
)

const tokenLife = 24 * time.Hour

// Sockeye is the whole server, `sockeye serve`, with its data.
type Sockeye struct {
	*Process
	Data        string   // folder
	Environment []string // its settings there, of which commands beside it need those of the database
}

// StartSockeye starts the server that Build has put into a folder, with the rates of clients lifted, as all of them come
// from this machine.
func StartSockeye(ctx context.Context, built, data string, pin Cores, args ...string) (*Sockeye, error) {
	return StartNode(ctx, built, data, nil, pin, args...)
}

// StartNode is StartSockeye for a server with settings in its environment, such as those of a database.
func StartNode(ctx context.Context, built, data string, environment []string, pin Cores, args ...string) (*Sockeye, error) {
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--log-level", "warn"}, args...)
	running, err := Start(ctx, exec.CommandContext(ctx, filepath.Join(built, "sockeye"), args...), pin, append([]string{"SOCKEYE_LIMITS=off"}, environment...)...)
	if err != nil {
		return nil, err
	}
	return &Sockeye{running, data, environment}, nil
}

// UserID is the id of a user that Tokens makes tokens for.
func UserID(number int) string { return fmt.Sprintf("user-%d", number) }

// Tokens signs tokens for n users with the secret of the server that has this data.
func Tokens(data string, n int) ([]string, error) {
	secret, err := account.OpenSecret(data)
	if err != nil {
		return nil, err
	}
	issuer, err := account.NewIssuer(secret, time.Now)
	if err != nil {
		return nil, err
	}
	tokens := make([]string, n)
	for i := range tokens {
		if tokens[i], err = issuer.Sign(account.UserID(UserID(i)), fmt.Sprintf("User %d", i), tokenLife); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}
