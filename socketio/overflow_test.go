package socketio_test

import (
	"bufio"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/socketio"
)

// Events that overflowed the queue of a polling client, which upgrades before that is
// noticed, are not lost behind its back: nothing that comes later reaches it, so that
// it comes back for them, or starts afresh.
func TestOverflowBeforeAnUpgradeLeavesNoGap(t *testing.T) {
	for range 10 {
		h := serve(t, socketio.Config{Engine: engineio.Config{MaxQueuedBytes: 2000}, Recovery: &socketio.Recovery{}})
		c := readPolls(t, h.http.URL).(*pollReader)
		s := theSocket(t, h)
		conn, br := probe(t, c.url)
		for i := range 33 { // half of them fit
			_ = s.Emit("e", i)
		}
		_ = ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame([]byte("5"))))
		eventually(t, "an upgrade or the end", func() bool { return s.Transport() == engineio.WebSocket || !s.Connected() })
		_ = h.Of("/").Emit("e", "late")
		for {
			f, err := ws.ReadFrame(br)
			if err != nil || f.Header.OpCode == ws.OpClose {
				break
			}
			t.Fatalf("got %q", f.Payload)
		}
		eventually(t, "the end", func() bool { return !s.Connected() })
	}
}

// theSocket is the only one of "/".
func theSocket(t *testing.T, h *harness) *socketio.Socket {
	t.Helper()
	all, err := h.Of("/").All().FetchSockets(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("%d sockets, %v", len(all), err)
	}
	return h.Of("/").Socket(all[0].ID)
}

// probe opens the WebSocket that a polling session is to move to.
func probe(t *testing.T, url string) (net.Conn, *bufio.Reader) {
	t.Helper()
	host, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	path = strings.Replace(path, "transport=polling", "transport=websocket", 1)
	_, _ = fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path)
	br := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; {
		if line, err = br.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	_ = ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame([]byte("2probe"))))
	if f, err := ws.ReadFrame(br); err != nil || string(f.Payload) != "3probe" {
		t.Fatalf("got %q, %v", f.Payload, err)
	}
	return conn, br
}

// Members who have stopped reading hold what all of them wait for, once, and no more
// than the queue memory; then they go. The others get everything.
func TestStoppedMembersShareOneBound(t *testing.T) {
	const members, stopped, limit = 50, 20, 16 << 20
	memory := engineio.NewQueueMemory(limit)
	h := serve(t, socketio.Config{Engine: engineio.Config{QueueMemory: memory, WriteStall: time.Hour}}) // it is the memory that ends them
	root := h.Of("/")
	left := make(chan socketio.Reason, members)
	root.OnDisconnect(func(_ *socketio.Socket, why socketio.Reason) { left <- why })
	for range stopped {
		readSocket(t, h.http.URL)
	}
	readers := make([]reader, members-stopped)
	for i := range readers {
		readers[i] = readSocket(t, h.http.URL)
	}
	before, rounds := heap(), 0
	// At the pace of those who read, and as long as those who do not are there: what
	// the kernel takes for them is not ours to bound.
	for b := (burst{10, 100_000}); root.Rooms().Len() > len(readers); rounds++ {
		if err := b.emit(root.Emit); err != nil {
			t.Fatal(err)
		}
		var reading sync.WaitGroup
		for i, c := range readers {
			reading.Go(func() {
				if err := c.read(b); err != nil {
					t.Errorf("reader %d, round %d: %v", i, rounds, err)
				}
			})
		}
		reading.Wait()
		if t.Failed() || rounds > 1000 {
			t.Fatalf("%d sockets are left", root.Rooms().Len())
		}
		eventually(t, "what is held to fit", func() bool { return memory.Held() <= limit })
		if grown := heap() - before; grown > limit+64<<20 {
			t.Fatalf("the heap has grown by %d bytes", grown)
		}
	}
	for range stopped {
		if why := receive(t, left, "a disconnect"); why != socketio.SlowConsumer {
			t.Errorf("left for %q", why)
		}
	}
	if rounds < limit>>20 {
		t.Errorf("gone after %d rounds", rounds)
	}
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
