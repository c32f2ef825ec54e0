package netloop_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// bursts come faster than any peer can read.
var bursts = []struct{ count, size int }{{100_000, 100}, {5_000, 1_000}, {20, 1_000_000}, {2, 8_000_000}}

// Who reads gets everything, in order.
func TestBurstToAReader(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		for _, burst := range bursts {
			t.Run(fmt.Sprintf("%d×%d", burst.count, burst.size), func(t *testing.T) {
				s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
				c, conn := s.connect(t)
				payload := make([]byte, burst.size)
				for i := range burst.count {
					binary.BigEndian.PutUint32(payload, uint32(i))
					if err := conn.Send(netloop.NewMessage(netloop.Binary, false, payload)); err != nil {
						t.Fatalf("message %d: %v", i, err)
					}
				}
				for i := range burst.count {
					if f := c.frame(); len(f.Payload) != burst.size || binary.BigEndian.Uint32(f.Payload) != uint32(i) {
						t.Fatalf("message %d: got %+v", i, f.Header)
					}
				}
				none(t, s.closed)
				until(t, "nothing held", func() bool { return s.loop.Memory().Held() == 0 })
			})
		}
	})
}

// stopped connects peers that do not read, with the least of buffers in the kernel.
func (s *server) stopped(t *testing.T, n int) (peers []*client, conns []*netloop.Conn) {
	t.Helper()
	s.tiny.Store(true)
	for range n {
		c, conn := s.connect(t)
		peers, conns = append(peers, c), append(conns, conn)
	}
	return peers, conns
}

// A message that waits for many counts once.
func TestSharedMessagesCountOnce(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		memory := netloop.NewQueueMemory(4 << 20)
		s := serve(t, kind, netloop.Config{QueueMemory: memory}, netloop.UpgradeOptions{})
		_, conns := s.stopped(t, 10)
		const size = 100_000
		sent := 0
		for range 20 { // 2 MB, ten times over
			m := netloop.NewMessage(netloop.Binary, false, make([]byte, size))
			for _, conn := range conns {
				if err := conn.Send(m); err != nil {
					t.Fatal(err)
				}
			}
			sent += m.Cost()
		}
		for _, conn := range conns {
			until(t, "a full socket", conn.Full)
		}
		until(t, "what was sent is held, but for what was written", func() bool { // an upgrade's answer may still be being written
			held := memory.Held()
			return held <= int64(sent) && held >= int64(sent-5*size)
		})
		none(t, s.closed)
		for _, conn := range conns {
			conn.Abort()
		}
		until(t, "nothing held", func() bool { return memory.Held() == 0 })
	})
}

// When memory is short those go for whom most waits.
func TestQueueMemoryTakesTheLargest(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		memory := netloop.NewQueueMemory(5 << 20)
		s := serve(t, kind, netloop.Config{QueueMemory: memory}, netloop.UpgradeOptions{})
		_, conns := s.stopped(t, 3)
		for i, conn := range conns { // 1, 2 and 3 MB
			for range (i + 1) * 10 {
				err := conn.Send(netloop.NewMessage(netloop.Binary, false, make([]byte, 100_000)))
				if i == 2 && errors.Is(err, netloop.ErrClosed) {
					break // its last messages are too many
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if i < 2 {
				none(t, s.closed)
			}
		}
		if cause := next(t, s.closed); !errors.Is(cause, netloop.ErrSlowConsumer) {
			t.Errorf("ended with %v", cause)
		}
		until(t, "it fits", func() bool { return memory.Held() <= memory.Limit() })
		for i, conn := range conns {
			if err := conn.Send(netloop.NewMessage(netloop.Text, false)); (err != nil) != (i == 2) {
				t.Errorf("connection %d: %v", i, err)
			}
		}
		none(t, s.closed)
	})
}

// Two loops share one bound.
func TestLoopsShareQueueMemory(t *testing.T) {
	memory := netloop.NewQueueMemory(3 << 20)
	first := serve(t, linkKind{}, netloop.Config{QueueMemory: memory}, netloop.UpgradeOptions{})
	second := serve(t, linkKind{}, netloop.Config{QueueMemory: memory}, netloop.UpgradeOptions{})
	_, large := first.stopped(t, 1)
	_, small := second.stopped(t, 1)
	m := func() *netloop.Message { return netloop.NewMessage(netloop.Binary, false, make([]byte, 2_000_000)) }
	if err := large[0].Send(netloop.NewMessage(netloop.Binary, false, make([]byte, 100))); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(large[0].Send(m()), small[0].Send(netloop.NewMessage(netloop.Binary, false, make([]byte, 1_500_000)))); err != nil {
		t.Fatal(err)
	}
	next(t, first.closed)
	none(t, second.closed)
}

