//go:build unix

package app

import (
	"math"
	"syscall"
)

// maxFiles is how many files the process may have open; 0 for no limit.
func maxFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	if uint64(limit.Cur) > math.MaxInt32 { //nolint:unconvert // it is signed on some systems
		return 0
	}
	return int(limit.Cur) //nolint:gosec // it was looked at
}
