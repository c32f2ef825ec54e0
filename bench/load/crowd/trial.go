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
	default:
		return nil, errors.New("the trial says nothing to do")
	}
}
