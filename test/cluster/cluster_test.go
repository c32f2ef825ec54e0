//go:build linux

package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/sandbox"
	"github.com/sockeye-im/sockeye/test/program"
)

// setup says what a cluster is to be of.
type setup struct {
	nodes int
	redis bool // else PostgreSQL carries the hints too
	// standby has PostgreSQL have a synchronous standby.
	standby bool
	// apart has the last node be in a network of its own, if the machine can.
	apart bool
	drain time.Duration // what nodes have to stop; 0 is the default
	// direct has no proxies stand between the nodes and what they use: they cost processors, and only faults need them.
	direct bool
	// shipped has all nodes be as they are shipped, else the first one is built with the race detector.
	shipped bool
}

// secret signs the tokens of all nodes.
const secret = account.Secret("the secret of the nodes that are tested here")

// cluster is nodes with one database. But for what is said otherwise it belongs to the goroutine of the test.
type cluster struct {
	t        *testing.T
	folder   *sandbox.Folder
	database string // its name
	postgres *sandbox.Postgres
	socket   atomic.Pointer[string] // where nodes reach it, by their proxies
	standby  *sandbox.Postgres      // nil: there is none
	redis    *sandbox.Redis         // nil: there is none
	nodes    []*node                // never changes

	mu   sync.Mutex
	away map[string]bool // nodes that nobody is to go to, by name
}

// node is a server, with what stands between it and what it uses.
type node struct {
	*sandbox.Node
	toPostgres *proxy     // nil: nothing stands between
	toRedis    *proxy     // nil likewise, or there is no Redis
	network    *namespace // nil: it is in that of the machine
	at         string     // its address, where it is none that was started
}

// Addr is where it is reached. It may be called concurrently.
func (n *node) Addr() string {
	if n.at != "" {
		return n.at
	}
	return n.Node.Addr()
}

// start starts a cluster, whose nodes have all become ready. It ends with the test, which fails if a node had a data race.
func start(t *testing.T, s setup) *cluster {
	t.Helper()
	skipIfShort(t)
	cl := &cluster{t: t, database: "cluster", away: make(map[string]bool)}
	var err error
	if cl.folder, err = sandbox.Temporary("cluster"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(cl.logs())
		}
		_ = cl.folder.Close()
	})
	cl.startPostgres(s.standby)
	if s.redis {
		if cl.redis, err = cl.folder.Redis(net.JoinHostPort(program.Loopback(), "0")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cl.redis.Kill() })
	}
	if _, err := cl.postgres.Database(t.Context(), cl.database); err != nil {
		t.Fatal(err)
	}
	for i := range s.nodes {
		cl.nodes = append(cl.nodes, cl.newNode(i, s))
	}
	for _, n := range cl.nodes {
		cl.start(n)
	}
	for _, n := range cl.nodes {
		cl.awaitReady(n)
	}
	return cl
}

// startPostgres starts it, with a standby if one is wanted.
func (cl *cluster) startPostgres(standby bool) {
	cl.t.Helper()
	var settings []string
	if standby {
		settings = sandbox.ForStandby()
	}
	p, err := cl.folder.Postgres(settings...)
	if err != nil {
		cl.t.Fatal(err)
	}
	cl.t.Cleanup(func() { _ = p.Kill() })
	cl.reach(p)
	if !standby {
		return
	}
	if cl.standby, err = p.Standby(cl.t.Context()); err != nil {
		cl.t.Fatal(err)
	}
	cl.t.Cleanup(func() { _ = cl.standby.Kill() })
}

// reach has all nodes reach a server from their next connection on, as an address does that follows the primary.
func (cl *cluster) reach(p *sandbox.Postgres) {
	socket := p.Socket()
	cl.postgres = p
	cl.socket.Store(&socket)
}

