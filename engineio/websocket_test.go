package engineio_test

import (
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/engineio"
)

// onEachLink runs a test with epoll and with parked goroutines.
func onEachLink(t *testing.T, test func(t *testing.T, cfg engineio.Config)) {
	t.Helper()
	t.Run("epoll", func(t *testing.T) { test(t, engineio.Config{}) })
	t.Run("parked", func(t *testing.T) { test(t, engineio.Config{Parked: true}) })
}

func TestWebSocketMessages(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		s := serve(t, cfg)
		session, c := s.openSocket(t, "4")
		c.sendText("4hello €")
		c.send(ws.OpBinary, "\x01\x02")
		c.sendText("bAQI=")
		c.sendText("0")
		c.sendText("5")
		c.sendText("6")
		expect(t, s.messages, "hello €")
		expect(t, s.messages, "bin:\x01\x02")
		expect(t, s.messages, "bin:\x01\x02")
		send(t, session, "a")
		c.expect("4a")
		_ = session.Send(engineio.NewBinary([]byte{3}))
		if f := c.frame(); f.Header.OpCode != ws.OpBinary || string(f.Payload) != "\x03" {
			t.Errorf("got %+v %q", f.Header, f.Payload)
		}
		until(t, "writable", session.Writable)
		none(t, s.closes)

		session, c = s.openSocket(t, "3")
		c.sendText("4hello")
		c.send(ws.OpBinary, "\x04\x01\x02")
		c.sendText("b4AQI=")
		c.sendText("2probe")
		expect(t, s.messages, "hello")
		expect(t, s.messages, "bin:\x01\x02")
		expect(t, s.messages, "bin:\x01\x02")
		c.expect("3probe")
		_ = session.Send(engineio.NewBinary([]byte{3}))
		if f := c.frame(); f.Header.OpCode != ws.OpBinary || string(f.Payload) != "\x04\x03" {
			t.Errorf("version 3: got %+v %q", f.Header, f.Payload)
		}
	})
}

// One message goes to sessions of all kinds.
func TestSharedMessage(t *testing.T) {
	s := serve(t, engineio.Config{})
	four, c4 := s.openSocket(t, "4")
	three, c3 := s.openSocket(t, "3")
	polling, query := s.open(t, "4")
	for _, m := range []*engineio.Message{engineio.NewText([]byte("a"), nil, []byte("b")), engineio.NewBinary([]byte{1, 2})} {
		for _, session := range []*engineio.Session{four, three, polling} {
			if err := session.Send(m); err != nil {
				t.Fatal(err)
			}
		}
		if u := m.Uncompressed(); string(u.Data()) != string(m.Data()) || u.Binary() != m.Binary() {
			t.Errorf("uncompressed: %v %q", u.Binary(), u.Data())
		}
	}
	c4.expect("4ab")
	c3.expect("4ab")
	if got := string(c4.frame().Payload) + "|" + string(c3.frame().Payload); got != "\x01\x02|\x04\x01\x02" {
		t.Errorf("binary: %q", got)
	}
	s.poll(t, query, "4ab\x1ebAQI=")
}

func TestInvalidFrames(t *testing.T) {
	for _, test := range []struct {
		version string
		op      ws.OpCode
		payload string
		reason  engineio.Reason
	}{
		{"4", ws.OpText, "", engineio.ParseError},
		{"4", ws.OpText, "abc", engineio.ParseError},
		{"4", ws.OpText, "b!", engineio.ParseError},
		{"3", ws.OpBinary, "", engineio.ParseError},
		{"3", ws.OpBinary, "\x09", engineio.ParseError},
		{"4", ws.OpText, "2", engineio.TransportError}, // heartbeats of the wrong direction
		{"3", ws.OpText, "3", engineio.TransportError},
		{"4", ws.OpText, "4\xff", engineio.TransportError},
		{"4", ws.OpText, "1", engineio.TransportClose},
		{"4", ws.OpClose, "", engineio.TransportClose},
	} {
		s := serve(t, engineio.Config{})
		_, c := s.openSocket(t, test.version)
		c.send(test.op, test.payload)
		s.expectEnd(t, test.reason)
		c.expectClose()
		none(t, s.messages)
	}
}

