package netloop_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

func TestPauseStopsReading(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		c, conn := s.connect(t)
		c.send(text("before"))
		next(t, s.messages)
		conn.Pause()

		// The peer feels it: its writes stop for lack of room.
		frame := wire(true, 0, ws.OpBinary, strings.Repeat("x", 60_000))
		c.send(text("while paused"))
		sent := 1
		for !kind.tls { // a TLS connection is broken by a write that times out
			_ = c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			n, err := c.Write(frame)
			if err != nil {
				frame = frame[n:] // the rest follows below
				break
			}
			sent++
			if sent > 10_000 {
				t.Fatal("600 MB were taken from a paused peer")
			}
		}
		none(t, s.messages)
		conn.Resume()
		if !kind.tls {
			_ = c.SetWriteDeadline(time.Now().Add(patience))
			c.send(frame)
			sent++
		}
		for range sent {
			next(t, s.messages)
		}
		c.send(text("after"))
		if got := next(t, s.messages); got.text != "after" {
			t.Errorf("got %.80q", got.text)
		}
	})
}

func TestPauseFromTheHandler(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		s.handle(func(c *netloop.Conn, _ netloop.Op, _ []byte) { c.Pause() })
		c, conn := s.connect(t)
		for i := range 20 {
			c.send(text(fmt.Sprint(i)))
			if got := next(t, s.messages); got.text != fmt.Sprint(i) {
				t.Fatalf("message %d: got %q", i, got.text)
			}
			conn.Resume()
		}
	})
}

// A peer that does not read is given up once too much waits for it. When it reads on,
// whole messages and 4008 come.
func TestSlowConsumerByBytes(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		const most, size = 100_000, 20_000
		s := serve(t, kind, netloop.Config{MaxQueuedBytes: most, WriteStall: time.Hour, CloseTimeout: patience}, netloop.UpgradeOptions{})
		s.tiny.Store(true)
		c, conn := s.connect(t)
		m := netloop.NewMessage(netloop.Binary, false, bytes.Repeat([]byte("x"), size))
		sent := most/size - 1
		for range sent {
			if err := conn.Send(m); err != nil {
				t.Fatal(err)
			}
		}
		until(t, "a full socket", conn.Full)
		sent += fill(t, conn, m, most)
		if err := conn.Send(m); !errors.Is(err, netloop.ErrClosed) {
			t.Errorf("Send behind it: %v", err)
		}
		if cause := next(t, s.closed); !errors.Is(cause, netloop.ErrSlowConsumer) {
			t.Errorf("HandleClose got %v", cause)
		}
		// A write under way on a blocking link may hold one batch.
		if _, bytes := netloop.Waiting(conn); bytes > 64<<10+m.Cost() {
			t.Errorf("%d bytes still wait after it was given up", bytes)
		}
		if got := wholeMessages(c, size); got > sent {
			t.Errorf("%d messages came, %d were sent", got, sent)
		}
		c.send(closing(4008, ""))
		until(t, "the connection is gone", func() bool { return s.loop.Live() == 0 })
	})
}

