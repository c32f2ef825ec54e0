package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/cluster"
	"github.com/sockeye-im/sockeye/internal/feed"
	"github.com/sockeye-im/sockeye/internal/feed/local"
	"github.com/sockeye-im/sockeye/internal/feed/postgres"
	"github.com/sockeye-im/sockeye/internal/feed/redis"
	"github.com/sockeye-im/sockeye/internal/feed/relay"
	"github.com/sockeye-im/sockeye/internal/ops"
	"github.com/sockeye-im/sockeye/internal/refusal"
)

// Shared is a database that many servers have.
type Shared interface {
	feed.Log
	// NodeID is the id of this server, among all that ever were.
	NodeID() string
	// WriterID is that of this server's log of commits now; 0 before its first commit.
	WriterID() int64
	// OtherNodes are the ids of the other servers that have the database, or had it a moment ago.
	OtherNodes(context.Context) ([]string, error)
	// ClusterSecret is what the servers of the database have, and nobody else.
	ClusterSecret(context.Context) (account.Secret, error)
}

const (
	// pollAlone is how often the log of commits is read where the database carries hints too.
	pollAlone = 100 * time.Millisecond
	// outOfStep is for how long a server may not have heard what others have committed: it lets
	// nobody in by then, as it does not know whose tokens are revoked.
	outOfStep = time.Second
	// inStepPatience is for how long one who comes then is kept waiting.
	inStepPatience = 1500 * time.Millisecond
)

// buildFeed makes the feed: of one server alone, or of one that may have others beside it.
func (s *Server) buildFeed(context.Context) (err error) {
	if s.settings.Account.Database == "" {
		s.Feed = local.New()
	} else {
		cfg := relay.DefaultConfig()
		if s.settings.Redis == "" {
			cfg.Poll = pollAlone
		}
		if s.Relay, err = relay.New(cfg); err != nil {
			return err
		}
		s.Feed = s.Relay
	}
	s.parts.add("feed", func() error { s.Feed.Stop(); return nil })
	return nil
}

// buildNode makes this server one of many, which does not hear the others yet. Whatever is read of
// the database from then on rests on no more than what it will hear of.
func (s *Server) buildNode(ctx context.Context) error {
	shared := s.Store.Shared()
	if shared == nil {
		return nil
	}
	if err := s.Relay.Mark(ctx, shared); err != nil {
		return err
	}
	secret, err := shared.ClusterSecret(ctx)
	if err != nil {
		return err
	}
	if s.paths, err = s.openPaths(cluster.Channel(string(secret))); err != nil {
		return err
	}
	s.Node, err = cluster.New(cluster.Config{ID: shared.NodeID(), Secret: string(secret), Paths: s.paths, Log: s.log})
	if err != nil {
		return err
	}
	s.peers = &cluster.Peers{Bus: s.Node, Members: s.Node}
	if err := s.startForwarder(); err != nil {
		return err
	}
	return errors.Join(s.watchCluster(), s.watchForwarder())
}

// openPaths returns the ways of hints to the other servers: Redis where it is given, and the database.
func (s *Server) openPaths(channel string) (paths []cluster.Path, err error) {
	if s.settings.Redis != "" {
		broker, err := redis.New(redis.Config{URL: string(s.settings.Redis), Channel: channel, Log: s.log})
		if err != nil {
			return nil, fmt.Errorf("redis: %w", err)
		}
		paths = append(paths, cluster.Path{Name: "redis", Broker: broker})
	}
	broker, err := postgres.New(postgres.Config{URL: string(s.settings.Account.Database), Channel: channel, Log: s.log})
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return append(paths, cluster.Path{Name: "notify", Broker: broker}), nil
}

// aids are the ways of hints that this server can be ready without.
func (s *Server) aids() (all []ops.Check) {
	for _, path := range s.paths {
		all = append(all, ops.Check{Name: path.Name, Run: func(context.Context) error {
			if !path.Broker.Working() {
				return errNotWorking
			}
			return nil
		}})
	}
	if s.forwarder != nil {
		all = append(all, s.othersReachable())
	}
	return all
}

var errNotWorking = errors.New("it does not work")