// A sender that can wait sends as much as it likes, and holds little.
func TestAwaitRoom(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		c, conn := s.connect(t)
		const count, size = 100, 1_000_000 // more than may wait
		most := make(chan int, 1)
		go func() {
			top := 0
			defer func() { most <- top }()
			for i := range count {
				payload := make([]byte, size)
				payload[0] = byte(i)
				if err := errors.Join(conn.AwaitRoom(t.Context()), conn.Send(netloop.NewMessage(netloop.Binary, false, payload))); err != nil {
					t.Errorf("message %d: %v", i, err)
					return
				}
				_, waiting := netloop.Waiting(conn)
				top = max(top, waiting)
			}
		}()
		for i := range count {
			if f := c.frame(); len(f.Payload) != size || f.Payload[0] != byte(i) {
				t.Fatalf("message %d: %+v", i, f.Header)
			}
		}
		if top := next(t, most); top > 3*size {
			t.Errorf("%d bytes waited", top)
		}
	})
}

// A wait for room ends with its context, or with the connection.
func TestAwaitRoomEnds(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{WriteStall: time.Hour}, netloop.UpgradeOptions{})
		_, conns := s.stopped(t, 1)
		conn := conns[0]
		if err := conn.AwaitRoom(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := conn.Send(netloop.NewMessage(netloop.Binary, false, make([]byte, 3<<20))); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		waits := make(chan error, 2)
		go func() { waits <- conn.AwaitRoom(ctx) }()
		cancel()
		if err := next(t, waits); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		go func() { waits <- conn.AwaitRoom(t.Context()) }()
		until(t, "somebody waits", func() bool { return netloop.Awaited(conn) })
		conn.Abort()
		if err := next(t, waits); !errors.Is(err, netloop.ErrClosed) {
			t.Errorf("got %v", err)
		}
		if err := conn.AwaitRoom(t.Context()); !errors.Is(err, netloop.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

// slowly reads n bytes in steps, each well within the time that a stall takes, and
// altogether in a multiple of it. false: the test itself has stalled, and shows
// nothing.
func slowly(t *testing.T, r io.Reader, n int, stall time.Duration) bool {
	t.Helper()
	steps := 20
	buf := make([]byte, max(n/steps, 1))
	for last := time.Now(); n > 0; last = time.Now() {
		got, err := io.ReadFull(r, buf[:min(len(buf), n)])
		if time.Since(last) > stall/2 {
			return false
		}
		if err != nil {
			t.Fatalf("with %d bytes left: %v", n, err)
		}
		n -= got
		time.Sleep(stall / 8)
	}
	return true
}

// A closing handshake behind much that waits has its time while the peer takes that.
func TestCloseBehindALongQueue(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		t.Parallel()
		const size = 40_000
		for stall := time.Second; ; stall *= 2 {
			s := serve(t, kind, netloop.Config{CloseTimeout: stall}, netloop.UpgradeOptions{})
			peers, conns := s.stopped(t, 1)
			if err := conns[0].Send(netloop.NewMessage(netloop.Binary, false, make([]byte, size))); err != nil {
				t.Fatal(err)
			}
			conns[0].Close(1000, "")
			if slowly(t, peers[0].r, size, stall) {
				peers[0].expectClose(1000)
				return
			}
			t.Log("the test has stalled") // a busy machine needs longer for a step
		}
	})
}

// So has the answer to a request, whether it is the last one or not.
func TestLongAnswerToASlowReader(t *testing.T) {
	const size = 12_000_000
	body := bytes.Repeat([]byte("x"), size)
	for name, request := range map[string]string{
		"more to come": get("/poll"),
		"the last one": "GET /poll HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			for stall := 400 * time.Millisecond; ; stall *= 2 {
				serves := netloop.ListenerConfig{Serves: func([]byte) bool { return true }}
				h := newHouseOn(t, netloop.Config{WriteStall: stall, CloseTimeout: stall}, serves, func(w http.ResponseWriter, _ *http.Request) {
					if _, err := w.(netloop.SharedWriter).WriteShared(body); err != nil {
						t.Error(err)
					}
				})
				p := h.dial(t)
				p.say(request)
				if slowly(t, p.r, size, stall) {
					return
				}
				t.Log("the test has stalled")
			}
		})
	}
}