// fill sends to a peer that does not read until it is given up, and returns how many
// messages were taken.
func fill(t *testing.T, conn *netloop.Conn, m *netloop.Message, most int) (sent int) {
	t.Helper()
	for ; ; sent++ {
		err := conn.Send(m)
		if errors.Is(err, netloop.ErrSlowConsumer) {
			return sent
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, bytes := netloop.Waiting(conn); bytes > most {
			t.Fatalf("%d bytes wait", bytes)
		}
	}
}

// wholeMessages reads up to 4008 and counts what comes before.
func wholeMessages(c *client, size int) (got int) {
	c.t.Helper()
	for ; ; got++ {
		f := c.frame()
		if f.Header.OpCode == ws.OpClose {
			if code, reason := ws.ParseCloseFrameData(f.Payload); code != netloop.SlowConsumerCode || reason != "slow consumer" {
				c.t.Errorf("closed with %d %s", code, reason)
			}
			return got
		}
		if f.Header.OpCode != ws.OpBinary || len(f.Payload) != size {
			c.t.Fatalf("got frame %+v", f.Header)
		}
	}
}

func TestSlowConsumerByStall(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{WriteStall: 50 * time.Millisecond, CloseTimeout: patience}, netloop.UpgradeOptions{})
		s.tiny.Store(true)
		c, conn := s.connect(t)
		const size = 3 << 20 // more than the limit: allowed for one message alone
		if err := conn.Send(netloop.NewMessage(netloop.Binary, false, make([]byte, size))); err != nil {
			t.Fatal(err)
		}
		until(t, "a full socket", conn.Full)
		if cause := next(t, s.closed); !errors.Is(cause, netloop.ErrSlowConsumer) {
			t.Errorf("HandleClose got %v", cause)
		}
		if f := c.frame(); len(f.Payload) != size {
			t.Errorf("got a frame of %d bytes", len(f.Payload))
		}
		c.expectClose(netloop.SlowConsumerCode)
	})
}

// A peer that takes a little now and then has not stalled.
func TestSlowProgressIsNoStall(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		// On a busy machine the test itself may stall, and then shows nothing.
		for stall := 300 * time.Millisecond; !makesSlowProgress(t, kind, stall); stall *= 2 {
			t.Log("the test has stalled")
		}
	})
}

// makesSlowProgress reads a message in small steps that together take longer than
// a stall may; false when one step alone took a good part of that.
func makesSlowProgress(t *testing.T, kind linkKind, stall time.Duration) bool {
	t.Helper()
	s := serve(t, kind, netloop.Config{WriteStall: stall}, netloop.UpgradeOptions{})
	s.tiny.Store(true)
	c, conn := s.connect(t)
	const size = 40_000
	if err := conn.Send(netloop.NewMessage(netloop.Binary, false, make([]byte, size))); err != nil {
		t.Fatal(err)
	}
	pace := time.NewTicker(stall / 15)
	defer pace.Stop()
	start, last := time.Now(), time.Now()
	for left, buf := size, make([]byte, 2000); left > 0; {
		n, err := c.r.Read(buf)
		if time.Since(last) > stall/3 {
			return false
		}
		last = time.Now()
		if err != nil {
			t.Fatalf("%d bytes left after %v: %v", left, time.Since(start), err)
		}
		left -= n
		<-pace.C
	}
	if took := time.Since(start); took < stall {
		t.Fatalf("took %v: this test shows nothing", took)
	}
	none(t, s.closed)
	return true
}

