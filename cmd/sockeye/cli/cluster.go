package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/sockeye-im/sockeye/internal/sandbox"
)

type clusterCommand struct {
	Nodes  int            `default:"3" help:"How many nodes."`
	Listen string         `default:"127.0.0.1:3001" help:"Address of the first node; the others have the ports behind it."`
	Dir    string         `placeholder:"DIR" help:"Folder for data and logs, used again the next time. Default: a temporary one, which goes with the cluster."`
	Redis  sandbox.Wanted `default:"auto" enum:"on,off,auto" help:"Have a Redis server between the nodes: on, off, or auto, if the machine has one."`
	// Balancer stands before the nodes.
	Balancer sandbox.Wanted `default:"auto" enum:"nginx,haproxy,off,auto" help:"Have nginx or haproxy before the nodes, at the port before that of the first; auto is what the machine has, nginx first."`
}

// Help is told by --help, behind the settings.
func (clusterCommand) Help() string {
	return "It starts a PostgreSQL server, a Redis server, nodes, and a balancer before them that sends each request to the next node, all of them for this machine only and with demo sign-in. What ends is started again, so kill whatever you like; Ctrl-C ends all. It needs the programs of PostgreSQL, on Debian those of the package postgresql, for Redis those of redis-server, and nginx or haproxy for a balancer."
}

// Run runs the cluster until ctx ends.
func (c *clusterCommand) Run(ctx context.Context, p Program) error {
	const mostNodes = 9
	if c.Nodes < 1 || c.Nodes > mostNodes {
		return usageError{fmt.Errorf("nodes: %d, allowed are 1 to %d", c.Nodes, mostNodes)}
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	err = sandbox.Run(ctx, sandbox.Settings{Program: program, Nodes: c.Nodes, Listen: c.Listen, Dir: c.Dir, Redis: c.Redis, Balancer: c.Balancer}, func(line string) {
		_, _ = fmt.Fprintln(p.Stdout, line)
	})
	if err != nil && ctx.Err() != nil {
		return errors.Join(errInterrupted, err)
	}
	return err
}
