//go:build unix

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

const (
	readyWithin = time.Minute
	stopWithin  = 20 * time.Second // longer than a node needs for its clients
	// comesBack is after how long a part that has ended is started again: so long that one sees what that does.
	comesBack = 5 * time.Second
	lookEvery = time.Second
)

// Run runs a cluster for trying until ctx ends, and tells by say, line by line, what there is and what happens. A part
// that ends by itself, or is killed, is started again. It returns once all have ended.
func Run(ctx context.Context, s Settings, say func(line string)) (err error) {
	c := &cluster{Settings: s, say: say, database: "sockeye"}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.start(ctx); err != nil {
		return err
	}
	c.introduce()
	return c.tend(ctx)
}

// cluster is what Run runs. It is its goroutine's.
type cluster struct {
	Settings
	say      func(line string)
	database string
	folder   *Folder
	postgres *Postgres
	redis    *Redis // nil: there is none
	nodes    []*Node
	balancer *Balancer // nil: there is none
}

func (c *cluster) start(ctx context.Context) (err error) {
	if c.Dir == "" {
		c.folder, err = Temporary("sockeye-cluster-")
	} else {
		c.folder, err = Open(c.Dir)
	}
	if err != nil {
		return err
	}
	if c.postgres, err = c.folder.Postgres(); err != nil {
		return err
	}
	address, err := c.postgres.Database(ctx, c.database)
	if err != nil {
		return err
	}
	env := []string{"SOCKEYE_DATABASE=" + address}
	if c.wantsRedis() {
		if c.redis, err = c.folder.Redis("127.0.0.1:0"); err != nil {
			return err
		}
		env = append(env, "SOCKEYE_REDIS="+c.redis.URL(c.redis.Addr()))
	}
	if err := c.startNodes(ctx, env); err != nil {
		return err
	}
	return c.startBalancer()
}

func (c *cluster) wantsRedis() bool {
	_, err := exec.LookPath("redis-server")
	return c.Redis == On || c.Redis == Auto && err == nil
}

// startNodes starts one after the other: the first makes the tables.
func (c *cluster) startNodes(ctx context.Context, env []string) error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	for i := range c.Nodes {
		at, err := c.address(i)
		if err != nil {
			return err
		}
		n := c.folder.Node(fmt.Sprintf("node-%d", i+1), c.Program, []string{"--dev", "--listen", at, "--trusted-proxies", host}, env)
		c.nodes = append(c.nodes, n)
		if err := c.serve(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// address is so many ports behind that of the first node.
func (c *cluster) address(behind int) (string, error) {
	host, first, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	port, err := strconv.ParseUint(first, 10, 16)
	at := int(port) + behind
	if err != nil || port == 0 || at < 1 || at > 65535 {
		return "", fmt.Errorf("listen: there is no port for all nodes and the balancer around %s", first)
	}
	return net.JoinHostPort(host, strconv.Itoa(at)), nil
}

// startBalancer starts it at the port before that of the first node, if one is wanted and there.
func (c *cluster) startBalancer() error {
	kind := c.wantedBalancer()
	if kind == Off {
		return nil
	}
	at, err := c.address(-1)
	if err != nil {
		return err
	}
	var nodes []string
	for _, n := range c.nodes {
		nodes = append(nodes, n.Addr())
	}
	c.balancer, err = c.folder.Balancer(kind, at, nodes)
	if err != nil && c.Balancer == Auto {
		c.say(fmt.Sprintf("There is no balancer: %v", err))
		return nil
	}
	return err
}

// wantedBalancer is the first one that the machine has, where any will do.
func (c *cluster) wantedBalancer() Wanted {
	if c.Balancer != Auto {
		return c.Balancer
	}
	for _, kind := range []Wanted{Nginx, HAProxy} {
		if _, err := balancerProgram(kind); err == nil {
			return kind
		}
	}
	return Off
}

// serve starts a node and waits until it serves.
func (c *cluster) serve(ctx context.Context, n *Node) error {
	if err := n.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	return n.Ready(ctx)
}

// introduce tells what there is.
func (c *cluster) introduce() {
	for _, n := range c.nodes {
		c.say(fmt.Sprintf("%s      http://%s   process %d", n.Name, n.Addr(), n.PID()))
	}
	if b := c.balancer; b != nil {
		c.say(fmt.Sprintf("%-10s  http://%s   process %d: each request to the next node, without sticky sessions", b.Kind, b.Addr(), b.PID()))
	} else {
		c.say("Balancer    none, as with --balancer off, or where neither nginx nor haproxy is installed")
	}
	c.say(fmt.Sprintf("PostgreSQL  %s   process %d", c.postgres.URL(c.database), c.postgres.PID()))
	if c.redis != nil {
		c.say(fmt.Sprintf("Redis       %s   process %d", c.redis.URL(c.redis.Addr()), c.redis.PID()))
	} else {
		c.say("Redis       none: the nodes hear each other by PostgreSQL")
	}
	c.say("Data, logs  " + c.folder.Path(""))
	c.say("")
	c.say("Anybody on this machine can sign in to any node under any name. Who talks on one is heard on all.")
	c.say(fmt.Sprintf("Kill whatever you like (kill -9 %d): it is started again after %s. Ctrl-C ends all.", c.nodes[len(c.nodes)-1].PID(), comesBack))
}

// tend starts again what has ended.
func (c *cluster) tend(ctx context.Context) error {
	for pause(ctx, lookEvery) {
		if !c.postgres.Running() {
			c.back(ctx, "PostgreSQL", "", func() error { return c.postgres.Start() }, c.postgres.PID)
		}
		if c.redis != nil && !c.redis.Running() {
			c.back(ctx, "Redis", "", c.redis.Start, c.redis.PID)
		}
		if b := c.balancer; b != nil && !b.Running() {
			c.back(ctx, string(b.Kind), "", b.Start, b.PID)
		}
		for _, n := range c.nodes {
			if !n.Running() {
				c.back(ctx, n.Name, " "+n.How(), func() error { return c.serve(ctx, n) }, n.PID)
			}
		}
	}
	return nil
}

// back starts a part again. One that does not come back is tried again the next time.
func (c *cluster) back(ctx context.Context, name, how string, start func() error, pid func() int) {
	c.say(name + " has ended" + how)
	if !pause(ctx, comesBack) {
		return
	}
	if err := start(); err != nil && ctx.Err() == nil {
		c.say(err.Error())
	} else if err == nil {
		c.say(fmt.Sprintf("%s is back, process %d", name, pid()))
	}
}

// pause is false once ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// close ends all, the balancer and then the nodes first and in order.
func (c *cluster) close() error {
	if c.folder == nil {
		return nil
	}
	var err error
	if c.balancer != nil {
		err = c.balancer.Kill()
	}
	errs := make([]error, len(c.nodes))
	var stopping sync.WaitGroup
	for i, n := range c.nodes {
		if n.running != nil {
			stopping.Go(func() { errs[i] = n.Stop(stopWithin) })
		}
	}
	stopping.Wait()
	err = errors.Join(append(errs, err)...)
	if c.redis != nil {
		err = errors.Join(err, c.redis.Kill())
	}
	if c.postgres != nil {
		err = errors.Join(err, c.postgres.Stop())
	}
	err = errors.Join(err, c.folder.Close())
	if c.Dir == "" {
		err = errors.Join(err, os.RemoveAll(c.folder.Path("")))
	}
	return err
}
