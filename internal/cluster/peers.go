package cluster

// Peers are the other nodes, for parts that have something to say to them. A nil *Peers is that
// there are none and never will be.
type Peers struct {
	Bus
	Members
}
