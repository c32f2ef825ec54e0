package app

import (
	"context"
	"sync"
	"time"

	feedpostgres "github.com/sockeye-im/sockeye/internal/feed/postgres"
	"github.com/sockeye-im/sockeye/internal/ops"
)

// conditions are what a database behind a network has to fulfil, beside being there.
type conditions interface {
	CheckClock(context.Context) error
	CheckSchema(context.Context) error
	// CheckConnections fails where the database has no room for those that the server may open yet, and for more.
	CheckConnections(ctx context.Context, more int) error
}

// checks are those that a server has to pass to be ready. What fails at the start, and does not keep it from starting, is
// said in the log at once.
func (s *Server) checks(ctx context.Context) []ops.Check {
	checks := []ops.Check{{Name: "database", Run: s.Store.Ping}}
	if s.Relay != nil {
		checks = append(checks, ops.Check{Name: "commits of other servers", Run: s.inStep})
	}
	remote, ok := s.Store.(conditions)
	if !ok {
		return checks
	}
	more := []ops.Check{
		{Name: "clock", Fault: "is off the database's", Run: remote.CheckClock},
		{Name: "schema", Fault: "is of a newer version", Run: remote.CheckSchema},
	}
	for _, check := range more {
		if err := check.Run(ctx); err != nil {
			s.log.Error("the server is not ready", "check", check.Name, "err", err)
		}
		check.Run = (&paced{run: check.Run}).check
		checks = append(checks, check)
	}
	if err := remote.CheckConnections(ctx, connectionsForNews); err != nil {
		s.log.Warn("too few connections: what needs one will be refused while none is free", "err", err)
	}
	return checks
}

// askEvery is how often a paced check asks at most: anybody may ask whether the server is ready.
const askEvery = time.Second

// paced is a check that tells what came of the last time where that was just now. It may be used concurrently.
type paced struct {
	run func(context.Context) error

	mu   sync.Mutex
	at   time.Time
	last error
}

func (p *paced) check(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.at) >= askEvery {
		p.at, p.last = now, p.run(ctx)
	}
	return p.last
}

// connectionsForNews is how many connections to the database a server has beside its store's: by these it hears what the
// others have done.
const connectionsForNews = feedpostgres.Connections
