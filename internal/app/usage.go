package app

import (
	"context"
	"math"
	"time"

	"github.com/sockeye-im/sockeye/internal/job"
	"github.com/sockeye-im/sockeye/internal/usage"
)

// What the servers are used for is counted by one of them for all, by a recurring job.
const (
	usageKind    = "analytics"
	usageCron    = "*/10 * * * *"
	usageTimeout = time.Hour // the first time all that was ever said
	// storeCounts is how long a server that stops tries to store what it has counted.
	storeCounts = 2 * time.Second
)

func (s *Server) buildUsage(context.Context) (err error) {
	if s.Usage, err = usage.New(usage.Deps{Store: s.Store.Usage(), Now: time.Now, Online: s.online}); err != nil {
		return err
	}
	stop := s.Usage.Keep(s.log)
	s.parts.add("usage", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), storeCounts)
		defer cancel()
		return stop(ctx)
	})
	return nil
}

// online lists the users who are, on any node.
func (s *Server) online() []string {
	users := s.Presence.List("", math.MaxInt)
	ids := make([]string, len(users))
	for i, id := range users {
		ids[i] = string(id)
	}
	return ids
}

func (s *Server) usageJobs() job.Kind {
	return job.Kind{Name: usageKind, Handle: s.countUsage, Workers: 1, Timeout: usageTimeout, Open: true}
}

// recurUsage has it counted from now on.
func (s *Server) recurUsage(ctx context.Context) error {
	return s.Jobs.Recur(ctx, job.New{Kind: usageKind, Key: usageKind, Cron: usageCron, Priority: job.Low})
}

// countUsage is the [job.Handler].
func (s *Server) countUsage(ctx context.Context, _ *job.Job) (job.Result, error) {
	_, err := s.Usage.Count(ctx)
	return job.Result{}, err
}
