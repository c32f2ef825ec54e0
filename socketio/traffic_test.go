package socketio_test

import (
	"context"
	"testing"

	"github.com/sockeye-im/sockeye/socketio"
)

// A broadcast counts once for each socket that gets it, with recovery and without.
func TestTraffic(t *testing.T) {
	for name, cfg := range map[string]socketio.Config{"plain": {}, "recovery": {Recovery: &socketio.Recovery{}}} {
		t.Run(name, func(t *testing.T) {
			p := newParty(t, cfg, 3)
			p.nsp.On("ask", func(_ context.Context, e *socketio.Event) error { return e.Ack("answer") })
			p.sockets[0].Join("two")
			p.sockets[1].Join("two")
			before, carried := p.Traffic(), p.sockets[0].Traffic()
			for _, emit := range []func(string, ...any) error{
				p.nsp.To("two").Emit, p.nsp.Emit, p.nsp.To("none").Emit, p.sockets[0].Emit, p.nsp.Volatile().Emit,
			} {
				if err := emit("news", "x"); err != nil {
					t.Fatal(err)
				}
			}
			if got := p.Traffic().Sent - before.Sent; got != 2+3+0+1+3 {
				t.Errorf("%d packets were sent", got)
			}
			if got := p.sockets[0].Traffic(); got.Sent-carried.Sent != 4 || got.SentBytes-carried.SentBytes < 4*uint64(len(`2["news","x"]`)) {
				t.Errorf("the socket's connection has carried %+v, before %+v", got, carried)
			}
			p.clients[0].send(`27["ask"]`)
			eventually(t, "the answer", func() bool { return p.Traffic().Sent-before.Sent == 10 })
			if got := p.Traffic().Received - before.Received; got != 1 {
				t.Errorf("%d packets were received", got)
			}
		})
	}
}

func TestLocalSockets(t *testing.T) {
	p := newParty(t, socketio.Config{}, 3)
	if got := len(p.nsp.Sockets()); got != 3 {
		t.Errorf("%d sockets", got)
	}
	p.sockets[1].Join("one")
	if got := p.nsp.In("one").LocalSockets(); len(got) != 1 || got[0] != p.sockets[1] {
		t.Errorf("in the room: %v", got)
	}
	if got := p.Census(); got.Open != 3 || got.Polling != 0 {
		t.Errorf("%+v", got)
	}
}
