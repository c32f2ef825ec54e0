//go:build linux

// Package attack does to a server what a client must not get far with, and looks at what it costs the server and those
// who mean well. bench/trial runs it in a process of its own.
//
//	attack.go      Plan, Outcome, Run
//	client.go      a connection, as open or as far as an attacker wants it
//	witness.go     who mean well
//	handshakes.go, frames.go, joins.go, silence.go, polling.go   the attacks
//	strangers.go   StrangersPlan, RunStrangers: what is done by many who never sign in
//	logins.go      wrong logins beside a right one
//	talkers.go     who talk with each other meanwhile, and may lose nothing
package attack

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/sockeye-im/sockeye/bench/process"
)

// The attacks.
const (
	// Handshakes opens connections and sends the request byte by byte, or upgrades and never signs in.
	Handshakes = "handshakes"
	// Bytes sends frames byte by byte.
	Bytes = "bytes"
	// Pings sends WebSocket pings as fast as they are taken; half of the attackers do not read the answers.
	Pings = "pings"
	// Joins joins rooms and leaves them.
	Joins = "joins"
	// Silence signs in and never answers again.
	Silence = "silence"
	// Polling opens sessions on long-polling and never comes back.
	Polling = "polling"
)

// Plan says what to do.
type Plan struct {
	Addr    string
	PID     int
	Kind    string
	Count   int           // connections, joins and leaves, or sessions at a time
	For     time.Duration // Bytes, Pings
	Within  time.Duration // the server has to be rid of the attackers in that time; Handshakes, Silence
	Tokens  []string      // of users: the witnesses', and then the attackers'
	Witness int           // how many of them mean well
	// Patience is how long somebody waits for an answer.
	Patience time.Duration
}

// Outcome is what came of it.
type Outcome struct {
	Actions int64 // what was done to the server
	Refused int64 // of them it refused
	CPU     time.Duration
	Elapsed time.Duration
	// The server's resident memory in bytes: before, at most, and when the attackers have gone.
	Before, Peak, After int64
	Rid                 time.Duration // until the last attacker was sent away; 0 where none is to be
	Quiet, Meanwhile    Answers       // to the witnesses, before and during the attack
}

var attacks = map[string]func(context.Context, *attacker) error{
	Handshakes: slowHandshakes, Bytes: byteByByte, Pings: pingFlood, Joins: joinsAndLeaves, Silence: silence, Polling: abandoned,
}

// attacker is an attack under way.
type attacker struct {
	Plan
	tokens  []string // of attackers
	outcome *Outcome
}

// quietTime is how long the witnesses are listened to before the attack.
const quietTime = 1500 * time.Millisecond

// Run attacks. It fails where the server did, or where somebody else had to suffer.
func Run(ctx context.Context, plan Plan) (outcome Outcome, err error) {
	do := attacks[plan.Kind]
	if do == nil {
		return outcome, fmt.Errorf("no attack is called %q", plan.Kind)
	}
	w, err := bringWitnesses(ctx, &plan)
	if err != nil {
		return outcome, fmt.Errorf("witnesses: %w", err)
	}
	defer w.stop()
	quiet := min(quietTime, max(plan.For, 100*time.Millisecond))
	time.Sleep(quiet)
	outcome.Quiet = w.answers()
	watched, err := watch(plan.PID)
	if err != nil {
		return outcome, err
	}
	outcome.Before = watched.first
	err = do(ctx, &attacker{Plan: plan, tokens: plan.Tokens[plan.Witness:], outcome: &outcome})
	outcome.CPU, outcome.Elapsed, outcome.Peak, outcome.After = watched.stop()
	outcome.Meanwhile = w.answers()
	if err == nil {
		err = w.failure()
	}
	return outcome, err
}

// watched is the server as the kernel sees it.
type watched struct {
	pid   int
	began time.Time
	cpu   time.Duration
	first int64
	peak  int64
	quit  chan struct{}
	done  chan struct{}
}

func watch(pid int) (*watched, error) {
	memory, err := process.ReadMemory(pid)
	if err != nil {
		return nil, err
	}
	cpu, err := process.CPUTime(pid)
	if err != nil {
		return nil, err
	}
	w := &watched{pid: pid, began: time.Now(), cpu: cpu, first: memory.RSS, peak: memory.RSS, quit: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w, nil
}

func (w *watched) run() {
	defer close(w.done)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-w.quit:
			return
		case <-ticker.C:
			w.peak = max(w.peak, w.now())
		}
	}
}

func (w *watched) now() int64 {
	memory, err := process.ReadMemory(w.pid)
	if err != nil {
		return 0 // the server is gone, which others notice
	}
	return memory.RSS
}

func (w *watched) stop() (cpu, elapsed time.Duration, peak, after int64) {
	close(w.quit)
	<-w.done
	now, err := process.CPUTime(w.pid)
	if err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
	}
	after = w.now()
	return now - w.cpu, time.Since(w.began), max(w.peak, after), after
}