// newNode makes the node of a number.
func (cl *cluster) newNode(number int, s setup) *node {
	cl.t.Helper()
	build := shipped
	if number == 0 && !s.shipped {
		build = raced
	}
	path, err := build()
	if err != nil {
		cl.t.Fatal(err)
	}
	n := &node{}
	here, there := "127.0.0.1", program.Loopback()
	if s.apart && number == s.nodes-1 {
		if n.network = newNamespace(cl.t); n.network != nil {
			here, there = n.network.outside, n.network.inside
		}
	}
	env := append([]string{"SOCKEYE_LIMITS=off", "SOCKEYE_JWT_SECRET=" + string(secret)}, cl.uses(n, here, s.direct)...)
	args := []string{"--listen", net.JoinHostPort(there, "3000"), "--chat-dm-policy", "anyone"}
	if s.drain > 0 {
		args = append(args, "--drain-timeout", s.drain.String())
	}
	n.Node = cl.folder.Node(fmt.Sprintf("node-%d", number+1), path, args, env)
	if n.network != nil {
		n.Wrap = n.network.command()
	}
	cl.t.Cleanup(func() {
		if err := n.Kill(); err != nil {
			cl.t.Error(err)
		}
		if log, err := os.ReadFile(n.LogFile()); err == nil && strings.Contains(string(log), "DATA RACE") {
			cl.t.Errorf("%s has a data race:\n%s", n.Name, log)
		}
	})
	return n
}

// uses are the settings by which a node finds what it uses: by a proxy of its own at an address, or directly.
func (cl *cluster) uses(n *node, at string, direct bool) (env []string) {
	if direct {
		env = append(env, "SOCKEYE_DATABASE="+cl.postgres.URL(cl.database))
		if cl.redis != nil {
			env = append(env, "SOCKEYE_REDIS="+cl.redis.URL(cl.redis.Addr()))
		}
		return env
	}
	n.toPostgres = newProxy(cl.t, at, true, func() (net.Conn, error) { return net.DialTimeout("unix", *cl.socket.Load(), signInTimeout) })
	env = append(env, "SOCKEYE_DATABASE="+cl.through(n.toPostgres))
	if cl.redis != nil {
		addr := cl.redis.Addr()
		n.toRedis = newProxy(cl.t, at, false, func() (net.Conn, error) { return net.DialTimeout("tcp", addr, signInTimeout) })
		env = append(env, "SOCKEYE_REDIS="+cl.redis.URL(n.toRedis.addr()))
	}
	return env
}

// through is the address of the database through a proxy. Statements are sent as text, so that it can read them.
func (cl *cluster) through(p *proxy) string {
	u, err := url.Parse(cl.postgres.URL(cl.database))
	if err != nil {
		cl.t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(p.addr())
	if err != nil {
		cl.t.Fatal(err)
	}
	query := u.Query()
	query.Set("host", host)
	query.Set("port", port)
	query.Set("sslmode", "disable")
	query.Set("default_query_exec_mode", "cache_describe")
	u.RawQuery = query.Encode()
	return u.String()
}

func (cl *cluster) start(n *node) {
	cl.t.Helper()
	if err := n.Start(); err != nil {
		cl.t.Fatal(err)
	}
}

func (cl *cluster) awaitReady(n *node) {
	cl.t.Helper()
	ctx, cancel := context.WithTimeout(cl.t.Context(), patience)
	defer cancel()
	if err := n.Ready(ctx); err != nil {
		cl.t.Fatal(err)
	}
}

// avoid has nobody go to a node any more, as a balancer does that has seen that it is not well; or again. It may be called
// concurrently.
func (cl *cluster) avoid(n *node, avoid bool) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.away[n.Name] = avoid
}

// another is a node that is not this one, if there are others to go to. It may be called concurrently.
func (cl *cluster) another(than *node, random *rand.Rand) *node {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	well := slices.DeleteFunc(slices.Clone(cl.nodes), func(n *node) bool { return cl.away[n.Name] })
	if others := slices.DeleteFunc(slices.Clone(well), func(n *node) bool { return n == than }); len(others) > 0 {
		well = others
	}
	if len(well) == 0 {
		well = cl.nodes
	}
	return well[random.IntN(len(well))]
}

// token is one of a user, for any node. It may be called concurrently.
func (cl *cluster) token(user string) string {
	issuer, err := account.NewIssuer(secret, time.Now)
	if err != nil {
		cl.t.Fatal(err)
	}
	token, err := issuer.Sign(account.UserID(user), "", time.Hour)
	if err != nil {
		cl.t.Fatal(err)
	}
	return token
}

// logs are the ends of all nodes' logs.
func (cl *cluster) logs() string {
	var b strings.Builder
	for _, n := range cl.nodes {
		fmt.Fprintf(&b, "\n--- %s\n%s", n.Name, n.Log())
	}
	return b.String()
}
