package socketio_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/socketio"
)

// burst is what is sent at once: more than anybody can read as fast.
type burst struct{ count, size int }

func (b burst) String() string { return fmt.Sprintf("%d×%d", b.count, b.size) }

var bursts = []burst{{100_000, 100}, {50_000, 100}, {5_000, 1_000}, {20, 900_000}, {20, 1_000_000}, {2, 8_000_000}}

// emit sends it with f.
func (b burst) emit(f func(event string, args ...any) error) error {
	payload := strings.Repeat("x", b.size)
	for i := range b.count {
		if err := f("drop", i, payload); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	return nil
}

// check reports what is wrong with the i-th message that came.
func (b burst) check(i int, message []byte) error {
	head := `42["drop",` + strconv.Itoa(i) + `,"`
	if len(message) != len(head)+b.size+len(`"]`) || string(message[:len(head)]) != head {
		return fmt.Errorf("event %d is %.40q of %d bytes", i, message, len(message))
	}
	return nil
}

// reader is a client that reads a burst, and all of it before anything else.
type reader interface {
	say(packet string) error
	read(b burst) error
}

// ways are the transports.
var ways = map[string]func(t testing.TB, url string) reader{engineio.WebSocket: readSocket, engineio.Polling: readPolls}

// socketReader reads frames.
type socketReader struct {
	c io.ReadWriter
	r *bufio.Reader
}

func readSocket(t testing.TB, url string) reader {
	t.Helper()
	conn, buffered, _, err := ws.Dial(context.Background(), strings.Replace(url, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if buffered == nil {
		buffered = bufio.NewReader(conn)
	}
	s := &socketReader{conn, buffered}
	for _, want := range []string{"0{", "40{"} {
		f, err := ws.ReadFrame(s.r)
		if err != nil || !strings.HasPrefix(string(f.Payload), want) {
			t.Fatalf("got %q, %v", f.Payload, err)
		}
		if want == "0{" {
			_ = s.say("40")
		}
	}
	return s
}

func (s *socketReader) say(packet string) error {
	return ws.WriteFrame(s.c, ws.MaskFrame(ws.NewTextFrame([]byte(packet))))
}

func (s *socketReader) read(b burst) error {
	for i := 0; i < b.count; {
		f, err := ws.ReadFrame(s.r)
		switch {
		case err != nil:
			return fmt.Errorf("event %d: %w", i, err)
		case string(f.Payload) == "2":
			err = s.say("3")
		default:
			err = b.check(i, f.Payload)
			i++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pollReader polls over a connection.
type pollReader struct{ url string }

func readPolls(t testing.TB, url string) reader {
	t.Helper()
	p := &pollReader{url + "/socket.io/?EIO=4&transport=polling"}
	var open struct{ SID string }
	answer, err := p.get()
	if err == nil {
		err = json.Unmarshal([]byte(answer[1:]), &open)
	}
	p.url += "&sid=" + open.SID
	if err == nil {
		err = p.say("40")
	}
	if err == nil {
		answer, err = p.get()
	}
	if err != nil || !strings.HasPrefix(answer, "40") {
		t.Fatalf("got %q, %v", answer, err)
	}
	return p
}

func (p *pollReader) get() (string, error) { return p.do(http.MethodGet, "") }

func (p *pollReader) say(packet string) error {
	_, err := p.do(http.MethodPost, packet)
	return err
}

func (p *pollReader) do(method, body string) (string, error) {
	r, err := http.NewRequest(method, p.url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	return string(text), err
}

func (p *pollReader) read(b burst) error {
	for i := 0; i < b.count; {
		answer, err := p.get()
		if err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
		for message := range strings.SplitSeq(answer, "\x1e") {
			if message == "2" {
				err = p.say("3")
			} else if message != "6" {
				err = b.check(i, []byte(message))
				i++
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// onPour has n emit a burst when its client asks for one.
func onPour(n *socketio.Namespace, emit func(context.Context, *socketio.Socket, burst) error) {
	n.On("pour", func(ctx context.Context, e *socketio.Event) error {
		var count, size int
		if err := e.Args().Decode(&count, &size); err != nil {
			return err
		}
		return emit(ctx, e.Socket(), burst{count, size})
	})
}

// patient are the default settings, but for the times after which a reader is given up: a busy machine may keep a good one
// from reading for longer.
var patient = socketio.Config{Engine: engineio.Config{WriteStall: patience, PingTimeout: patience}}

// Who reads gets everything that a handler emits.
func TestBurstOfAHandler(t *testing.T) {
	for way, connect := range ways {
		for _, b := range bursts {
			t.Run(fmt.Sprint(way, b), func(t *testing.T) {
				h := serve(t, patient)
				onPour(h.Of("/"), func(_ context.Context, s *socketio.Socket, b burst) error { return b.emit(s.Emit) })
				c := connect(t, h.http.URL)
				if err := c.say(fmt.Sprintf(`42["pour",%d,%d]`, b.count, b.size)); err != nil {
					t.Fatal(err)
				}
				if err := c.read(b); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// So does everybody of a broadcast. TestSoakBurstMemory has more readers.
func TestBurstOfBroadcasts(t *testing.T) {
	const readers = 5
	for way, connect := range ways {
		for _, b := range bursts {
			t.Run(fmt.Sprint(way, b), func(t *testing.T) {
				h := serve(t, patient)
				all := make([]reader, readers)
				for i := range all {
					all[i] = connect(t, h.http.URL)
				}
				var reading sync.WaitGroup
				for i, c := range all {
					reading.Go(func() {
						if err := c.read(b); err != nil {
							t.Errorf("reader %d: %v", i, err)
						}
					})
				}
				if err := b.emit(h.Of("/").Emit); err != nil {
					t.Error(err)
				}
				reading.Wait()
			})
		}
	}
}

// A handler that waits for its client sends more than may wait.
func TestEmitContext(t *testing.T) {
	for way, connect := range ways {
		t.Run(way, func(t *testing.T) {
			h := serve(t, socketio.Config{Engine: engineio.Config{MaxQueuedBytes: 4 << 20, WriteStall: patience, PingTimeout: patience}})
			onPour(h.Of("/"), func(ctx context.Context, s *socketio.Socket, b burst) error {
				return b.emit(func(event string, args ...any) error { return s.EmitContext(ctx, event, args...) })
			})
			c, b := connect(t, h.http.URL), burst{100, 1_000_000}
			if err := c.say(fmt.Sprintf(`42["pour",%d,%d]`, b.count, b.size)); err != nil {
				t.Fatal(err)
			}
			if err := c.read(b); err != nil {
				t.Error(err)
			}
		})
	}
}

// The wait ends with the socket, and with the context; nothing is sent then.
func TestEmitContextEnds(t *testing.T) {
	h := serve(t, socketio.Config{})
	joined := sockets(h.Of("/"))
	_ = readPolls(t, h.http.URL)
	s := receive(t, joined, "the socket")
	for range 2 {
		if err := s.EmitContext(t.Context(), "large", strings.Repeat("x", 1_000_000)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	wait := func() { ended <- s.EmitContext(ctx, "more") }
	go wait()
	cancel()
	if err := receive(t, ended, "the end of the wait"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ctx = s.Context()
	go wait()
	s.Drop()
	if err := receive(t, ended, "the end of the wait"); err == nil {
		t.Error("emitted to a socket that has left")
	}
	if err := s.EmitContext(t.Context(), "more"); !errors.Is(err, socketio.ErrDisconnected) {
		t.Errorf("got %v", err)
	}
}
