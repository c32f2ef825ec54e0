//go:build !linux

package netloop

// newPoller returns none: connections are parked.
func newPoller() (poller, error) { return nil, nil }
