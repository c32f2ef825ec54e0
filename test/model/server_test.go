package model_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/app"
	"github.com/sockeye-im/sockeye/internal/app/apptest"
	"github.com/sockeye-im/sockeye/internal/chat"
	"github.com/sockeye-im/sockeye/internal/feed"
)

const (
	day = 24 * time.Hour
	// patience is how long anything may take on a busy machine.
	patience = apptest.Patience
	// sequencesPerServer is how many sequences share a server: starting one costs as much as a sequence.
	sequencesPerServer = 50
)

// beginning is when the first sequence of a server begins. The others begin earlier, each long enough before the one
// before: what that has left is then too young to be removed.
var beginning = time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC)

const between = 300 * day

// servers hands out servers, and a new one now and then.
type servers struct {
	t               *testing.T
	directRetention time.Duration
	database        func(testing.TB) string // see run
	nodes           int
	current         *server
	taken           int
}

// next is a server for one more sequence, with names of its own.
func (s *servers) next() *server {
	s.t.Helper()
	if s.taken%sequencesPerServer == 0 {
		if s.current != nil {
			s.current.stop()
		}
		s.current = serve(s.t, s.database(s.t), s.nodes, s.directRetention)
	}
	s.taken++
	s.current.prefix = fmt.Sprintf("s%06d", s.taken)
	s.current.clock.Store(beginning.Add(-time.Duration(s.taken%sequencesPerServer) * between).UnixMilli())
	s.current.ids.Store(0)
	return s.current
}

// server is one node, or several of one database, of which only the clock and the ids are the test's.
type server struct {
	nodes           []*apptest.Server
	urls            []string      // of theirs
	chat            *chat.Service // of the first one, as all that is not a device's
	directRetention time.Duration

	prefix string       // of all names and ids of the present sequence; changed between sequences only
	clock  atomic.Int64 // milliseconds since 1970
	ids    atomic.Int64 // made in the present sequence
	// failure is the story of the first failure that may not come again.
	failure string
}

func (s *server) now() time.Time { return time.UnixMilli(s.clock.Load()).UTC() }

func (s *server) newID() string { return fmt.Sprintf("%s.%05d", s.prefix, s.ids.Add(1)) }

// stop is also done when the test ends.
func (s *server) stop() {
	for _, node := range s.nodes {
		node.Close()
	}
}

// flush waits until all nodes have told all that is committed.
func (s *server) flush(ctx context.Context) error {
	for _, node := range s.nodes {
		if err := node.CatchUp(ctx); err != nil {
			return err
		}
	}
	return nil
}

// announce tells all devices how far logs go.
func (s *server) announce(heads []chat.Head) {
	for _, node := range s.nodes {
		if facts := (feed.Facts{Heads: heads}); node.Relay != nil {
			node.Relay.Again(facts) // there alone: what goes to the others may be lost
		} else {
			node.Feed.Publish(facts)
		}
	}
}

func serve(t *testing.T, database string, nodes int, directRetention time.Duration) *server {
	t.Helper()
	s := &server{directRetention: directRetention}
	var flags []string
	if database != "" {
		flags = []string{"--database", database}
	}
	for range nodes {
		node := apptest.Serve(t, flags, func(all *app.Settings) {
			all.Said, all.NewID = s.now, s.newID
			// Nobody goes for good within a sequence: when users were last seen is told by the real clock, which has nothing
			// to do with when messages were sent, and heads go by both.
			all.Presence.Grace = time.Hour
			all.Rules = chat.DefaultConfig()
			all.Rules.DirectPolicy, all.Rules.DirectRetention = chat.DirectAnyone, directRetention
		})
		s.nodes = append(s.nodes, node)
		s.urls = append(s.urls, "ws"+strings.TrimPrefix(node.URL, "http")+"/ws")
	}
	s.chat = s.nodes[0].Chat
	// What is too old is removed when a sequence says so, and not at the full hour of the real clock.
	if err := s.nodes[0].Jobs.Pause(t.Context(), "upkeep", true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.failure != "" {
			t.Logf("What failed first, as devices wrote at the same time:\n%s", s.failure)
		}
	})
	return s
}

// token signs a user in for longer than a test takes.
func (s *server) token(user, name string) (string, error) {
	return s.nodes[0].Issuer.Sign(account.UserID(user), name, day)
}
