package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// A device that asks for more than may wait, and reads only then, gets all answers:
// it is asked to wait rather than closed.
func TestAnswersWaitForTheirReader(t *testing.T) {
	const requests, most = 100, 600_000
	n := serve(t, func(s *setup) { s.Sockets.Engine.MaxQueuedBytes, s.Native.QueueBytes = most, most })
	ann := n.device("ann")
	ann.must("room:create", map[string]string{"id": "hall", "name": "Hall"})
	for range 20 { // 200 kB
		ann.must("room:message", map[string]string{"roomId": "hall", "content": strings.Repeat("x", 10_000)})
	}
	ask := func(format string) (asks []string) {
		for i := range requests {
			asks = append(asks, fmt.Sprintf(format, i))
		}
		return asks
	}
	for name, way := range map[string]struct {
		path   string
		asks   []string
		answer string // how one begins, with its number
	}{
		"native": {
			"/ws?token=" + n.token("ann"), ask(`{"type":"history","roomId":"hall","limit":20,"ref":%d}`), `"ref":%d`,
		},
		"Socket.IO": {
			"/socket.io/?EIO=4&transport=websocket&token=" + n.token("ann"),
			append([]string{"40"}, ask(`42%d["history",{"roomId":"hall","limit":20}]`)...), `43%d[`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := ws.Dialer{Timeout: patience, Protocols: []string{"sockeye.v1"}}
			conn, br, _, err := d.Dial(context.Background(), "ws"+strings.TrimPrefix(n.url, "http")+way.path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(patience))
			for _, ask := range way.asks {
				if err := ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame([]byte(ask)))); err != nil {
					t.Fatal(err)
				}
			}
			for start := time.Now(); n.queues.Held() < most/3; time.Sleep(time.Millisecond) {
				if time.Since(start) > patience {
					t.Fatal("nothing waits")
				}
			}
			time.Sleep(200 * time.Millisecond) // what is not held back overflows by then
			for i := range requests {
				if err := readUntil(conn, br, fmt.Sprintf(way.answer, i)); err != nil {
					t.Fatalf("answer %d: %v", i, err)
				}
			}
		})
	}
}

// readUntil reads frames up to one that has that text near its beginning or end.
func readUntil(conn net.Conn, br *bufio.Reader, text string) error {
	var r io.Reader = conn
	if br != nil && br.Buffered() > 0 {
		r = br
	}
	for {
		f, err := ws.ReadFrame(r)
		if err != nil {
			return err
		}
		if f.Header.OpCode == ws.OpClose {
			code, reason := ws.ParseCloseFrameData(f.Payload)
			return fmt.Errorf("closed with %d %s", code, reason)
		}
		if strings.Contains(string(f.Payload[:min(len(f.Payload), 100)]), text) || strings.Contains(string(f.Payload[max(0, len(f.Payload)-100):]), text) {
			return nil
		}
	}
}