// Many senders at once: nothing lost, each sender's order kept.
func TestConcurrentSenders(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		c, conn := s.connect(t)
		const senders, each = 8, 200
		var wg sync.WaitGroup
		for sender := range senders {
			wg.Go(func() {
				for i := range each {
					if err := conn.Send(netloop.NewMessage(netloop.Binary, false, []byte{byte(sender), byte(i)})); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		var seen [senders]byte
		for range senders * each {
			p := c.frame().Payload
			if p[1] != seen[p[0]] {
				t.Fatalf("sender %d: got %d, want %d", p[0], p[1], seen[p[0]])
			}
			seen[p[0]]++
		}
	})
}

// pair attaches one end of a socket that keeps the boundaries of writes. The
// connection is still to be started.
func pair(t *testing.T, loop *netloop.Loop, handler netloop.Handler) (*net.UnixConn, *netloop.Conn) {
	t.Helper()
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unixpacket"}
	listener, err := net.ListenUnix("unixpacket", address)
	if err != nil {
		t.Skipf("no unixpacket sockets: %v", err)
	}
	defer func() { _ = listener.Close() }()
	peer, err := net.DialUnix("unixpacket", nil, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	accepted, err := listener.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := loop.Attach(&netloop.Hijacked{Conn: accepted, Answer: []byte("101")}, handler)
	if err != nil {
		t.Fatal(err)
	}
	_ = peer.SetDeadline(time.Now().Add(patience))
	if n, err := peer.Read(make([]byte, 10)); n != 3 {
		t.Fatalf("read %d bytes, error %v, want the answer to the handshake", n, err)
	}
	return peer, conn
}

// Many small frames go out in few writes. The poller's writer is kept busy
// while they are queued, so that the number is no matter of luck.
func TestQueuedFramesShareAWrite(t *testing.T) {
	loop := newLoop(t, netloop.Config{Pollers: 1})
	if loop.Pollers() == 0 {
		t.Skip("no pollers here")
	}
	peer, conn := pair(t, loop, newRecorder())
	conn.Start(nil)
	busy, free := make(chan struct{}), make(chan struct{})
	_, other := pair(t, loop, blockedClose{busy, free})
	other.Start(nil)
	other.Abort()
	next(t, busy)
	const n = 200
	for i := range n {
		if err := conn.Send(netloop.NewMessage(netloop.Text, false, fmt.Appendf(nil, "%03d", i))); err != nil {
			t.Fatal(err)
		}
	}
	close(free)
	buf := make([]byte, 1<<20)
	got, err := peer.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	stream := bytes.NewReader(buf[:got])
	for i := range n {
		f, err := ws.ReadFrame(stream)
		if err != nil || string(f.Payload) != fmt.Sprintf("%03d", i) {
			t.Fatalf("frame %d of the first write: %q, %v", i, f.Payload, err)
		}
	}
	if _, err := stream.ReadByte(); !errors.Is(err, io.EOF) {
		t.Error("more than was sent")
	}
}

// blockedClose holds the goroutine that calls HandleClose, which no real
// handler may do.
type blockedClose struct{ busy, free chan struct{} }

func (blockedClose) HandleMessage(*netloop.Conn, netloop.Op, []byte) {}

func (b blockedClose) HandleClose(*netloop.Conn, error) {
	b.busy <- struct{}{}
	<-b.free
}

// Rounds of writing that are long enough for reading to take place in between:
// what one connection sends goes to all others, which get it in one order, and
// no handler is called by two goroutines at a time.
func TestReadingInsideARound(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		const members, senders, each = 150, 5, 40
		s := serve(t, kind, netloop.Config{Pollers: 1}, netloop.UpgradeOptions{})
		clients, conns := make([]*client, members), make([]*netloop.Conn, members)
		var mu sync.Mutex
		s.handle(func(_ *netloop.Conn, op netloop.Op, payload []byte) {
			if parked := kind.parked || kind.tls && !kind.taken; parked { // then connections have goroutines of their own
				mu.Lock()
			} else if !mu.TryLock() {
				t.Error("a handler was called by two goroutines at a time")
				mu.Lock()
			}
			defer mu.Unlock()
			m := netloop.NewMessage(op, false, payload)
			for _, conn := range conns {
				if err := conn.Send(m); err != nil {
					t.Errorf("send: %v", err)
				}
			}
		})
		mu.Lock()
		for i := range clients {
			clients[i], conns[i] = s.connect(t)
		}
		mu.Unlock()
		var sending, reading sync.WaitGroup
		for i, c := range clients[:senders] {
			sending.Go(func() {
				for k := range each {
					c.send(text(fmt.Sprintf("%d %d", i, k)))
				}
			})
		}
		got := make([]string, members)
		for i, c := range clients {
			reading.Go(func() {
				for range senders * each {
					f, err := ws.ReadFrame(c.r)
					if err != nil {
						t.Errorf("member %d: %v", i, err)
						return
					}
					got[i] += string(f.Payload) + "\n"
				}
			})
		}
		sending.Wait()
		reading.Wait()
		for i := range got {
			if got[i] != got[0] {
				t.Fatalf("member %d got another order than member 0:\n%s\ninstead of\n%s", i, got[i], got[0])
			}
		}
	})
}
