package blackbox_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// request sends a request to the Socket.IO endpoint on a connection of its own.
func (s *server) request(t *testing.T, method, query, body string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.addr+"/socket.io/?"+query, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(raw)
}

// poller opens a polling session and signs in on it; it returns the session's query.
func (h *hall) poller(t *testing.T) (query string) {
	t.Helper()
	const handshake = "EIO=4&transport=polling"
	status, body := h.request(t, http.MethodGet, handshake, "")
	_, rest, found := strings.Cut(body, `"sid":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if status != http.StatusOK || !found {
		t.Fatalf("handshake: %d %s", status, body)
	}
	query = handshake + "&sid=" + id
	if status, body := h.request(t, http.MethodPost, query, `40{"token":"`+tokenFor(t, h.data, "keeper")+`"}`); status != http.StatusOK || body != "ok" {
		t.Fatalf("sign-in: %d %s", status, body)
	}
	if status, body := h.request(t, http.MethodGet, query, ""); status != http.StatusOK || !strings.HasPrefix(body, "40{") {
		t.Fatalf("sign-in: %d %s", status, body)
	}
	return query
}

// TestBadRequests: each is answered by the protocol's own error.
func TestBadRequests(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{})
	for name, tc := range map[string]struct {
		method, query string
		code          int
		message       string
	}{
		"no query":            {http.MethodGet, "", 0, "Transport unknown"},
		"unknown transport":   {http.MethodGet, "EIO=4&transport=pigeon", 0, "Transport unknown"},
		"inherited name":      {http.MethodGet, "EIO=4&transport=constructor", 0, "Transport unknown"},
		"unknown session":     {http.MethodGet, "EIO=4&transport=polling&sid=none", 1, "Session ID unknown"},
		"handshake by POST":   {http.MethodPost, "EIO=4&transport=polling", 2, "Bad handshake method"},
		"handshake by DELETE": {http.MethodDelete, "EIO=4&transport=polling", 2, "Bad handshake method"},
		"no upgrade":          {http.MethodGet, "EIO=4&transport=websocket", 3, "Bad request"},
		"protocol 2":          {http.MethodGet, "EIO=2&transport=polling", 5, "Unsupported protocol version"},
		"no protocol":         {http.MethodGet, "transport=polling", 5, "Unsupported protocol version"},
		"malformed query":     {http.MethodGet, "EIO=4&transport=polling&sid=%zz%", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := h.request(t, tc.method, tc.query, "")
			if tc.code == 200 { // what cannot be decoded is left out
				if status != http.StatusOK {
					t.Errorf("got %d %s", status, body)
				}
				return
			}
			if want := fmt.Sprintf(`{"code":%d,"message":%q}`, tc.code, tc.message); status != http.StatusBadRequest || strings.TrimSpace(body) != want {
				t.Errorf("got %d %s, want 400 %s", status, body, want)
			}
		})
	}
	h.unchanged(t)
}

// TestBrokenPollingBodies sends bodies that are no packets: the session ends, and nothing of them is stored.
func TestBrokenPollingBodies(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{})
	for name, body := range map[string]string{
		"empty":              "",
		"unknown packet":     "9",
		"broken Socket.IO":   "47",
		"broken base64":      "b***",
		"not UTF-8":          "42[\"room:message\",{\"roomId\":\"hall\",\"content\":\"\xff\"}]",
		"many empty packets": strings.Repeat("\x1e", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			query := h.poller(t)
			status, answer := h.request(t, http.MethodPost, query, body)
			if status != http.StatusOK && status != http.StatusBadRequest {
				t.Errorf("got %d %s", status, answer)
			}
			h.unchanged(t)
			h.ends(t, query)
		})
	}
}

// ends polls until the session tells its end or is gone. What was waiting for the client may come first.
func (h *hall) ends(t *testing.T, query string) {
	t.Helper()
	const polls = 5
	for range polls {
		status, answer := h.request(t, http.MethodGet, query, "")
		if status != http.StatusOK || slices.Contains(strings.Split(answer, "\x1e"), "1") {
			return
		}
		if strings.HasPrefix(answer, "2") {
			t.Fatalf("the session goes on: %.100s", answer)
		}
	}
	t.Fatalf("the session goes on after %d polls", polls)
}

// TestOversizePollingBody is refused; the session may go on, as in Node.
func TestOversizePollingBody(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{})
	body := `42["room:message",{"roomId":"hall","content":"` + strings.Repeat("x", 1_000_000) + `"}]`
	if status, answer := h.request(t, http.MethodPost, h.poller(t), body); status != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d %s", status, answer)
	}
	h.unchanged(t)
}

// TestHalfSentBody: a body that does not come is not waited for without end, and what has come of it is not used.
func TestHalfSentBody(t *testing.T) {
	skipIfShort(t)
	t.Parallel()
	h := newHall(t, setup{})
	query := h.poller(t)
	body := `42["room:message",{"roomId":"hall","content":"x"}]`
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "POST /socket.io/?%s HTTP/1.1\r\nHost: sockeye\r\nContent-Length: %d\r\n\r\n%s", query, len(body)+1, body); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
		t.Error("the server still waits")
	}
	h.unchanged(t)
}
