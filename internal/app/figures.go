package app

import (
	"context"
	"time"

	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/ops"
)

// buildMonitor begins to keep figures.
func (s *server) buildMonitor(context.Context) error {
	s.monitor = monitor.New(monitor.DefaultConfig(), monitor.Deps{
		Read: s.reading, Delivery: &s.delivery, Answers: &s.answers, Now: time.Now,
	})
	s.parts.add("monitor", func() error { s.monitor.Stop(); return nil })
	return nil
}

// reading is what the parts know of themselves.
func (s *server) reading() monitor.Reading {
	sockets, traffic, store := s.sockets.Census(), s.sockets.Traffic(), s.store.Stats()
	received, answered := s.native.Traffic()
	native := s.native.Open()
	return monitor.Reading{
		Gauges: monitor.Gauges{
			Connections: s.gateway.Connections(), Peak: s.gateway.Peak(), Users: s.accounts.CountConnected(), Active: s.gateway.Active(),
			Open: sockets.Open + native, Polling: sockets.Polling, Native: native, Legacy: sockets.V3,
			HubQueue: s.hub.Waiting(), StoreQueue: store.Queued, Slow: s.gateway.Slow(), Refused: int(s.refused.Load()),
		},
		Received: traffic.Received + received, Sent: traffic.Sent + answered + s.hub.Sent(), Commits: store.Commands,
	}
}

// watched are metrics of which the figures have their part.
type watched struct {
	*ops.Metrics
	server *server
}

// ConnectionRefused is for the gateway.
func (w watched) ConnectionRefused(reason string) {
	w.server.refused.Add(1)
	w.Metrics.ConnectionRefused(reason)
}

// Observe is for commands.
func (w watched) Observe(operation string, took time.Duration) {
	w.server.answers.Observe(took)
	w.Metrics.Observe(operation, took)
}
