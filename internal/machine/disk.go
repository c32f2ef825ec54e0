// Package machine tells what the machine has for the server: room on disks, limits, a clock.
package machine

// Disk is the file system of a path.
type Disk struct {
	Size, Free         uint64 // bytes, as far as the process may use them
	Files, FreeFiles   uint64 // inodes; Files is 0 where their number has no limit
	Network            bool   // it is on another machine, where SQLite's locks and syncs cannot be relied upon
	Memory             bool   // it is gone with the power
	MountedForNoWrites bool
}