func TestMaxPayloadOnWebSocket(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		cfg.MaxPayload = 1000
		s := serve(t, cfg)
		_, c := s.openSocket(t, "4")
		c.sendText("4" + strings.Repeat("x", 999))
		next(t, s.messages)
		c.sendText("4" + strings.Repeat("x", 1000))
		if code := c.expectClose(); code != 1009 {
			t.Errorf("closed with %d", code)
		}
		s.expectEnd(t, engineio.TransportError)
		none(t, s.messages)
	})
}

func TestVanishedSocket(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		s := serve(t, cfg)
		_, c := s.openSocket(t, "4")
		_ = c.Close()
		s.expectEnd(t, engineio.TransportClose)
		if s.Len() != 0 || s.Reachable() != 0 {
			t.Errorf("%d open, %d reachable", s.Len(), s.Reachable())
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestClosedByTheServer(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		s := serve(t, cfg)
		session, c := s.openSocket(t, "4")
		send(t, session, "last words")
		session.Close()
		session.Close()
		s.expectEnd(t, engineio.ForcedClose)
		c.expect("4last words")
		c.expectClose()
		none(t, s.closes)
	})
}

func TestSlowSocketConsumer(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		cfg.MaxQueuedBytes = 10_000
		s := serve(t, cfg)
		session, c := s.openSocket(t, "4")
		m := engineio.NewText([]byte(strings.Repeat("x", 60_000)))
		for i := 0; session.Send(m) == nil; i++ {
			if i > 10_000 {
				t.Fatal("600 MB were queued")
			}
		}
		s.expectEnd(t, engineio.SlowConsumer)
		if code := c.expectClose(); code != 4008 {
			t.Errorf("closed with %d", code)
		}
	})
}

func TestPausedSocket(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		s := serve(t, cfg)
		session, c := s.openSocket(t, "4")
		session.Pause()
		c.sendText("4held")
		send(t, session, "the other way is open")
		c.expect("4the other way is open")
		none(t, s.messages)
		session.Resume()
		expect(t, s.messages, "held")

		session.Pause()
		session.Close() // must not wait for a Resume
		c.expectClose()
		s.expectEnd(t, engineio.ForcedClose)
	})
}

// A session may be paused, sent to and closed before anything is read.
func TestCallsFromOnSession(t *testing.T) {
	onEachLink(t, func(t *testing.T, cfg engineio.Config) {
		cfg.OnSession = before(func(session *engineio.Session) {
			_ = session.Send(engineio.NewText([]byte("welcome")))
			session.Pause()
		})
		s := serve(t, cfg)
		session, c := s.openSocket(t, "4")
		c.expect("4welcome")
		c.sendText("4held")
		send(t, session, "x")
		c.expect("4x")
		none(t, s.messages)
		session.Resume()
		expect(t, s.messages, "held")

		cfg.OnSession = before(func(session *engineio.Session) { session.Close() })
		s = serve(t, cfg)
		_, c = s.openSocket(t, "4")
		s.expectEnd(t, engineio.ForcedClose)
		c.expectClose()
		a := s.get(t, "EIO=4&transport=polling")
		s.expectEnd(t, engineio.ForcedClose)
		if sid := parseOpen(t, strings.Split(a.body, "\x1e")[0]).SID; sid != "" && a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

func TestPerMessageDeflate(t *testing.T) {
	for _, pmd := range []*engineio.PerMessageDeflate{nil, {}, {ServerContextTakeover: true, ClientContextTakeover: true}} {
		s := serve(t, engineio.Config{PerMessageDeflate: pmd})
		a := s.get(t, "EIO=4&transport=websocket", append(upgrading, "Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")...)
		got := a.header.Get("Sec-WebSocket-Extensions")
		want := map[bool]string{true: "", false: "permessage-deflate; server_no_context_takeover; client_no_context_takeover"}[pmd == nil]
		if pmd != nil && pmd.ServerContextTakeover {
			want = "permessage-deflate"
		}
		if got != want {
			t.Errorf("agreed on %q, want %q", got, want)
		}
	}
}
