//go:build !linux

package machine

// ClockSynced is not known here.
func ClockSynced() (synced, known bool) { return false, false }