// Nobody is closed before its time, and everybody who takes nothing is soon after.
func TestStallIsClosedInTime(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		const stall = 300 * time.Millisecond
		s := serve(t, kind, netloop.Config{WriteStall: stall}, netloop.UpgradeOptions{})
		_, conns := s.stopped(t, 1)
		start := time.Now()
		if err := conns[0].Send(netloop.NewMessage(netloop.Binary, false, make([]byte, 3<<20))); err != nil {
			t.Fatal(err)
		}
		next(t, s.closed)
		if took := time.Since(start); took < stall {
			t.Errorf("closed after %v", took)
		}
	})
}

// Much that is queued for one peer does not keep others waiting: each has its turn.
func TestALongQueueLetsOthersHaveATurn(t *testing.T) {
	s := serve(t, linkKind{}, netloop.Config{Pollers: 1}, netloop.UpgradeOptions{})
	c, conn := s.connect(t)
	m := netloop.NewMessage(netloop.Binary, false, make([]byte, 100_000))
	go func() {
		for conn.Send(m) == nil {
			_ = conn.AwaitRoom(t.Context())
		}
	}()
	go func() { _, _ = io.Copy(io.Discard, c.r) }()
	other, echo := s.connect(t)
	for i := range 100 {
		if err := echo.Send(netloop.NewMessage(netloop.Text, false, fmt.Append(nil, i))); err != nil {
			t.Fatal(err)
		}
		other.expect(ws.OpText, fmt.Sprint(i))
	}
	conn.Abort()
}

// Who pings a thousand times at once is answered each time, by bytes that wait as one message.
func TestPongsWaitTogether(t *testing.T) {
	var pings, pongs []byte
	for i := range 1000 {
		payload := strings.Repeat("p", i%126)
		pings = append(pings, wire(true, 0, ws.OpPing, payload)...)
		pongs = append(append(pongs, 0x8a, byte(len(payload))), payload...)
	}
	waiting, written := netloop.Backlog(newLoop(t, netloop.Config{}), pings)
	if waiting > 2 {
		t.Errorf("%d messages wait", waiting)
	}
	if !bytes.Equal(written, pongs) {
		t.Errorf("the answer has %d bytes, not the %d of all pongs in their order", len(written), len(pongs))
	}
}

// Pings without end take a few buffers for their pongs, which are used again.
func TestPongsShareABuffer(t *testing.T) {
	pings := bytes.Repeat(wire(true, 0, ws.OpPing, "are you there?"), 2000)
	// Pools forget some of what is given back, above all beside the race detector.
	if each := netloop.Exchange(newLoop(t, netloop.Config{}), pings, len(pings)/2); each > 2*len(pings) {
		t.Errorf("%d bytes of pings take %d", len(pings), each)
	}
}

// What comes behind a frame that a read has cut is not copied.
func TestOnlyACutFrameIsCopied(t *testing.T) {
	frames := bytes.Repeat(wire(true, 0, ws.OpPong, "I am here, too"), 2000)
	if each := netloop.Exchange(newLoop(t, netloop.Config{}), frames, len(frames)/2+3); each > len(frames)/10 {
		t.Errorf("%d bytes of frames take %d", len(frames), each)
	}
}

// Who pings and does not read is owed the newest pong alone.
func TestPongsDoNotPileUp(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{}, netloop.UpgradeOptions{})
		peers, conns := s.stopped(t, 1)
		if err := conns[0].Send(netloop.NewMessage(netloop.Binary, false, make([]byte, 40_000))); err != nil {
			t.Fatal(err)
		}
		until(t, "a full socket", conns[0].Full)
		const pings = 1000
		for i := range pings {
			peers[0].send(wire(true, 0, ws.OpPing, fmt.Sprint(i)))
		}
		peers[0].send(text("behind them"))
		next(t, s.messages)
		// The message, a pong that a write under way has taken together with it, and the newest.
		if frames, _ := netloop.Waiting(conns[0]); frames > 3 {
			t.Errorf("%d frames wait", frames)
		}
		if last := netloop.LastWaiting(conns[0]); last != "\x8a\x03999" {
			t.Errorf("the last of them is %q", last)
		}
	})
}
