//go:build linux

// Package measure holds idle connections to a server in another process and reads from /proc what they cost it.
package measure

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sockeye-im/sockeye/bench/process"
)

// Plan says what to measure.
type Plan struct {
	Connections int
	Settle      time.Duration // from the last connection to the measurement
	Binary      string        // of Sockeye; empty: it is built as shipped
	HeapProfile string        // file for a heap profile of Sockeye; empty: none, and no pprof
}

// Result is what was measured.
type Result struct {
	Server      string
	Connections int
	Connecting  time.Duration // from the first connection to the last
	Settled     time.Duration
	Before      process.Memory // serving, without a connection
	After       process.Memory
	Notes       []string // what the server says of itself, if it was profiled
}

// PerConnection is the growth of VmRSS in bytes, divided by the number of connections.
func (r Result) PerConnection() float64 {
	return float64(r.After.RSS-r.Before.RSS) / float64(r.Connections)
}

// String is a table of all figures.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d connections in %.1f s, settled for %s\n", r.Server, r.Connections, r.Connecting.Seconds(), r.Settled)
	fmt.Fprintf(&b, "  %-8s %12s %12s %12s\n", "KiB", "before", "after", "growth")
	for _, row := range []struct {
		name          string
		before, after int64
	}{
		{"VmRSS", r.Before.RSS, r.After.RSS},
		{"RssAnon", r.Before.Anonymous, r.After.Anonymous},
		{"RssFile", r.Before.File, r.After.File},
		{"VmHWM", r.Before.Peak, r.After.Peak},
	} {
		fmt.Fprintf(&b, "  %-8s %12d %12d %12d\n", row.name, row.before>>10, row.after>>10, (row.after-row.before)>>10)
	}
	fmt.Fprintf(&b, "  VmRSS per connection: %.2f KiB\n", r.PerConnection()/1024)
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "  %s\n", note)
	}
	return b.String()
}

// server is a running server in another process.
type server struct {
	name   string
	pid    int
	addr   string   // host:port
	tokens []string // of all users; nil: no sign-in
	// inspect looks at the server behind the measurement, while the connections are open; nil: there is nothing to see.
	inspect func(context.Context, *Result) error
}

// measure opens the connections of the plan, lets them settle, and reads the server's memory before and after.
func measure(ctx context.Context, plan Plan, s server) (Result, error) {
	r := Result{Server: s.name, Connections: plan.Connections, Settled: plan.Settle}
	var err error
	if r.Before, err = process.ReadMemory(s.pid); err != nil {
		return r, err
	}
	began := time.Now()
	clients, err := connect(ctx, s, plan.Connections)
	if err != nil {
		return r, err
	}
	defer clients.close()
	r.Connecting = time.Since(began)
	if err := clients.hold(ctx, plan.Settle); err != nil {
		return r, err
	}
	if r.After, err = process.ReadMemory(s.pid); err != nil {
		return r, err
	}
	if s.inspect != nil {
		err = s.inspect(ctx, &r)
	}
	return r, err
}
