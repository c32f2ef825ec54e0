package machine_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-im/sockeye/internal/machine"
)

// TestBlocksAreFragments: a disk counts its blocks in fragments, which may be smaller than what is best read at once.
func TestBlocksAreFragments(t *testing.T) {
	for _, sizes := range []unix.Statfs_t{{Bsize: 1 << 20, Frsize: 4096}, {Bsize: 4096}} {
		sizes.Blocks, sizes.Bavail = 1000, 100
		if disk := machine.DiskFrom(&sizes); disk.Size != 4096*1000 || disk.Free != 4096*100 {
			t.Errorf("blocks of %d in fragments of %d: %d bytes, %d free", sizes.Bsize, sizes.Frsize, disk.Size, disk.Free)
		}
	}
	if disk, known := machine.DiskOf(t.TempDir()); !known || disk.Size == 0 {
		t.Errorf("here it has %d bytes, %v", disk.Size, known)
	}
}
