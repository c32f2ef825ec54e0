//go:build linux

package process

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

// mostAdded is how many members can be added at once.
const mostAdded = 1000

// MakeRoom makes a room of so many users as an application's backend would: before they come.
func (b *Workbench) MakeRoom(ctx context.Context, s *Sockeye, room string, users int) error {
	command := exec.CommandContext(ctx, b.Path("sockeye"), "apikey", "create", "--data", s.Data, "--name", "bench", "--scope", "users", "--scope", "rooms")
	command.Env = append(os.Environ(), s.Environment...)
	out, err := command.Output()
	if err != nil {
		return fmt.Errorf("make an API key: %w", err)
	}
	by := backend{addr: s.Addr, key: strings.TrimSpace(string(out))}
	owner := UserID(0)
	if err := by.call(ctx, http.MethodPut, "/server/users/"+owner, map[string]any{}); err != nil {
		return err
	}
	err = by.call(ctx, http.MethodPost, "/server/rooms", map[string]any{
		"ownerId": owner, "id": room, "name": "Bench", "maxMembers": users,
	})
	for first := 1; first < users && err == nil; first += mostAdded {
		var members []string
		for i := first; i < min(users, first+mostAdded); i++ {
			members = append(members, UserID(i))
		}
		err = by.call(ctx, http.MethodPost, "/server/rooms/"+room+"/members", map[string]any{"userIds": members})
	}
	return err
}

// backend is an application that uses the HTTP API.
type backend struct{ addr, key string }

func (b backend) call(ctx context.Context, method, path string, payload any) error {
	body, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+b.addr+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+b.key)
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= 300 {
		text, _ := io.ReadAll(answer.Body) // for the error alone
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return nil
}
