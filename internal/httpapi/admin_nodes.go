package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/sockeye-im/sockeye/internal/cluster/census"
	"github.com/sockeye-im/sockeye/internal/wire"
)

// Nodes knows which servers have the database, and how they do. It may be used concurrently.
type Nodes interface {
	// Nodes takes a second where one does not answer.
	Nodes(ctx context.Context) []census.Node
}

func (a *API) nodesOperation() operation {
	return operate(operation{
		method: http.MethodGet, path: "/admin/nodes", id: "listNodes", tag: tagAdmin, needs: anAdmin,
		summary: "List nodes", details: "The servers that have the database, by their hosts and addresses, with how each does. One that does not answer within a second has no `status` and `heardAt`, when it was last heard of; 10 minutes after that it is left out, as is one that has said that it stops, and one that was started again. Where there can be one server it is the only one.",
	}, a.listNodes)
}

type nodeBody struct {
	ID        string          `json:"id" doc:"Another one after each start."`
	Self      bool            `json:"self" doc:"It is the one that answers."`
	Host      string          `json:"host" doc:"The name of its machine; it and what follows are empty where a node has not said it."`
	Address   string          `json:"address" doc:"Where it listens."`
	Version   string          `json:"version"`
	StartedAt *wire.Time      `json:"startedAt,omitempty"`
	HeardAt   *wire.Time      `json:"heardAt,omitempty" doc:"When it was last heard of; of one that does not answer."`
	Status    *nodeStatusBody `json:"status,omitempty" doc:"How it does; absent where it does not answer."`
}

type nodeStatusBody struct {
	Ready       bool           `json:"ready"`
	Reason      string         `json:"reason,omitempty" doc:"Why it is not ready."`
	Without     []string       `json:"without" doc:"What it is ready without, in the words of /ready."`
	Connections int            `json:"connections" doc:"That have signed in."`
	Users       int            `json:"users" doc:"Whose these connections are."`
	Paths       []nodePathBody `json:"paths" doc:"The ways to other nodes, the best first: redis, and notify, which is the database's NOTIFY. Empty where there can be no other."`
	Relay       *nodeRelayBody `json:"relay,omitempty" doc:"What it has heard of other nodes; absent where there can be none."`
	Logs        []nodeLogBody  `json:"logs" doc:"How far it has heard of what each node commits, its own too."`
	// Passed and Taken are of the same figures, as both sides see them.
	Passed []nodePassedBody `json:"passedTo" doc:"What came to it for sessions of others, and was passed on to them, by the node."`
	Taken  []nodePassedBody `json:"passedFrom" doc:"What came to others for its sessions, and was passed on to it, by the node to which it came."`
}

type nodePassedBody struct {
	Node       string `json:"node" doc:"The id of the other node."`
	Sessions   int64  `json:"sessions" doc:"Sessions now: those of which a poll waits, or a WebSocket is open."`
	Requests   uint64 `json:"requests" doc:"Polls and posts that were answered, since the two nodes know each other."`
	WebSockets uint64 `json:"webSockets" doc:"WebSockets that were opened, since then."`
}

type nodePathBody struct {
	Name        string    `json:"name"`
	Connected   bool      `json:"connected"`
	Since       wire.Time `json:"since" doc:"When it was connected, or lost."`
	Published   uint64    `json:"published" doc:"Frames that were sent this way."`
	Dropped     uint64    `json:"dropped" doc:"Frames that could not be."`
	Connections uint64    `json:"connections" doc:"How often it was connected."`
}

type nodeRelayBody struct {
	Held     int64  `json:"held" doc:"Events that wait now for those before them."`
	Readings uint64 `json:"readings" doc:"Of the log of commits."`
	Read     uint64 `json:"read" doc:"Commits that were read from the database, as no frame of them came."`
	Dropped  uint64 `json:"dropped" doc:"Frames for which there was no room."`
	Garbled  uint64 `json:"garbled" doc:"Frames that could not be understood."`
	Lost     uint64 `json:"lost" doc:"How often commits were missed that are kept no longer, after which all connections are ended."`
}

type nodeLogBody struct {
	Log     int64   `json:"log" doc:"Its number. A node that was cut off from the database begins another one."`
	Node    string  `json:"node,omitempty" doc:"The id of the node that writes it, where that is known."`
	Commits int64   `json:"commits" doc:"How many of which is known and that it has not taken in."`
	Seconds float64 `json:"seconds" doc:"For how long it does not know whether something is missing; of its own log 0."`
	Last    int64   `json:"last" doc:"The number of the last commit that it has taken in."`
}

type nodesAnswer struct {
	Nodes []nodeBody `json:"nodes"`
}

func (a *API) listNodes(ctx context.Context, _ *caller, _ nothing) (nodesAnswer, error) {
	nodes := a.deps.Nodes.Nodes(ctx)
	answer := nodesAnswer{Nodes: make([]nodeBody, len(nodes))}
	for i := range nodes {
		answer.Nodes[i] = nodeOf(&nodes[i])
	}
	for _, from := range nodes {
		if from.State == nil {
			continue
		}
		for _, p := range from.State.Passed {
			if to := slices.IndexFunc(answer.Nodes, func(n nodeBody) bool { return n.ID == p.Node && n.Status != nil }); to >= 0 {
				p.Node = from.ID
				answer.Nodes[to].Status.Taken = append(answer.Nodes[to].Status.Taken, nodePassedBody(p))
			}
		}
	}
	return answer, nil
}

func nodeOf(n *census.Node) nodeBody {
	out := nodeBody{
		ID: n.ID, Self: n.Self, Host: n.Host, Address: n.Address, Version: n.Version, StartedAt: wire.TimeOrNone(n.Started),
		HeardAt: wire.TimeOrNone(n.Heard),
	}
	if n.State != nil {
		out.Status = nodeStatusOf(n.State)
	}
	return out
}

func nodeStatusOf(s *census.State) *nodeStatusBody {
	out := &nodeStatusBody{
		Ready: s.Unready == "", Reason: s.Unready, Without: append([]string{}, s.Without...), Connections: s.Connections, Users: s.Users,
		Paths: make([]nodePathBody, len(s.Paths)), Logs: make([]nodeLogBody, len(s.Logs)),
		Passed: make([]nodePassedBody, len(s.Passed)), Taken: []nodePassedBody{},
	}
	for i, p := range s.Passed {
		out.Passed[i] = nodePassedBody(p)
	}
	for i, p := range s.Paths {
		out.Paths[i] = nodePathBody{
			Name: p.Name, Connected: p.Working, Since: wire.Time(p.Since), Published: p.Published, Dropped: p.Dropped, Connections: p.Connections,
		}
	}
	if s.Relay != nil {
		out.Relay = new(nodeRelayBody(*s.Relay))
	}
	for i, l := range s.Logs {
		out.Logs[i] = nodeLogBody{
			Log: l.Writer, Node: l.Node, Commits: max(l.Known-l.Taken, 0), Seconds: l.Age.Round(time.Millisecond).Seconds(), Last: l.Taken,
		}
	}
	return out
}
