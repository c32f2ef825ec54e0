//go:build linux

// Package crowd opens many WebSocket connections to a server, makes them all talk, and measures what that costs the
// server. It is made to be no bottleneck: one epoll loop on one thread, frames built beforehand, and of what comes only
// headers are looked at.
//
//	crowd.go     Plan, Result, Run
//	loop.go      the epoll loop
//	conn.go      one connection: opening, frames in, frames out
//	dialect.go   what is said, in the protocols of the servers
//	poll.go      the same over HTTP long-polling
//	meter.go     what is read before and behind the measurement
//	fanout.go, ack.go, connect.go, rooms.go   the scenarios
//	levels.go                       more and more idle connections, for the memory and the time that each takes
//	speech.go                       what is said to the whole server, over Socket.IO and plain WebSocket
//	member.go                       a user of it, who knows how far it has come in a room
//	storm.go, slow.go               all of them at once; some of them read no more
//	watch.go                        what the server and the kernel say of it meanwhile
//	lost.go                         connections that end, where a scenario wants them to
//	direct.go, latency.go           what the whole server stores: messages between users
//	across.go                       how long a message takes to the members on other servers of a cluster
//	sockeye.go                      what is said to it
package crowd

import (
	"fmt"
	"runtime"
	"time"
)

// The scenarios.
const (
	// Fanout has Plan.Senders clients take turns to send messages to a room of Plan.Connections others, with Plan.Window of
	// them in flight: a message is until all members have it. An operation is a delivery to one member.
	Fanout = "fanout"
	// Ack has every client wait for the answer to a call before it makes the next. An operation is a round trip.
	Ack = "ack"
	// Connect opens connections and signs in, and then lets them be idle. An operation is all from the connection's
	// first packet to the answer to the sign-in.
	Connect = "connect"
	// Rooms is Fanout to many rooms: Plan.Connections clients stand in a ring, each is in a room with those behind it, so
	// that there are as many rooms, each with Plan.Members of them, and each client is in as many rooms. The messages
	// go to all rooms in turn, far from each other.
	Rooms = "rooms"
	// Direct has Plan.Connections users, two by two in a conversation, send messages that are acknowledged. Each waits for the
	// acknowledgement of one before the next; or, with a Plan.Rate, they send by the clock. An operation is a message that
	// was acknowledged.
	Direct = "direct"
)

// Sessions says where receivers open their sessions before they go on, with polls or a WebSocket.
type Sessions string

// The ways to open a session; empty: on the connection where they go on.
const (
	Here      Sessions = "here"      // at the server where they go on, which therefore has the session
	Elsewhere Sessions = "elsewhere" // at the next server, so that all further requests are passed on to it
)

// Server is a server that others form a cluster with.
type Server struct {
	Addr string // host:port
	PID  int
}

// Plan says what to do.
type Plan struct {
	Addr string // host:port of the server
	PID  int    // of the server's process
	// Others are more servers of the same cluster. Connections go to all in turn, those of senders to the first one.
	Others []Server
	// Database and Broker are the first processes of what the servers have in common; 0 where there is none.
	Database, Broker int
	Dialect          string // what it speaks
	Scenario         string

	Connections int
	Window      int           // Fanout: messages in flight
	Senders     int           // Fanout: who send them; one if 0
	Polling     bool          // Fanout: receivers are on HTTP long-polling, of Socket.IO
	Sessions    Sessions      // Fanout, with the whole server: where receivers open their sessions, by polling
	Members     int           // Rooms: of each room
	Rate        float64       // Direct: messages in a second, of all; as fast as they are acknowledged if 0
	Payload     int           // bytes of content in a message
	WarmUp      time.Duration // before the measurement
	Duration    time.Duration // of the measurement; Connect ends by itself
	Least       int64         // operations to measure beyond those in flight, however much longer that takes; not Connect
	Settle      time.Duration // Connect: from the last connection to the reading of the memory
}

// Result is what was measured.
type Result struct {
	Operations int64         // finished in the time that was measured
	Elapsed    time.Duration // that time
	CPU        time.Duration // what the server, or all of a cluster, spent on cores in it, in user and kernel mode
	OwnCPU     time.Duration // what this process did
	// DatabaseCPU is what the processes of a database server did, and BrokerCPU those of a broker; 0 where there is none.
	DatabaseCPU, BrokerCPU time.Duration
	// ServerCPU is CPU by server, the first one first.
	ServerCPU []time.Duration
	// FramesPerWrite is the mean number of messages in a TCP segment that came; 0 where it means nothing. As no
	// segment is merged with another on the way, and none is split below 64 KiB, a segment is a call of the server's.
	FramesPerWrite float64
	// FrameBytes is the length of a message's frame without its header; 0 where it means nothing.
	FrameBytes int
	// Memory is the growth of the server's resident memory in bytes for each connection; 0 where it is not measured.
	Memory float64
	// Batch is the mean number of commands in a transaction of the server's; 0 where it means nothing.
	Batch float64
	// Latency is from the time a message was to be sent to its acknowledgement; nil where it is not measured.
	Latency *Latency
}

// Micros is the server's CPU time for one operation, in microseconds.
func (r Result) Micros() float64 {
	return float64(r.CPU.Nanoseconds()) / 1e3 / float64(max(1, r.Operations))
}

// Rate is operations a second.
func (r Result) Rate() float64 { return float64(r.Operations) / r.Elapsed.Seconds() }

// Busy is how much of a core the server took, in percent.
func (r Result) Busy() float64 { return 100 * float64(r.CPU) / float64(r.Elapsed) }

// Run does what plan says. It keeps one thread busy.
func Run(plan Plan) (Result, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	words, err := newDialect(plan)
	if err != nil {
		return Result{}, err
	}
	return run(plan, words)
}

func run(plan Plan, words *dialect) (Result, error) {
	l, err := newLoop(plan, words)
	if err != nil {
		return Result{}, err
	}
	defer l.close()
	switch plan.Scenario {
	case Fanout:
		return fanOut(l)
	case Ack:
		return roundTrips(l)
	case Connect:
		return connections(l)
	case Rooms:
		return roomFanOut(l)
	case Direct:
		return direct(l)
	default:
		return Result{}, fmt.Errorf("no scenario is called %q", plan.Scenario)
	}
}
