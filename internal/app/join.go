package app

import (
	"context"
	"slices"
	"time"
)

const (
	// hearWithin is for how long a server that starts waits until it hears the others. One of which the database
	// still says that it is there may have died, and is not waited for in vain: what it may have
	// committed is in the log.
	hearWithin = 2 * time.Second
	// hearEvery is how often it looks meanwhile.
	hearEvery = 20 * time.Millisecond
)

// hearOthers returns once this server hears the others: who comes before that would be shown friends as offline who
// are there, and be told of nobody who types.
func (s *Server) hearOthers(ctx context.Context, shared Shared) error {
	others, err := shared.OtherNodes(ctx)
	if err != nil {
		return err
	}
	late := time.After(hearWithin)
	look := time.NewTicker(hearEvery)
	defer look.Stop()
	for {
		alive := s.Node.Alive()
		silent := slices.DeleteFunc(slices.Clone(others), func(id string) bool { return slices.Contains(alive, id) })
		if len(silent) == 0 {
			return nil
		}
		select {
		case <-look.C:
		case <-late:
			s.log.Warn("not all servers of the database are heard", "silent", silent)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
