package netloop_test

import (
	"bytes"
	"compress/flate"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sockeye-im/sockeye/internal/netloop"
)

// deflated is a message as a client without context takeover compresses it.
func deflated(payload string) string {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestCompression)
	_, _ = w.Write([]byte(payload))
	_ = w.Flush()
	return strings.TrimSuffix(out.String(), "\x00\x00\xff\xff")
}

// noise does not compress.
func noise(n int) string {
	random := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	_, _ = random.Read(b)
	return string(b)
}

const offer = "permessage-deflate; client_max_window_bits"

func TestDeflateNegotiation(t *testing.T) {
	both := &netloop.Deflate{ServerContext: true, ClientContext: true}
	for _, test := range []struct {
		name, offer string
		allowed     *netloop.Deflate
		want        string
	}{
		{"not allowed", offer, nil, ""},
		{"not offered", "", both, ""},
		{"no takeover", offer, &netloop.Deflate{}, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{"takeover of both", offer, both, "permessage-deflate"},
		{"takeover of the client", offer, &netloop.Deflate{ClientContext: true}, "permessage-deflate; server_no_context_takeover"},
		{"client wants none", offer + "; server_no_context_takeover; client_no_context_takeover", both,
			"permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{"a small window of the server", "permessage-deflate; server_max_window_bits=10", both, ""},
		{"the second offer", "permessage-deflate; server_max_window_bits=10, permessage-deflate", both, "permessage-deflate"},
		{"unknown parameter", "permessage-deflate; x=1", both, ""},
		{"another extension", "x-webkit-deflate-frame", both, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, linkKind{}, netloop.Config{}, netloop.UpgradeOptions{Deflate: test.allowed})
			var offers []string
			if test.offer != "" {
				offers = []string{test.offer}
			}
			answer := s.handshake(t, map[string]string{"Sec-WebSocket-Extensions": strings.Join(offers, ", ")})
			if got := answer.Header.Get("Sec-WebSocket-Extensions"); got != test.want {
				t.Errorf("agreed on %q, want %q", got, test.want)
			}
		})
	}
}

func TestDeflatedMessages(t *testing.T) {
	onEachLink(t, func(t *testing.T, kind linkKind) {
		s := serve(t, kind, netloop.Config{MaxMessage: limit}, netloop.UpgradeOptions{Deflate: &netloop.Deflate{}})
		c, conn := s.connect(t, offer)
		long := strings.Repeat("hello ", 1000)
		squeezed := deflated(long)
		c.send(wire(true, 4, ws.OpText, squeezed))
		c.send(wire(false, 4, ws.OpBinary, squeezed[:5]), wire(true, 0, ws.OpContinuation, squeezed[5:]))
		c.send(text("plain"))
		for _, want := range []message{{netloop.Text, long}, {netloop.Binary, long}, {netloop.Text, "plain"}} {
			if got := next(t, s.messages); got != want {
				t.Fatalf("got %d %.80q", got.op, got.text)
			}
		}
		for _, test := range []struct {
			text       string
			compress   bool
			compressed bool
		}{
			{long, true, true},
			{long, false, false},
			{long[:1023], true, false}, // under the threshold
			{noise(5000), true, false}, // does not pay
		} {
			if err := conn.Send(netloop.NewMessage(netloop.Binary, test.compress, []byte(test.text))); err != nil {
				t.Fatal(err)
			}
			f := c.frame()
			if f.Header.Rsv1() != test.compressed {
				t.Errorf("%d bytes, compress %v: RSV1 is %v", len(test.text), test.compress, f.Header.Rsv1())
			}
			got := f.Payload
			if f.Header.Rsv1() {
				var err error
				if got, err = netloop.NewInflater(false).Inflate(f.Payload, limit); err != nil {
					t.Fatal(err)
				}
			}
			if string(got) != test.text {
				t.Errorf("got %d bytes back, want %d", len(got), len(test.text))
			}
		}
	})
}

