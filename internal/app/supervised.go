package app

import (
	"context"
	"net"
	"time"

	"github.com/sockeye-im/sockeye/internal/systemd"
)

// lastRequests is the part of the time for a stop that those have who were accepted before the listener was left to the server that
// follows: what they connected for is about to come. Of 10 s it is half a second.
const lastRequests = 20

// supervised has a supervisor know that the server lives, and when it begins to stop.
func (s *Server) supervised(ctx context.Context, manager *systemd.Manager) (stop func()) {
	unwatch := manager.Watch(func() { s.Gateway.Connections() }) // which needs the locks that connecting and speaking need
	stopping := make(chan struct{})
	told := context.AfterFunc(ctx, func() {
		defer close(stopping)
		s.untold(manager.Stopping("draining"))
	})
	return func() {
		if !told() {
			<-stopping
		}
		unwatch()
	}
}

// untold logs that a supervisor does not hear, which is no reason to stop.
func (s *Server) untold(err error) {
	if err != nil {
		s.log.Warn("the supervisor was not told", "err", err)
	}
}

// leaveListener accepts nobody any more where the listener was handed over: whoever has handed it over still has it, so who connects
// from here on waits for the server that follows, rather than to be refused by this one. Those who were accepted are served a while.
func (s *Server) leaveListener(ctx context.Context) {
	if s.settings.Listener == nil {
		return
	}
	s.Sockets.StopAccepting()
	if listener, ok := s.listener.(*net.TCPListener); ok { // where net/http accepts, it goes on trying, and finds nobody
		if err := listener.SetDeadline(time.Unix(1, 0)); err != nil {
			s.log.Warn("the listener does not rest", "err", err)
		}
	}
	select {
	case <-time.After(s.settings.DrainTimeout / lastRequests):
	case <-ctx.Done():
	}
}