// watchCluster adds the figures of what goes between servers.
func (s *Server) watchCluster() error {
	m, node, figures := s.counts, s.Node, s.Relay.Figures
	errs := []error{
		m.Watch("sockeye_nodes", "Servers of the database that were heard of in the last 5 seconds, this one too.", func() float64 { return float64(1 + len(node.Alive())) }),
		m.Watch("sockeye_behind_seconds", "For how long it is not known what other servers have committed.", func() float64 { return time.Since(s.Relay.InStep()).Seconds() }),
		m.Watch("sockeye_relay_held", "Events that wait for those before them.", func() float64 { return float64(figures().Held) }),
		m.WatchTotal("sockeye_relay_readings_total", "How often the log of commits was read.", func() float64 { return float64(figures().Readings) }),
		m.WatchTotal("sockeye_relay_commits_read_total", "Commits of other servers that were read from the database, as no frame of them came.", func() float64 { return float64(figures().Read) }),
		m.WatchTotal("sockeye_relay_frames_dropped_total", "Frames for which there was no room.", func() float64 { return float64(figures().Dropped) }),
		m.WatchTotal("sockeye_relay_frames_garbled_total", "Frames of other servers that could not be understood.", func() float64 { return float64(figures().Garbled) }),
		m.WatchTotal("sockeye_relay_logs_lost_total", "How often commits of a server were missed that are kept no longer, after which all connections are ended.", func() float64 { return float64(figures().Lost) }),
		s.watchLogs("sockeye_log_behind_commits", "Commits of which is known and that were not taken in, of each log of another server.", func(l *relay.Log) float64 { return float64(l.Behind()) }),
		s.watchLogs("sockeye_log_behind_seconds", "For how long it is not known whether something of the log is missing.", func(l *relay.Log) float64 { return time.Since(l.At).Seconds() }),
	}
	return errors.Join(append(errs, s.watchBrokers()...)...)
}

// watchLogs adds a figure of each log but this server's own.
func (s *Server) watchLogs(name, help string, read func(*relay.Log) float64) error {
	return s.counts.WatchEach(name, help, []string{"log", "node"}, func(tell func(float64, ...string)) {
		for _, l := range s.Relay.Logs() {
			if !s.isOwn(&l) {
				tell(read(&l), strconv.FormatInt(l.Writer, 10), l.Node)
			}
		}
	})
}

// joinCluster begins to hear the others, once all who are to be told are there.
func (s *Server) joinCluster(ctx context.Context) error {
	if s.Node == nil {
		return nil
	}
	if err := s.startHandoff(); err != nil {
		return err
	}
	err := s.Relay.Start(relay.Deps{Bus: s.Node, Members: s.Node, Commits: s.Store.Shared(), Log: s.log, Lost: s.readAnew})
	if err != nil {
		return err
	}
	s.Node.Start()
	s.parts.add("cluster", func() error { s.Node.Stop(); s.Relay.Leave(); return nil })
	if err := s.hearOthers(ctx, s.Store.Shared()); err != nil {
		return err
	}
	return s.Relay.Refresh(ctx)
}

// readAnew is for when this server has not heard for minutes what others have committed, and will not
// hear of it any more. It reads who is let in, and has all devices come again: who was taken out of a
// room meanwhile must not hear it any longer, and the others ask for what they have missed.
func (s *Server) readAnew(ctx context.Context, since time.Time) error {
	events, err := s.Accounts.Reload(ctx, since)
	if err != nil {
		return err
	}
	s.Relay.Again(feed.Facts{At: time.Now(), Accounts: events})
	s.log.Warn("all connections are ended, as it is not known what they should have been told", "connections", s.Gateway.EndAll())
	return nil
}

// CatchUp returns once this server's connections were told what was committed before on any server,
// or with the error of ctx.
func (s *Server) CatchUp(ctx context.Context) error {
	if s.Relay == nil {
		return s.Feed.Flush(ctx)
	}
	return s.Relay.CatchUp(ctx)
}

// errBehind says why nobody is let in.
var errBehind = &refusal.Error{
	Code: refusal.Unavailable, Message: "The server does not hear from the others, please try again", RetryAfter: outOfStep,
}

// inStep fails while this server does not know what the others have committed, and cannot learn it soon.
func (s *Server) inStep(ctx context.Context) error {
	if s.Relay == nil || time.Since(s.Relay.InStep()) <= outOfStep {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, inStepPatience)
	defer cancel()
	if err := s.Relay.Refresh(ctx); err != nil {
		return fmt.Errorf("%w: %w: for %v", errBehind, err, time.Since(s.Relay.InStep()).Round(time.Millisecond))
	}
	return nil
}
