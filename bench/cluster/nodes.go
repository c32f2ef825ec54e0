//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/sockeye-im/sockeye/bench/load/crowd"
	"github.com/sockeye-im/sockeye/bench/process"
	"github.com/sockeye-im/sockeye/internal/account"
	"github.com/sockeye-im/sockeye/internal/sandbox"
)

// mostUsers is how many connections a node takes.
const mostUsers = 2000

// cluster is nodes with what they use, all of it on one core.
type cluster struct {
	folder   *sandbox.Folder
	postgres *sandbox.Postgres
	redis    *sandbox.Redis // nil: there is none
	nodes    []*process.Sockeye
	secret   string // the folder of it
}

// settings are PostgreSQL's own defaults where the server that it is started as has others.
var settings = []string{
	"shared_buffers=128MB", "max_wal_size=1GB", "min_wal_size=80MB", "wal_level=replica", "max_wal_senders=10", "autovacuum_naptime=1min",
}

// start starts a new cluster.
func (r *runner) start(ctx context.Context, f form) (c *cluster, err error) {
	r.started++
	c = &cluster{secret: r.Path(fmt.Sprintf("secret-%d", r.started))}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.stop())
		}
	}()
	if c.folder, err = sandbox.Temporary("sockeye-bench-"); err != nil {
		return c, err
	}
	err = r.Server.Do(func() error {
		if c.postgres, err = c.folder.Postgres(settings...); err == nil && f.redis {
			c.redis, err = c.folder.Redis("127.0.0.1:0")
		}
		return err
	})
	if err != nil {
		return c, err
	}
	address, err := c.postgres.Database(ctx, "bench")
	if err != nil {
		return c, err
	}
	secret, err := account.OpenSecret(c.secret)
	if err != nil {
		return c, err
	}
	environment := []string{"SOCKEYE_DATABASE=" + address, "SOCKEYE_JWT_SECRET=" + string(secret)}
	if f.redis {
		environment = append(environment, "SOCKEYE_REDIS="+c.redis.URL(c.redis.Addr()))
	}
	for i := range f.nodes {
		data := r.Path(fmt.Sprintf("data-%d-%d", r.started, i+1))
		node, err := process.StartNode(ctx, r.Dir, data, environment, r.Server, "--max-connections", strconv.Itoa(mostUsers), "--chat-dm-policy", "anyone")
		if err != nil {
			return c, err
		}
		c.nodes = append(c.nodes, node)
	}
	return c, nil
}

// stop ends all of it.
func (c *cluster) stop() (err error) {
	for _, node := range c.nodes {
		err = errors.Join(err, node.Stop())
	}
	if c.redis != nil {
		err = errors.Join(err, c.redis.Kill())
	}
	if c.postgres != nil {
		err = errors.Join(err, c.postgres.Stop())
	}
	if c.folder != nil {
		err = errors.Join(err, c.folder.Close())
	}
	return err
}

// at adds to a plan where the servers are.
func (c *cluster) at(plan crowd.Plan) crowd.Plan {
	plan.Addr, plan.PID, plan.Database = c.nodes[0].Addr, c.nodes[0].PID(), c.postgres.PID()
	for _, node := range c.nodes[1:] {
		plan.Others = append(plan.Others, crowd.Server{Addr: node.Addr, PID: node.PID()})
	}
	if c.redis != nil {
		plan.Broker = c.redis.PID()
	}
	return plan
}
