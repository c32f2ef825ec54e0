package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/config"
)

func TestRunServesAndDrains(t *testing.T) {
	data := t.TempDir()
	r := start(t, data, "--dev")
	if status, body := r.get("/health"); status != http.StatusOK || !strings.Contains(body, `"status":"ok"`) || !strings.Contains(body, `"connections":0`) {
		t.Errorf("/health: %d %s", status, body)
	}
	if status, body := r.get("/ready"); status != http.StatusOK {
		t.Errorf("/ready: %d %s", status, body)
	}
	if status, body := r.get("/metrics"); status != http.StatusOK || !strings.Contains(body, "\nwebsocket_connections_total{") ||
		!strings.Contains(body, "\nsockeye_hub_queue ") || !strings.Contains(body, "\nsockeye_store_queue ") {
		t.Errorf("/metrics: %d %s", status, body)
	}
	// Without a build of the web app, a page that says how to make one.
	if status, body := r.get("/"); status != http.StatusOK && !strings.Contains(body, "make web") {
		t.Errorf("/: %d %s", status, body)
	}
	if status, _ := r.get("/debug/pprof/"); status == http.StatusOK {
		t.Error("profiles are public")
	}

	token := r.login("Ada")
	p, idle := r.connect(token), r.connect(r.login("Bob"))
	p.send(`420["room:create",{"id":"hall","name":"Hall"}]`)
	p.read(`430[{"ok":true`)
	if _, body := r.get("/health"); !strings.Contains(body, `"connections":2`) {
		t.Errorf("/health: %s", body)
	}
	if _, body := r.get("/metrics"); !strings.Contains(body, "\nwebsocket_connections 2\n") ||
		!strings.Contains(body, `websocket_messages_total{status="success",type="room:create"} 1`) {
		t.Errorf("/metrics: %s", body)
	}

	r.stop()
	// No Disconnect packet: clients take it for a lost connection and come back.
	for _, d := range []*peer{p, idle} {
		for _, text := range d.closed() {
			if strings.HasPrefix(text, "41") {
				t.Errorf("sent away with %s", text)
			}
		}
	}
	r.end()
	if conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://")); err == nil {
		_ = conn.Close()
		t.Error("still listening")
	}
	if strings.Contains(r.log.String(), `"level":"ERROR"`) || strings.Contains(r.log.String(), `"level":"WARN"`) {
		t.Errorf("logged %s", r.log)
	}

	// The next one finds what was there, and takes the same tokens.
	again := start(t, data)
	back := again.connect(token)
	back.send(`421["room:message",{"roomId":"hall","content":"back"}]`)
	back.read(`431[{"ok":true`)
}

// What was received before the drain is answered and stored.
func TestDrainFinishesWhatWasReceived(t *testing.T) {
	data := t.TempDir()
	r := start(t, data, "--dev", "--limits", "off")
	token := r.login("Ada")
	p := r.connect(token)
	p.send(`420["room:create",{"id":"hall","name":"Hall"}]`)
	p.read(`430[{"ok":true`)
	const sent = 200
	var frames bytes.Buffer
	for range sent {
		_ = ws.WriteFrame(&frames, ws.MaskFrame(ws.NewTextFrame([]byte(`421["room:message",{"roomId":"hall","content":"x"}]`))))
	}
	if _, err := p.conn.Write(frames.Bytes()); err != nil {
		t.Fatal(err)
	}
	p.read(`431[{"ok":true`)
	r.stop()
	acked := 1
	for _, text := range p.closed() {
		if strings.HasPrefix(text, `431[{"ok":true`) {
			acked++
		}
	}
	r.end()

	again := start(t, data)
	back := again.connect(token)
	back.send(`422["history",{"roomId":"hall","limit":100}]`)
	answer := back.read(`432[{"ok":true`)
	if stored := strings.Count(answer, `"seq":`); stored < min(acked, 100) {
		t.Errorf("%d acknowledged, %d stored", acked, stored)
	}
	t.Logf("%d of %d were received before the drain", acked, sent)
}

