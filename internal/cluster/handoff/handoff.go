// Package handoff has a client of Socket.IO that comes back after a lost connection go on with its session where it comes
// to: the node that has the session hands it over to that one.
//
// Whose session it is, is asked before anything is given away: first the node that has made it, by the tag in its id, and
// where that has it no more, or has gone, all others, since a session keeps its id wherever it goes. Each node knows by the
// private id, which it has made or has been given with the session, that it is this client's.
package handoff

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster/forward"
	"github.com/sockeye-im/sockeye/internal/deps"
	"github.com/sockeye-im/sockeye/socketio"
)

// Deps are what a Handoff works with; all are required.
type Deps struct {
	Sockets *socketio.Server
	// InStep returns once the connections of this node were told what was committed before on any node.
	InStep func(context.Context) error
	// Pack makes bytes of what the application has attached to a socket; Unpack is the opposite.
	Pack   func(data any) ([]byte, error)
	Unpack func(packed []byte) (data any, err error)
	Log    *slog.Logger
}

// Handoff hands sessions over and takes them. Its methods may be called concurrently. Before Start there are none.
type Handoff struct {
	nodes  *forward.Forwarder
	deps   atomic.Pointer[Deps]
	counts counts
}

type counts struct{ taken, given atomic.Uint64 }

// New makes one that reaches other nodes by a forwarder.
func New(nodes *forward.Forwarder) *Handoff { return &Handoff{nodes: nodes} }

// Start is called once there are sockets.
func (h *Handoff) Start(d Deps) error {
	if err := deps.Check(d); err != nil {
		return err
	}
	h.deps.Store(&d)
	return nil
}

// Taken and Given are how many sessions came from other nodes and went to them.
func (h *Handoff) Taken() uint64 { return h.counts.taken.Load() }

// Given belongs to Taken.
func (h *Handoff) Given() uint64 { return h.counts.given.Load() }

// question is what a node asks another one.
type question struct {
	Claim socketio.Claim `json:"claim"`
	// Take asks for the session; else the question is whether it is there.
	Take bool `json:"take,omitempty"`
}

// answer is one to that. The zero value is that there is no such session.
type answer struct {
	There bool            `json:"there,omitempty"`
	Moved *socketio.Moved `json:"moved,omitempty"`
	Data  []byte          `json:"data,omitempty"`
}

// findTimeout is how long the other nodes may take to say whether they have a session.
const findTimeout = 2 * time.Second

// Elsewhere finds the node that has a session.
func (h *Handoff) Elsewhere(ctx context.Context, c socketio.Claim) socketio.Holder {
	d := h.deps.Load()
	if d == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	others := h.nodes.Others(ctx, c.PID)
	if len(others) > 0 && others[0].Has(c.PID) {
		if there(ctx, others[0], c) {
			return &holder{h, d, others[0], c}
		}
		others = others[1:]
	}
	found := make(chan *forward.Other, len(others))
	for _, other := range others {
		go func() {
			if there(ctx, other, c) {
				found <- &other
			} else {
				found <- nil
			}
		}()
	}
	for range others {
		if other := <-found; other != nil {
			return &holder{h, d, *other, c}
		}
	}
	return nil
}

func there(ctx context.Context, other forward.Other, c socketio.Claim) bool {
	said, err := ask(ctx, other, question{Claim: c})
	return err == nil && said.There
}

func ask(ctx context.Context, other forward.Other, q question) (a answer, err error) {
	asked, err := json.Marshal(q)
	if err != nil {
		return a, err
	}
	said, err := other.Ask(ctx, asked)
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(said, &a)
}

// holder is the node that has a session.
type holder struct {
	handoff *Handoff
	deps    *Deps
	node    forward.Other
	claim   socketio.Claim
}

// InStep implements [socketio.Holder].
func (h *holder) InStep(ctx context.Context) error { return h.deps.InStep(ctx) }

// Take implements [socketio.Holder].
func (h *holder) Take(ctx context.Context) (*socketio.Moved, error) {
	said, err := ask(ctx, h.node, question{h.claim, true})
	if err != nil || said.Moved == nil {
		return nil, err
	}
	if said.Moved.Data, err = h.deps.Unpack(said.Data); err != nil {
		return nil, err
	}
	h.handoff.counts.taken.Add(1)
	return said.Moved, nil
}

// Answer answers another node.
func (h *Handoff) Answer(ctx context.Context, asked []byte) []byte {
	d := h.deps.Load()
	var q question
	if d == nil || json.Unmarshal(asked, &q) != nil {
		return nil
	}
	said, err := h.answer(ctx, d, &q)
	if err != nil {
		d.Log.Warn("a session could not be handed over to another node", "err", err)
		return nil
	}
	text, err := json.Marshal(said)
	if err != nil {
		return nil
	}
	return text
}

func (h *Handoff) answer(ctx context.Context, d *Deps, q *question) (a answer, err error) {
	if !q.Take {
		return answer{There: d.Sockets.Has(q.Claim)}, nil
	}
	if a.Moved, err = d.Sockets.HandOver(ctx, q.Claim, d.InStep); err != nil || a.Moved == nil {
		return answer{}, err
	}
	if a.Data, err = d.Pack(a.Moved.Data); err != nil {
		return answer{}, err
	}
	h.counts.given.Add(1)
	a.There = true
	return a, nil
}
