package app

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/sockeye-im/sockeye/internal/command"
	"github.com/sockeye-im/sockeye/internal/gateway"
	"github.com/sockeye-im/sockeye/internal/monitor"
	"github.com/sockeye-im/sockeye/internal/ops"
)

// counts are metrics, of which the figures for administrators have their part.
type counts struct {
	*ops.Metrics
	delivery monitor.Latencies // from the commit to the queues of devices
	answers  monitor.Latencies // from a command to its acknowledgement
	jobs     monitor.Jobs
	refused  atomic.Int64 // connections
}

func (s *Server) buildCounts(context.Context) error {
	s.Registry = ops.NewRegistry()
	metrics, err := ops.NewMetrics(s.Registry, ops.Vocabulary{
		Messages: command.Names(), Operations: command.Names(), Refusals: gateway.Refusals(), Ends: gateway.Ends(),
		ErrorTypes: []string{"command"}, ErrorCodes: command.Codes(),
	})
	s.counts = &counts{Metrics: metrics}
	return err
}

// ConnectionRefused is for the gateway.
func (c *counts) ConnectionRefused(reason string) {
	c.refused.Add(1)
	c.Metrics.ConnectionRefused(reason)
}

// Observe is for commands.
func (c *counts) Observe(operation string, took time.Duration) {
	c.answers.Observe(took)
	c.Metrics.Observe(operation, took)
}

// buildMonitor begins to read what the parts know of themselves.
func (s *Server) buildMonitor(context.Context) (err error) {
	s.Monitor, err = monitor.New(monitor.DefaultConfig(), monitor.Deps{
		Peers: s.peers, Read: s.reading, Delivery: &s.counts.delivery, Answers: &s.counts.answers, Jobs: &s.counts.jobs, Now: time.Now,
	})
	if err != nil {
		return err
	}
	s.parts.add("monitor", func() error { s.Monitor.Stop(); return nil })
	return s.watch()
}

// reading is for the monitor.
func (s *Server) reading() monitor.Reading {
	sockets, traffic, store := s.Sockets.Census(), s.Sockets.Traffic(), s.Store.Load()
	counts, native := s.Gateway.Counts(), s.Gateway.Native().Open()
	received, answered := s.Gateway.Native().Traffic()
	return monitor.Reading{
		Gauges: monitor.Gauges{
			Connections: counts.Open, Peak: counts.Peak, Users: counts.Users, Active: counts.Active,
			Open: sockets.Open + native, Polling: sockets.Polling, Native: native, Legacy: sockets.V3,
			Capacity: s.settings.Door.MaxConnections, Processors: runtime.GOMAXPROCS(0),
			HubQueue: s.Feed.Waiting(), StoreQueue: store.Queued, Slow: counts.Slow, Refused: int(s.counts.refused.Load()),
		},
		Received: traffic.Received + received, Sent: traffic.Sent + answered + s.index.Sent(), Commits: store.Commands, Jobs: s.jobCounts.figures(),
	}
}

// watch adds what metrics read when they are asked.
func (s *Server) watch() error {
	m := s.counts
	if expires := s.secure.expires; expires != nil {
		if err := m.Watch("sockeye_tls_certificate_expiry_seconds", "When the certificate in use runs out, in seconds since 1970; the first of several.", func() float64 {
			return float64(max(expires().Unix(), 0))
		}); err != nil {
			return err
		}
	}
	return errors.Join(
		m.Watch("websocket_connections", "Open connections that have signed in.", func() float64 { return float64(s.Gateway.Connections()) }),
		m.Watch("websocket_connections_open", "Open connections, signed in or not.", func() float64 { return float64(s.Sockets.Connections()) }),
		m.Watch("sockeye_users_online", "Users who are online, on any node.", func() float64 { return float64(s.Presence.Count()) }),
		m.Watch("sockeye_queue_bytes", "Bytes that wait for slow connections; what waits for many of them counts once.", func() float64 { return float64(s.Queues.Held()) }),
		m.Watch("sockeye_recent_bytes", "Bytes of messages that are kept for who opens the same conversation, about.", func() float64 { return float64(s.Chat.Kept().Bytes) }),
		m.Watch("sockeye_recent_conversations", "Conversations of which they are.", func() float64 { return float64(s.Chat.Kept().Conversations) }),
		m.WatchTotal("sockeye_recent_reads_total", "Readings of the newest messages of a conversation.", func() float64 { return float64(s.Chat.Kept().Reads) }),
		m.WatchTotal("sockeye_recent_hits_total", "Readings that were answered by what is kept.", func() float64 { return float64(s.Chat.Kept().Hits) }),
		m.Watch("sockeye_hub_queue", "Commits whose events wait to be told to connections.", func() float64 { return float64(s.Feed.Waiting()) }),
		m.Watch("sockeye_store_queue", "Commands that wait for the store's writer.", func() float64 { return float64(s.Store.Load().Queued) }),
		m.WatchTotal("sockeye_store_commands_total", "Commands that were in the store's transactions.", func() float64 { return float64(s.Store.Load().Commands) }),
		m.WatchTotal("sockeye_store_batches_total", "Transactions that the store has ended; commands by batches is the mean batch.", func() float64 { return float64(s.Store.Load().Batches) }),
	)
}
