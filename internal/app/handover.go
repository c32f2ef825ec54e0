package app

import (
	"context"
	"sync"
	"time"

	"github.com/sockeye-im/sockeye/internal/config"
)

// HandOver is how a server that stops has its connections go to the others. Its zero value is that it
// does not: they are closed all at once, as where there are no others.
type HandOver struct {
	// Notice is for how long new connections are taken although /ready says no already: balancers ask every
	// second or so, and who is sent here until then is let in, instead of being refused.
	Notice time.Duration
	// Over is the time in which the connections are closed, evenly. The others have to sign that many in again.
	Over time.Duration
}

// handOver divides the time that a drain may take: a fifth to be noticed, a half to close, and the rest
// for those whose commands take longer.
func handOver(cfg config.Config) HandOver {
	return HandOver{Notice: cfg.DrainTimeout / 5, Over: cfg.DrainTimeout / 2}
}

// handOver has the connections go to the other nodes, if there are any that are heard of. The connections
// that are left are those of strangers, and of whoever waits for something that does not end.
func (s *Server) handOver(ctx context.Context) {
	if s.peers == nil || len(s.peers.Alive()) == 0 || s.settings.HandOver == (HandOver{}) {
		return
	}
	how := s.settings.HandOver
	select {
	case <-time.After(how.Notice):
	case <-ctx.Done():
	}
	s.Gateway.StopOpening()
	s.log.Info("connections go to other nodes", "connections", s.Gateway.Connections(), "over", how.Over.String())
	var passedOn sync.WaitGroup
	if s.forwarder != nil {
		passedOn.Go(func() { s.forwarder.HandOver(ctx, how.Over) })
	}
	s.Gateway.HandOver(ctx, how.Over, s.self())
	passedOn.Wait()
}