func TestBadDeflatedMessages(t *testing.T) {
	for _, test := range []struct {
		name  string
		bytes []byte
		code  ws.StatusCode
	}{
		{"a bomb", wire(true, 4, ws.OpText, deflated(strings.Repeat("0", 5<<20))), 1009},
		{"one byte over the limit", wire(true, 4, ws.OpText, deflated(strings.Repeat("0", limit+1))), 1009},
		{"no deflate", wire(true, 4, ws.OpText, "\xff\xff\xff\xff"), 1007},
		{"nothing", wire(true, 4, ws.OpText, ""), 1007},
		{"invalid UTF-8 inside", wire(true, 4, ws.OpText, deflated("\xff")), 1007},
		{"RSV1 on a continuation", join(wire(false, 4, ws.OpText, "a"), wire(true, 4, ws.OpContinuation, "b")), 1002},
		{"RSV1 on a ping", wire(true, 4, ws.OpPing, ""), 1002},
		{"RSV2", wire(true, 2, ws.OpText, "a"), 1002},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, linkKind{}, netloop.Config{MaxMessage: limit}, netloop.UpgradeOptions{Deflate: &netloop.Deflate{}})
			c, _ := s.connect(t, offer)
			c.send(test.bytes)
			c.expectClose(test.code)
			none(t, s.messages)
		})
	}
	s := serve(t, linkKind{}, netloop.Config{MaxMessage: limit}, netloop.UpgradeOptions{Deflate: &netloop.Deflate{}})
	c, _ := s.connect(t, offer)
	c.send(wire(true, 4, ws.OpText, deflated(strings.Repeat("0", limit))))
	if got := next(t, s.messages); len(got.text) != limit {
		t.Errorf("got %d bytes", len(got.text))
	}
}

// With context takeover a message may refer to those before it.
func TestDeflateContext(t *testing.T) {
	for _, context := range []bool{false, true} {
		writer, reader := netloop.NewDeflater(context), netloop.NewInflater(context)
		same := noise(3000)
		var sizes []int
		for _, text := range []string{same, same, "short", strings.Repeat("x", 200_000), same, noise(70_000), noise(2000)} {
			payload, compressed := writer.Frame(netloop.NewMessage(netloop.Binary, true, []byte(text)))
			sizes = append(sizes, len(payload))
			got := payload
			if compressed {
				var err error
				if got, err = reader.Inflate(payload, 1<<20); err != nil {
					t.Fatal(err)
				}
			}
			if string(got) != text {
				t.Fatalf("context %v: %d bytes came back as %d", context, len(text), len(got))
			}
		}
		if repeated := sizes[1] < 1000; repeated != context {
			t.Errorf("context %v: the same message again takes %d bytes", context, sizes[1])
		}
		if kept := reader.Window(); !context && kept != 0 || kept > 32<<10 {
			t.Errorf("context %v: keeps %d bytes", context, kept)
		}
	}
}

func FuzzInflate(f *testing.F) {
	f.Add([]byte(deflated("hello")), false)
	f.Add([]byte(deflated(strings.Repeat("0", 1<<20))), true)
	f.Add([]byte{}, true)
	f.Add([]byte{1, 0, 0, 0xff, 0xff}, false)
	f.Fuzz(func(t *testing.T, data []byte, context bool) {
		const limit = 10_000
		r := netloop.NewInflater(context)
		for range 2 {
			out, err := r.Inflate(data, limit)
			if err != nil && out != nil || len(out) > limit {
				t.Fatalf("%d bytes, %v", len(out), err)
			}
		}
		big := bytes.Repeat(data, 1+2000/(len(data)+1))
		r, w := netloop.NewInflater(context), netloop.NewDeflater(context)
		for range 2 {
			payload, compressed := w.Frame(netloop.NewMessage(netloop.Binary, true, big))
			if compressed {
				var err error
				if payload, err = r.Inflate(payload, len(big)); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(payload, big) {
				t.Fatal("not the same after a round trip")
			}
		}
	})
}
