//go:build linux

package compare

import (
	"time"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
)

// scenario is one thing to measure. Where it has a memory title too, it gives two columns.
type scenario struct {
	name      string // on the command line
	title     string // of the column
	operation string // what the figure is for each of
	rate      string // the title of their number in a second
	memory    string // title of the second column
	floor     string // name of the peer that is its floor; none if empty
	plan      crowd.Plan
}

var scenarios = []scenario{
	{name: "fanout16", title: "fan-out, 16 messages in flight", operation: "delivery", rate: "deliveries a second", floor: write16,
		plan: crowd.Plan{Scenario: crowd.Fanout, Connections: 1000, Window: 16}},
	{name: "senders16", title: "fan-out, 16 senders with 1 message in flight each", operation: "delivery", rate: "deliveries a second",
		plan: crowd.Plan{Scenario: crowd.Fanout, Connections: 1000, Window: 16, Senders: 16}},
	{name: "fanout1", title: "fan-out, 1 message in flight", operation: "delivery", rate: "deliveries a second", floor: write,
		plan: crowd.Plan{Scenario: crowd.Fanout, Connections: 1000, Window: 1}},
	{name: "polling1", title: "fan-out over HTTP long-polling, 1 message in flight", operation: "delivery", rate: "deliveries a second",
		plan: crowd.Plan{Scenario: crowd.Fanout, Connections: 1000, Window: 1, Polling: true}},
	{name: "polling16", title: "fan-out over HTTP long-polling, 16 messages in flight", operation: "delivery", rate: "deliveries a second",
		plan: crowd.Plan{Scenario: crowd.Fanout, Connections: 1000, Window: 16, Polling: true}},
	{name: "ack", title: "ack round trip, 200 clients", operation: "round trip", rate: "round trips a second",
		plan: crowd.Plan{Scenario: crowd.Ack, Connections: 200}},
	{name: "connect", title: "connect to CONNECT answer", operation: "connection", rate: "connections a second", memory: "idle connection",
		plan: crowd.Plan{Scenario: crowd.Connect, Connections: 10_000, Settle: 20 * time.Second}},
}

// Scenarios are the names of all that can be measured.
func Scenarios() []string {
	names := make([]string, len(scenarios))
	for i, s := range scenarios {
		names[i] = s.name
	}
	return names
}

const payload = 128

// planned is the plan with all that scenarios share.
func (s *scenario) planned(short bool) crowd.Plan {
	plan := s.plan
	plan.Payload = payload
	plan.WarmUp, plan.Duration = time.Second, 4*time.Second
	if short {
		plan.Connections, plan.Least = 50, 1000
		plan.WarmUp, plan.Duration, plan.Settle = 0, 0, min(plan.Settle, 100*time.Millisecond)
	}
	return plan
}
