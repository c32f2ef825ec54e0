package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"os"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster/census"
	"github.com/sockeye-im/sockeye/internal/feed/relay"
)

// buildCensus has this server tell the others who it is and how it does, and know the same of them.
func (s *Server) buildCensus(context.Context) (err error) {
	s.Census, err = census.New(census.Deps{
		Peers: s.peers, Asker: s.asker, State: s.state, Log: s.log, Now: time.Now,
		Who: census.Who{
			ID: cmp.Or(s.self(), rand.Text()), Host: hostName(), Address: s.listener.Addr().String(),
			Version: cmp.Or(s.settings.Version, "dev"), Started: time.Now(),
		},
	})
	if err != nil {
		return err
	}
	s.parts.add("census", func() error { s.Census.Stop(); return nil })
	return nil
}

// hostName is the name of this machine, for people.
func hostName() string {
	if host, err := os.Hostname(); err == nil {
		return host
	}
	return "a machine without a name"
}

// state is how this server does.
func (s *Server) state(ctx context.Context) census.State {
	counts := s.Gateway.Counts()
	state := census.State{Connections: counts.Open, Users: counts.Users}
	state.Unready, state.Without = s.health.Standing(ctx)
	for _, path := range s.paths {
		did := path.Broker.Counts()
		state.Paths = append(state.Paths, census.Path{
			Name: path.Name, Working: path.Broker.Working(), Since: path.Broker.Since(),
			Published: did.Published, Dropped: did.Dropped, Connections: did.Connections,
		})
	}
	if s.Relay != nil {
		state.Relay = new(census.Relay(s.Relay.Figures()))
		state.Logs = s.logs(time.Now())
	}
	if s.forwarder != nil {
		for _, to := range s.forwarder.PassedOn() {
			state.Passed = append(state.Passed, census.Passed(to))
		}
	}
	return state
}

// logs are how far this server has heard of all logs of commits.
func (s *Server) logs(now time.Time) (all []census.Log) {
	for _, l := range s.Relay.Logs() {
		log := census.Log{Writer: l.Writer, Node: l.Node, Taken: l.Taken, Known: l.Known, Age: now.Sub(l.At)}
		if s.isOwn(&l) {
			log.Node, log.Age = s.self(), 0
		}
		all = append(all, log)
	}
	return all
}

// isOwn tells whether a log is this server's. The relay knows so from the first commit on of which there is something to tell.
func (s *Server) isOwn(l *relay.Log) bool { return l.Own || l.Writer == s.Store.Shared().WriterID() }