// A pending poll neither holds up the drain nor is cut off by it.
func TestDrainAnswersPolls(t *testing.T) {
	r := start(t, t.TempDir(), "--dev")
	const path = "/socket.io/?EIO=4&transport=polling"
	_, opened := r.get(path)
	var handshake struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(opened, "0")), &handshake); err != nil {
		t.Fatalf("%s: %v", opened, err)
	}
	session := path + "&sid=" + handshake.SID
	if status, body := r.do(http.MethodPost, session, `40{"token":"`+r.login("Ada")+`"}`); status != http.StatusOK {
		t.Fatalf("answered %d %s", status, body)
	}
	_, body := r.get(session)
	if !strings.HasPrefix(body, "40") {
		t.Fatalf("polled %s", body)
	}
	for !strings.Contains(body, `"presence"`) { // the last of what comes by itself
		if _, body = r.get(session); !strings.HasPrefix(body, "42") {
			t.Fatalf("polled %s", body)
		}
	}
	polled := make(chan string, 1)
	go func() {
		response, err := r.http.Get(r.url + session)
		if err != nil {
			polled <- err.Error()
			return
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		polled <- string(body)
	}()
	began := time.Now()
	r.stop()
	select {
	case body := <-polled:
		// The Close packet; or the poll came too late to be taken.
		if body != "1" && !strings.Contains(body, "refused") && !strings.Contains(body, "EOF") && !strings.Contains(body, "Session ID unknown") {
			t.Errorf("polled %q", body)
		}
	case <-time.After(patience):
		t.Fatal("the poll was not answered")
	}
	r.end()
	if took := time.Since(began); took > patience/2 {
		t.Errorf("the drain took %s of %s", took, patience)
	}
}

// Clients of one protocol do not wait for those of the other one to finish their closing handshakes.
func TestDrainEndsBothProtocolsAtOnce(t *testing.T) {
	for try := 1; !endsBothAtOnce(t); try++ {
		if try == 5 {
			t.Fatal("whoever speaks Socket.IO waits for the native client")
		}
		t.Log("as if the test had stalled") // the server waits 5 s for the answer to a close frame
	}
}

// endsBothAtOnce reports false when the native client, which does not answer its close frame, was let go before the other one
// was told to go, or before the test came to look.
func endsBothAtOnce(t *testing.T) bool {
	t.Helper()
	r := start(t, t.TempDir(), "--dev")
	token := r.login("Ada")
	stubborn := r.dial("/ws?token=" + token)
	stubborn.read(`{"type":"connection"`)
	p := r.connect(token)
	r.stop()
	p.closed()
	for {
		op, text, err := readFrame(stubborn.from)
		if err != nil {
			t.Fatalf("the native connection has ended without a word: %v", err)
		}
		if op == ws.OpClose {
			if code, _ := ws.ParseCloseFrameData([]byte(text)); code != ws.StatusGoingAway {
				t.Errorf("closed with %d", code)
			}
			break
		}
	}
	_ = stubborn.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if op, _, err := readFrame(stubborn.from); !errors.Is(err, os.ErrDeadlineExceeded) {
		if err == nil {
			t.Errorf("behind the end came %v", op)
		}
		r.end()
		return false
	}
	_ = stubborn.conn.SetReadDeadline(time.Now().Add(patience))
	if err := ws.WriteFrame(stubborn.conn, ws.MaskFrame(ws.NewCloseFrame(nil))); err != nil {
		return false
	}
	op, _, err := readFrame(stubborn.from)
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("behind the end came %v, %v", op, err)
	}
	r.end()
	return errors.Is(err, io.EOF) // it is reset if the answer was too late
}

func TestDemoSignInIsForDevelopmentOnly(t *testing.T) {
	r := start(t, t.TempDir())
	if status, body := r.do(http.MethodPost, "/api/dev/login", `{"name":"Ada"}`); status == http.StatusOK || strings.Contains(body, "token") {
		t.Errorf("answered %d %s", status, body)
	}
}

func TestMetricsCanBeOff(t *testing.T) {
	r := start(t, t.TempDir(), "--metrics", "off")
	if _, body := r.get("/metrics"); strings.Contains(body, "websocket_") {
		t.Errorf("answered %s", body)
	}
}

// run starts what must fail, and returns how.
func run(t *testing.T, cfg config.Config) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := app.Run(ctx, cfg, slog.New(slog.NewTextHandler(io.Discard, nil)), func(string) { t.Error("ready") })
	if ctx.Err() != nil {
		t.Fatal("it ran")
	}
	return err
}

func TestPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	data := t.TempDir()
	cfg := settings(t, "--data", data)
	cfg.Listen = taken.Addr().String()
	if err := run(t, cfg); err == nil || !strings.Contains(err.Error(), cfg.Listen) {
		t.Errorf("got %v", err)
	}
	start(t, data) // nothing holds the folder
}

func TestDataFolderInUse(t *testing.T) {
	data := t.TempDir()
	first := start(t, data)
	if err := run(t, settings(t, "--data", data)); err == nil || !strings.Contains(err.Error(), data) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
	if status, _ := first.get("/ready"); status != http.StatusOK {
		t.Errorf("the first one: %d", status)
	}
	first.stop()
	first.end()
	start(t, data)
}

func TestDataFolderThatIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t, settings(t, "--data", file)); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

// A database that is none ends the start with an error, and with all that had
// been started.
func TestBrokenDatabase(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "sockeye.db"), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t, settings(t, "--data", data)); err == nil {
		t.Error("it started")
	}
}
