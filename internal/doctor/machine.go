package doctor

import (
	"context"

	"github.com/sockeye-im/sockeye/internal/backup"
)

// Bounds below which a disk is as good as full.
const (
	littleSpace  = 1 << 30 // bytes: a warning
	noSpace      = 100 << 20
	littleFiles  = 10_000 // inodes: a warning
	noFiles      = 100
	wantedMemory = 256 << 20 // bytes, beside connections and queues
	perClient    = 24 << 10  // bytes that a connection may take, with TLS
)

func checkDisk(_ context.Context, p *Patient, found *findings) {
	if !p.Machine.DiskKnown {
		return
	}
	disk, dir := p.Machine.Disk, p.Config.Account.Data
	switch {
	case disk.MountedForNoWrites:
		found.trouble("Look into dmesg why it was mounted so: often it is failing. Then mount it for writing.", "the disk of %s is mounted read-only", dir)
	case disk.Free < noSpace:
		found.trouble("Make room, or move the data folder to a larger disk: a server on a full disk accepts no messages.",
			"the disk of %s has %s left", dir, backup.Bytes(int64(disk.Free))) //nolint:gosec // disks are smaller
	case disk.Free < littleSpace || disk.Free < disk.Size/20:
		found.warn("Make room soon.", "the disk of %s has %s of %s left", dir, backup.Bytes(int64(disk.Free)), backup.Bytes(int64(disk.Size))) //nolint:gosec // see above
	}
	if disk.Network {
		found.warn("Put the data folder on a disk of this machine.", "%s is on a network file system, where what was synced may be lost, and two servers may not see each other's locks", dir)
	}
	if disk.Memory {
		found.trouble("Put the data folder on a disk.", "%s is in memory, and gone with the next restart of the machine or container", dir)
	}
}

func checkInodes(_ context.Context, p *Patient, found *findings) {
	disk := p.Machine.Disk
	if !p.Machine.DiskKnown || disk.Files == 0 {
		return
	}
	switch {
	case disk.FreeFiles < noFiles:
		found.trouble("Remove files: `df -i` shows the number, `du --inodes -x /` where they are.", "the disk of %s has room for %d files only", p.Config.Account.Data, disk.FreeFiles)
	case disk.FreeFiles < littleFiles:
		found.warn("Remove files: `df -i` shows the number, `du --inodes -x /` where they are.", "the disk of %s has room for %d of %d files", p.Config.Account.Data, disk.FreeFiles, disk.Files)
	}
}

// checkClock looks whether something keeps it right. What is stored already is the database's check.
func checkClock(_ context.Context, p *Patient, found *findings) {
	if p.Now.Year() < 2026 {
		found.trouble("Set the clock: no token and no certificate seems good.", "the clock says %s", p.Now.Format("2006-01-02 15:04"))
		return
	}
	if p.Machine.ClockKnown && !p.Machine.ClockSynced {
		found.note("Run chrony or systemd-timesyncd, on the host of a container: tokens and certificates go by the time.", "nothing is known to keep the clock right")
	}
}

func checkDescriptors(_ context.Context, p *Patient, found *findings) {
	files, most := p.Machine.OpenFiles, p.Config.Limits.MaxConnections
	switch {
	case files == 0:
	case files < most+most/10:
		found.warn("Set LimitNOFILE in the unit (ulimit -n in a shell, --ulimit nofile in Docker) to three times max-connections.",
			"%d files can be open, which is too few for max-connections of %d. (The limit is that of this process: run doctor as the server is run)", files, most)
	case files < 3*most:
		found.note("Set LimitNOFILE to three times max-connections, for when all come back at once.", "%d files can be open, for max-connections of %d", files, most)
	}
}

func checkMemory(_ context.Context, p *Patient, found *findings) {
	has := p.Machine.Memory
	if has == 0 {
		return
	}
	limits := &p.Config.Limits
	needs := uint64(wantedMemory) + uint64(limits.MaxConnections)*perClient //nolint:gosec // it is positive
	if limits.QueueMemory > 0 {
		needs += uint64(limits.QueueMemory)
	}
	if needs > has {
		found.warn("Lower max-connections or queue-memory, or give it more.", "there are %s of memory; max-connections and queue-memory may need %s",
			backup.Bytes(int64(has)), backup.Bytes(int64(needs))) //nolint:gosec // machines have less
	}
	if limit := p.Config.MemoryLimit.Bytes; limit > 0 && uint64(limit) > has {
		found.trouble("Set memory-limit to auto, or to less than there is: the kernel ends the process before the collector works harder.",
			"memory-limit is %s, and there are %s", backup.Bytes(int64(limit)), backup.Bytes(int64(has))) //nolint:gosec // see above
	}
}
