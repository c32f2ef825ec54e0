//go:build linux

package cluster_test

import (
	"math/rand/v2"
	"testing"
	"time"
)

// fault is something that goes wrong, and is well again when it returns: the parts that ended run again. What has to happen
// then, such as coming back of all clients, is not its matter.
type fault struct {
	name string
	do   func(s *scene)
	// needs tells whether a cluster has what it takes; nil: each has.
	needs func(*cluster) bool
}

// scene is where a fault happens.
type scene struct {
	*cluster
	t      *testing.T
	crowd  *crowd
	random *rand.Rand
	long   bool // in a soak: as long as it takes for others to give a part up
}

func withRedis(cl *cluster) bool { return cl.redis != nil }

func apart(cl *cluster) bool { return cl.nodes[len(cl.nodes)-1].network != nil }

// faults are all that there are. The first ten of a cluster with Redis are what the short test has.
var faults = []fault{
	{"a node is killed", (*scene).killNode, nil},
	{"a node stands still", (*scene).freezeNode, nil},
	{"PostgreSQL dies", (*scene).killPostgres, nil},
	{"Redis dies", (*scene).killRedis, withRedis},
	{"a COMMIT's answer is lost", (*scene).cutCommits, nil},
	{"a node's network is cut off", (*scene).unplug, apart},
	{"PostgreSQL stands still", (*scene).freezePostgres, nil},
	{"Redis ends all its connections", (*scene).killRedisClients, withRedis},
	{"a node does not reach PostgreSQL, or is not reached by it", (*scene).partPostgres, nil},
	{"a node does not reach Redis, or is not reached by it", (*scene).partRedis, withRedis},
	{"Redis stands still", (*scene).freezeRedis, withRedis},
	{"networks are slow", (*scene).slow, nil},
	{"a node is stopped in order", (*scene).stopNode, nil},
	{"all nodes are killed", (*scene).killAll, nil},
}

// any node, for a fault.
func (s *scene) any() *node { return s.nodes[s.random.IntN(len(s.nodes))] }

// between waits for some time from a to b, while clients go on.
func (s *scene) between(a, b time.Duration) {
	time.Sleep(a + time.Duration(s.random.Int64N(int64(b-a))))
}

// noticed has clients go elsewhere after some time, as a balancer has that asks whether nodes are well, until back is called.
func (s *scene) noticed(n *node) (back func()) {
	s.between(0, 500*time.Millisecond)
	s.avoid(n, true)
	for _, m := range s.crowd.members {
		if at := m.at(); at == n.Name {
			m.depart()
		}
	}
	return func() { s.avoid(n, false) }
}

func (s *scene) killNode() {
	n := s.any()
	if err := n.Kill(); err != nil {
		s.t.Fatal(err)
	}
	back := s.noticed(n)
	s.between(0, 3*time.Second)
	s.start(n)
	s.awaitReady(n)
	back()
}

func (s *scene) killAll() {
	for _, n := range s.nodes {
		if err := n.Kill(); err != nil {
			s.t.Fatal(err)
		}
	}
	s.between(0, time.Second)
	for _, n := range s.nodes {
		s.start(n)
	}
	for _, n := range s.nodes {
		s.awaitReady(n)
	}
}

func (s *scene) stopNode() {
	n := s.any()
	back := s.noticed(n) // as a balancer that sees that it is not ready any more
	if err := n.Stop(patience); err != nil {
		s.t.Fatal(err)
	}
	s.between(0, time.Second)
	s.start(n)
	s.awaitReady(n)
	back()
}

func (s *scene) freezeNode() {
	n := s.any()
	if err := n.Freeze(); err != nil {
		s.t.Fatal(err)
	}
	back := s.noticed(n)
	if s.long && s.random.IntN(4) == 0 {
		s.between(61*time.Second, 65*time.Second) // so long that another one ends its writer
	} else {
		s.between(time.Second, 6*time.Second) // so long that the others hold it for dead, or not
	}
	if err := n.Thaw(); err != nil {
		s.t.Fatal(err)
	}
	back()
}

func (s *scene) killPostgres() {
	if err := s.postgres.Kill(); err != nil {
		s.t.Fatal(err)
	}
	if s.random.IntN(2) == 0 { // else it is back before anybody notices
		s.between(0, 3*time.Second)
	}
	if err := s.postgres.Start(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) freezePostgres() {
	if err := s.postgres.Freeze(); err != nil {
		s.t.Fatal(err)
	}
	s.between(time.Second, 8*time.Second)
	if err := s.postgres.Thaw(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) killRedis() {
	if err := s.redis.Kill(); err != nil {
		s.t.Fatal(err)
	}
	s.between(0, 3*time.Second)
	if err := s.redis.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.between(0, time.Second)
}

func (s *scene) freezeRedis() {
	if err := s.redis.Freeze(); err != nil {
		s.t.Fatal(err)
	}
	s.between(time.Second, 5*time.Second)
	if err := s.redis.Thaw(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) killRedisClients() {
	for range 3 {
		for _, kind := range []string{"pubsub", "normal"} {
			if answer, err := s.redis.Do("CLIENT KILL TYPE " + kind); err != nil {
				s.t.Fatalf("%q: %v", answer, err)
			}
		}
		s.between(0, 300*time.Millisecond)
	}
}

// cutCommits loses the answers of some COMMITs, one after the other, on all nodes.
func (s *scene) cutCommits() {
	for turn := range 3 * len(s.nodes) {
		p := s.nodes[turn%len(s.nodes)].toPostgres
		before := p.cutsDone()
		p.cutCommit([]commitCut{cutAnswer, cutBefore, cutInAnswer}[(turn/len(s.nodes))%3])
		s.crowd.await(s.t, "a COMMIT", func(state) bool { return p.cutsDone() > before })
	}
}

// part holds what passes a proxy, one way or both ways, for a while. Some of the time the connections do not stand it.
func (s *scene) part(p *proxy) {
	ways := [][]direction{{toServer, toClient}, {toServer}, {toClient}}[s.random.IntN(3)]
	for _, way := range ways {
		p.hold(way, true)
	}
	s.between(500*time.Millisecond, 4*time.Second)
	if s.random.IntN(3) == 0 {
		p.cut()
	}
	for _, way := range ways {
		p.hold(way, false)
	}
}

func (s *scene) partPostgres() { s.part(s.any().toPostgres) }

func (s *scene) partRedis() { s.part(s.any().toRedis) }

func (s *scene) unplug() {
	n := s.nodes[len(s.nodes)-1]
	n.network.plug(false)
	back := s.noticed(n)
	s.between(time.Second, 6*time.Second)
	n.network.plug(true)
	back()
}

func (s *scene) slow() {
	for _, n := range s.nodes {
		n.toPostgres.slow(time.Duration(s.random.Int64N(int64(100 * time.Millisecond))))
		if n.toRedis != nil {
			n.toRedis.slow(time.Duration(s.random.Int64N(int64(500 * time.Millisecond))))
		}
	}
	s.between(time.Second, 3*time.Second)
	for _, n := range s.nodes {
		n.toPostgres.slow(0)
		if n.toRedis != nil {
			n.toRedis.slow(0)
		}
	}
}
