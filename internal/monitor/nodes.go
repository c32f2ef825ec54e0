package monitor

import (
	"cmp"
	"encoding/json"
	"slices"
	"sync"

	"github.com/sockeye-im/sockeye/internal/cluster"
)

// figuresKind is that of the frames with the sample of a node.
const figuresKind cluster.Kind = "figures"

// Node is what one node has of a sample.
type Node struct {
	ID string `json:"id"`
	Sample
}

// told is what a node tells of itself: a sample, with durations as they were counted, since quantiles have no sum.
type told struct {
	Sample   Sample `json:"s"`
	Delivery counts `json:"d"`
	Answers  counts `json:"a"`
}

// others are the last samples of other nodes.
type others struct {
	mu sync.Mutex
	of map[string]told // by the id of the node
}

// heard takes in a sample.
func (o *others) heard(from string, body []byte) {
	var t told
	if json.Unmarshal(body, &t) != nil {
		return // of another version: its next ones are no better
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of[from] = t
}

// alive returns the last samples of those who are there, by their ids, and forgets the rest.
func (o *others) alive(ids []string) map[string]told {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id := range o.of {
		if !slices.Contains(ids, id) {
			delete(o.of, id)
		}
	}
	all := make(map[string]told, len(o.of)+1)
	for id, t := range o.of {
		all[id] = t
	}
	return all
}

// sumOf tells the other nodes this one's own sample, and returns that of all.
func (m *Monitor) sumOf(own *told) Sample {
	peers := m.deps.Peers
	if peers == nil {
		return own.whole()
	}
	if body, err := json.Marshal(own); err == nil { // numbers
		peers.Send(figuresKind, body)
	}
	all := m.others.alive(peers.Alive())
	if len(all) == 0 {
		return own.whole()
	}
	all[peers.Self()] = *own
	sum := told{Sample: Sample{At: own.Sample.At}, Delivery: make(counts), Answers: make(counts)}
	nodes := make([]Node, 0, len(all))
	for id, t := range all {
		sum.add(&t)
		nodes = append(nodes, Node{ID: id, Sample: t.whole()})
	}
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	s := sum.whole()
	slices.SortFunc(s.Jobs, func(a, b JobFigures) int { return cmp.Compare(a.Kind, b.Kind) })
	s.Nodes = nodes
	return s
}

// whole is the sample with its quantiles.
func (t *told) whole() Sample {
	s := t.Sample
	s.Delivery, s.Answers = t.Delivery.quantiles(), t.Answers.quantiles()
	return s
}

// add adds the figures of a node.
func (t *told) add(other *told) {
	s, o := &t.Sample, &other.Sample
	s.addGauges(&o.Gauges)
	s.Received = tenths(s.Received + o.Received)
	s.Sent = tenths(s.Sent + o.Sent)
	s.Commits = tenths(s.Commits + o.Commits)
	s.CPU = tenths(s.CPU + o.CPU)
	s.Resident += o.Resident
	s.Heap += o.Heap
	s.Goroutines += o.Goroutines
	for _, f := range o.Jobs {
		s.Jobs = addJobs(s.Jobs, f)
	}
	t.Delivery.add(other.Delivery)
	t.Answers.add(other.Answers)
}

func (g *Gauges) addGauges(o *Gauges) {
	g.Connections += o.Connections
	g.Peak += o.Peak
	g.Users += o.Users
	g.Active += o.Active
	g.Open += o.Open
	g.Polling += o.Polling
	g.Native += o.Native
	g.Legacy += o.Legacy
	g.HubQueue += o.HubQueue
	g.StoreQueue += o.StoreQueue
	g.Slow += o.Slow
	g.Refused += o.Refused
	g.Capacity += o.Capacity
	g.Processors += o.Processors
}
