//go:build linux

package crowd

import (
	"errors"
	"runtime"
)

// Trial is a measurement that takes more to describe than a Plan: one of its fields beside Plan is set.
type Trial struct {
	Plan   Plan
	Tokens []string // of users, one for each connection

	Levels []Level
	Storm  *Storm
	Slow   *Slow
	Bare   bool // Plan, as Run does it
	Whole  bool // Plan, with the whole server: Fanout to a room called Room of the users of all connections, or Direct
	Across bool // Plan, with a cluster: how long messages to Room take to the members on each server
}

// Run makes the measurement. What it returns is of the type that goes with the trial. It keeps one thread busy.
func (t *Trial) Run() (any, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	switch {
	case t.Levels != nil:
		return levels(t)
	case t.Storm != nil:
		return storm(t)
	case t.Slow != nil:
		return slow(t)
	case t.Bare:
		return Run(t.Plan)
	case t.Across:
		return across(t)
	case t.Whole:
		return run(t.Plan, sockeye(t.Plan, t.Tokens))
	default:
		return nil, errors.New("the trial says nothing to do")
	}
}
