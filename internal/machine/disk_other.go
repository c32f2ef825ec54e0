//go:build !linux

package machine

// DiskOf is not known here.
func DiskOf(string) (disk Disk, known bool) { return disk, false }
