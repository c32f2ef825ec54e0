//go:build linux

package push

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/bench/process"
)

// service stands in for the browsers' push service, by plain HTTP: what TLS costs belongs to a connection, of which there are few.
type service struct {
	url    string
	want   int64
	got    atomic.Int64
	all    chan struct{} // closed when all have come
	server *http.Server
}

func listen(want int) (*service, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &service{url: "http://" + l.Addr().String(), want: int64(want), all: make(chan struct{})}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.server.Serve(l) }() // until close
	return s, nil
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.WriteHeader(http.StatusCreated)
	if s.got.Add(1) == s.want {
		close(s.all)
	}
}

// patience is how long all may take.
const patience = 10 * time.Minute

func (s *service) await(ctx context.Context) error {
	select {
	case <-s.all:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(patience):
		return fmt.Errorf("%d of %d pushes have come", s.got.Load(), s.want)
	}
}

func (s *service) close() { _ = s.server.Close() }

// server is a server whose backend tells users something.
type server struct{ *process.Sockeye }

func (r *runner) serve(ctx context.Context, data string) (s server, key string, err error) {
	running, err := process.StartSockeye(ctx, r.Dir, data, r.Server, "--push-allow-private")
	if err != nil {
		return s, "", err
	}
	command := exec.CommandContext(ctx, r.Path("sockeye"), "apikey", "create", "--data", data, "--name", "bench", "--scope", "notifications")
	command.Env = os.Environ()
	out, err := command.Output()
	if err != nil {
		_ = running.Stop()
		return s, "", fmt.Errorf("make an API key: %w", err)
	}
	return server{running}, strings.TrimSpace(string(out)), nil
}

// notify tells all users something, and returns what it is called.
func (s server) notify(ctx context.Context, key string) (id string, err error) {
	var answer struct{ ID string }
	err = s.ask(ctx, http.MethodPost, "/api/v1/server/notifications", key, `{"all": true, "notification": {"title": "Lunch", "body": "Noodles today, at noon in the kitchen"}}`, &answer)
	return answer.ID, err
}

// await waits until all were told, and returns how many that were.
func (s server) await(ctx context.Context, key, id string) (reached int, err error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		var answer struct {
			Broadcast struct {
				State string
				Sent  int
			}
		}
		if err := s.ask(ctx, http.MethodGet, "/api/v1/server/notifications/"+id, key, "", &answer); err != nil {
			return 0, err
		}
		if answer.Broadcast.State == "done" {
			return answer.Broadcast.Sent, nil
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("it is %s, and %d were told", answer.Broadcast.State, answer.Broadcast.Sent)
		}
	}
}

func (s server) ask(ctx context.Context, method, path, key, body string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+s.Addr+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
