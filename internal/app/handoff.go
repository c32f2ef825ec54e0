package app

import (
	"context"
	"errors"

	"github.com/sockeye-im/sockeye/internal/cluster/handoff"
	"github.com/sockeye-im/sockeye/socketio"
)

// recovery is that of connections, which clients go on with at whichever node they come to.
func (s *Server) recovery(of *socketio.Recovery) *socketio.Recovery {
	if of == nil || s.forwarder == nil {
		return of
	}
	s.handoff = handoff.New(s.forwarder)
	everywhere := *of
	everywhere.Elsewhere, everywhere.NewID = s.handoff.Elsewhere, s.forwarder.NewID
	return &everywhere
}

// answerNode answers what another node asks of this one.
func (s *Server) answerNode(ctx context.Context, question []byte) []byte {
	if s.handoff == nil {
		return nil
	}
	return s.handoff.Answer(ctx, question)
}

// startHandoff has sessions go to other nodes and come from them, once the gateway knows what they are.
func (s *Server) startHandoff() error {
	if s.handoff == nil {
		return nil
	}
	m, h := s.counts, s.handoff
	return errors.Join(
		h.Start(handoff.Deps{Sockets: s.Sockets, InStep: s.CatchUp, Pack: s.Gateway.Pack, Unpack: s.Gateway.Unpack, Log: s.log}),
		m.WatchTotal("sockeye_sessions_taken_total", "Sessions of other nodes whose client came back here.", func() float64 { return float64(h.Taken()) }),
		m.WatchTotal("sockeye_sessions_given_total", "Sessions of this node whose client came back at another one.", func() float64 { return float64(h.Given()) }),
	)
}
