//go:build linux

package drive

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/bench/process"
)

// pollers is how many clients poll at a time.
const pollers = 8

var content = strings.Repeat("a message of some length ", 5)

// rooms has one member of each room talk, one message after another.
func (r *run) rooms(context.Context) error {
	rooms := len(r.members) / roomSize
	err := inParallel(len(r.members), 1, func(i int) error { // the first of each room makes it
		room := fmt.Sprintf("room-%d", i/roomSize)
		if i%roomSize == 0 {
			return r.members[i].ask("room:create", `{"id":"`+room+`","name":"Room"}`)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = inParallel(len(r.members), 16, func(i int) error {
		return r.members[i].ask("room:join", fmt.Sprintf(`{"roomId":"room-%d"}`, i/roomSize))
	})
	if err != nil {
		return err
	}
	r.heard.Store(0)
	var sent int64
	spent, err := r.spent(func() (err error) {
		sent, err = r.forAWhile(rooms, func(worker, turn int) error {
			m := r.members[worker*roomSize+turn%roomSize]
			return m.ask("room:message", fmt.Sprintf(`{"roomId":"room-%d","content":"%s"}`, worker, content))
		})
		if err != nil {
			return err
		}
		return r.awaitHeard(sent * roomSize)
	})
	if err != nil {
		return err
	}
	r.note("a delivery in a room of 100, µs", micros(spent, int(sent)*roomSize))
	after, err := process.ReadMemory(r.server.PID())
	r.note("RSS after that, MiB", float64(after.RSS)/(1<<20))
	return err
}

func (r *run) awaitHeard(wanted int64) error {
	for deadline := time.Now().Add(patience); r.heard.Load() < wanted; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d messages have come", r.heard.Load(), wanted)
		}
	}
	return nil
}

// direct has 32 pairs talk with each other, each one message after another.
func (r *run) direct(context.Context) error { return r.talk("a direct message, µs") }

// native is direct for pairs that are there over the server's own protocol alone.
func (r *run) native(ctx context.Context) error {
	for i := range min(64, len(r.members)) {
		if err := r.members[i].conn.Close(); err != nil {
			return err
		}
		m, err := join(ctx, &native, r.server.Addr, r.tokens[i], r.secure, &r.heard)
		if err != nil {
			return fmt.Errorf("user %d: %w", i, err)
		}
		r.members[i] = m
		r.reading.Go(m.listen)
	}
	return r.talk("a direct message over /ws, µs")
}

func (r *run) talk(what string) error {
	r.heard.Store(0)
	var sent int64
	spent, err := r.spent(func() (err error) {
		sent, err = r.forAWhile(min(32, len(r.members)/2), func(worker, turn int) error {
			from, to := 2*worker+turn%2, 2*worker+(turn+1)%2
			return r.members[from].ask("message:send", `{"recipientId":"`+process.UserID(to)+`","content":"`+content+`"}`)
		})
		if err != nil {
			return err
		}
		return r.awaitHeard(sent)
	})
	r.note(what, micros(spent, int(sent)))
	return err
}

// browser is a client of HTTP that keeps its connections.
func (r *run) browser() (client *http.Client, base string) {
	base = "http://" + r.server.Addr
	if r.secure {
		base = "https://" + r.server.Addr
	}
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		MaxIdleConnsPerHost: pollers,
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // its certificate was made here
	}}, base
}

// poll has clients sign in by long-polling, hear that they have, and go.
func (r *run) poll(ctx context.Context) error {
	client, base := r.browser()
	defer client.CloseIdleConnections()
	var sessions int64
	spent, err := r.spent(func() (err error) {
		sessions, err = r.forAWhile(pollers, func(worker, _ int) error {
			token := r.tokens[worker]
			const path = "/socket.io/?EIO=4&transport=polling"
			opened, err := fetch(ctx, client, http.MethodGet, base+path, "", "")
			if err != nil {
				return err
			}
			var handshake struct{ SID string }
			if err := json.Unmarshal([]byte(strings.TrimPrefix(opened, "0")), &handshake); err != nil {
				return fmt.Errorf("handshake %q: %w", opened, err)
			}
			session := base + path + "&sid=" + handshake.SID
			if _, err := fetch(ctx, client, http.MethodPost, session, `40{"token":"`+token+`"}`, ""); err != nil {
				return err
			}
			if heard, err := fetch(ctx, client, http.MethodGet, session, "", ""); err != nil || !strings.HasPrefix(heard, "40{") {
				return fmt.Errorf("polled %q: %w", heard, err)
			}
			_, err = fetch(ctx, client, http.MethodPost, session, "1", "")
			return err
		})
		return err
	})
	r.note("a session by polling (4 requests), µs", micros(spent, int(sessions)))
	return err
}

// http asks the API for the last messages of a room.
func (r *run) http(ctx context.Context) error {
	client, base := r.browser()
	defer client.CloseIdleConnections()
	token := r.tokens[0]
	var requests int64
	spent, err := r.spent(func() (err error) {
		requests, err = r.forAWhile(pollers, func(int, int) error {
			_, err := fetch(ctx, client, http.MethodGet, base+"/api/v1/rooms/room-0/messages?limit=20", "", "Bearer "+token)
			return err
		})
		return err
	})
	r.note("a page of 20 messages over HTTP, µs", micros(spent, int(requests)))
	return err
}

func fetch(ctx context.Context, client *http.Client, method, url, body, authorization string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	if body != "" {
		request.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s %s", method, url, answer.Status, raw)
	}
	return string(raw), err
}

// profiled runs do while the server takes a CPU profile of itself.
func (r *run) profiled(ctx context.Context, do func(context.Context) error) error {
	client, base := r.browser()
	defer client.CloseIdleConnections()
	client.Timeout = 0
	// The profile is taken for as long as the load is expected to last.
	seconds := int((r.plan.Settle + 4*r.plan.Each).Seconds()) + 1 + r.plan.Users/1000
	type taken struct {
		raw string
		err error
	}
	profile := make(chan taken, 1)
	go func() {
		raw, err := fetch(ctx, client, http.MethodGet, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", base, seconds), "", "")
		profile <- taken{raw, err}
	}()
	if err := do(ctx); err != nil {
		return err
	}
	got := <-profile
	if got.err != nil {
		return got.err
	}
	return os.WriteFile(r.plan.Profile, []byte(got.raw), 0o600)
}

// profileMutexes asks the server for the profile of waiting for mutexes since it was started.
func (r *run) profileMutexes(ctx context.Context) error {
	client, base := r.browser()
	defer client.CloseIdleConnections()
	raw, err := fetch(ctx, client, http.MethodGet, base+"/debug/pprof/mutex", "", "")
	if err != nil {
		return err
	}
	return os.WriteFile(r.plan.Mutexes, []byte(raw), 0o600)
}
