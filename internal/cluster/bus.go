// Package cluster is the nodes that serve from one database: who they are, and what they
// tell each other. What they tell are hints: whatever matters is in the database, and is
// read there by those whom a hint did not reach.
//
//	bus.go      what other packages see: Bus, Members; and Broker, which carries
//	node.go     Node: both of the former, over brokers
//	members.go  who is there, and which frames of theirs were heard
//	frame.go    a frame as bytes, signed
//	line.go     Line: a Broker over connections that break
package cluster

import (
	"context"
	"time"
)

// Broker carries payloads between nodes: to all who listen, the sender perhaps too, those of
// one sender in order, each once or not at all. Its methods may be called concurrently.
type Broker interface {
	// Publish hands a payload on, and keeps it. It does not wait: what cannot be sent is
	// dropped and counted.
	Publish(payload []byte)
	// Listen calls heard for every payload, never twice at a time, until ctx ends. It connects
	// by itself, again and again, and calls missed whenever it may have missed something: on
	// each connection, the first too, once it listens. Neither may block; a payload is heard's
	// to keep. When ctx ends, it still sends what waits, for half a second. It is called once.
	Listen(ctx context.Context, heard func(payload []byte), missed func())
	// Working reports whether payloads go out and come in, as far as the broker knows.
	Working() bool
	// Since is when it began to work, or not to.
	Since() time.Time
	Counts() Counts
}

// Counts are what a broker has done since it was made.
type Counts struct {
	Published   uint64 // payloads that were sent
	Dropped     uint64 // payloads that were not, or that may not have been
	Connections uint64 // that it has listened on, one after the other
}

// Kind names what a frame is about. Those of this package begin with "node.".
type Kind string

// Bus carries frames between the nodes of one cluster. Its methods may be called
// concurrently; On and OnMissed are to be called before Start.
type Bus interface {
	// Self is the id of this node.
	Self() string
	// Send tells all other nodes something. It does not wait, and may be lost.
	Send(kind Kind, body []byte)
	// On has heard called for frames of a kind from other nodes, in the order in which each
	// node has sent them, by one goroutine for all kinds. It must not block for long, nor keep
	// the body.
	On(kind Kind, heard func(from string, body []byte))
	// OnMissed has missed called when frames of any node may have been lost, by that goroutine.
	OnMissed(missed func())
}

// Members is who the other nodes are. Its methods may be called concurrently; OnJoined and
// OnGone are to be called before Start.
type Members interface {
	// Alive are the other nodes that were heard of lately, by their ids: one that dies is seen to
	// be dead within 5 s.
	Alive() []string
	// LastHeard is when each was last heard of: of those who are alive, and of those who have fallen silent within the last
	// 10 minutes without saying that they go.
	LastHeard() map[string]time.Time
	// OnJoined has joined called for each node that was not there, OnGone has gone called for each
	// that has said that it goes, or was not heard of for 4.5 s in which something could be heard.
	// One goroutine calls them, the one of [Bus.On]; joined comes before the node's first frame.
	OnJoined(joined func(id string))
	OnGone(gone func(id string))
}
