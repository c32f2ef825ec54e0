package socketio_test

import (
	"log/slog"
	"testing"

	"github.com/sockeye-im/sockeye/engineio"
	"github.com/sockeye-im/sockeye/socketio"
)

// message is of the size of a chat message.
var message = map[string]any{
	"id": "0197a3c2-8f5e-7c31-9d52-1f6a0b6d1e11", "roomId": "general", "senderId": "u_1", "senderUsername": "ada",
	"content": "Shall we meet at five? I will bring the tickets.", "type": "text", "timestamp": "2026-01-02T03:04:05.678Z", "seq": 1234,
}

func BenchmarkEncode(b *testing.B) {
	for name, args := range map[string][]any{
		"text":   {message},
		"binary": {message, make([]byte, 1024)},
		"nested": {map[string]any{"file": socketio.Binary(make([]byte, 1024))}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			p := &socketio.Packet{Type: socketio.PacketEvent, Namespace: "/", Event: "message", Args: args}
			for b.Loop() {
				if _, err := (socketio.JSON{}).Encode(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, messages := range map[string][]string{
		"text":   {`212["message",{"roomId":"general","content":"Shall we meet at five?","type":"text"}]`},
		"binary": {`51-["file",{"name":"a.png","data":{"_placeholder":true,"num":0}}]`, "binary:" + string(make([]byte, 1024))},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			d := socketio.JSON{}.NewDecoder()
			for b.Loop() {
				p, ok, err := feed(d, messages...)
				if err != nil || !ok {
					b.Fatal(err)
				}
				elements, err := p.Body.Elements()
				if err != nil {
					b.Fatal(err)
				}
				var in struct {
					Content, Name string
					Data          socketio.Binary
				}
				if err := elements[1].Decode(&in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// crowd connects n clients that poll when told to: no network is involved.
func crowd(tb testing.TB, n int) (*socketio.Namespace, []*poller) {
	tb.Helper()
	cfg := socketio.Config{Engine: engineio.Config{MaxQueuedBytes: 1 << 30}, Logger: slog.New(slog.DiscardHandler)}
	h := serve(tb, cfg)
	pollers := make([]*poller, n)
	for i := range pollers {
		pollers[i] = newPoller(h.Server)
		pollers[i].connect()
	}
	if got := h.Of("/").Rooms().Len(); got != n {
		tb.Fatalf("%d sockets", got)
	}
	return h.Of("/"), pollers
}

func BenchmarkBroadcast(b *testing.B) {
	const size, batch = 1000, 500
	root, pollers := crowd(b, size)
	b.ReportAllocs()
	sent := 0
	for b.Loop() {
		if err := root.Emit("message", message); err != nil {
			b.Fatal(err)
		}
		if sent++; sent%batch == 0 {
			b.StopTimer()
			for _, p := range pollers {
				p.get()
			}
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/receiver")
}

// A broadcast allocates as much for a thousand receivers as for one.
func TestBroadcastAllocations(t *testing.T) {
	const runs = 20
	allocations := func(receivers int) float64 {
		root, _ := crowd(t, receivers)
		emit := func() {
			if err := root.Emit("message", message); err != nil {
				t.Fatal(err)
			}
		}
		// The queues of the clients have grown by then: up to 64 packets fit, and
		// these 40 and those of the runs do.
		for range 40 {
			emit()
		}
		return testing.AllocsPerRun(runs, emit)
	}
	few, many := allocations(1), allocations(1000)
	// The race detector makes sync.Pool drop some of what it is given.
	if many > few+10 {
		t.Errorf("%.0f allocations for one receiver, %.0f for a thousand", few, many)
	}
	t.Logf("%.0f allocations for one receiver, %.0f for a thousand", few, many)
}
