//go:build linux

package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// AllowFiles lets this process, and those it starts from now on, have n open files: each connection is one.
func AllowFiles(n uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	if limit.Cur >= n {
		return nil
	}
	wanted := unix.Rlimit{Cur: n, Max: max(limit.Max, n)} // above the old maximum for a privileged process only
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &wanted); err != nil {
		return fmt.Errorf("%d open files are needed and %d allowed, raise ulimit -Hn: %w", n, limit.Max, err)
	}
	return nil
}
