package machine

import "golang.org/x/sys/unix"

// DiskOf looks at the disk of a path; known is false where the system does not tell.
func DiskOf(path string) (disk Disk, known bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return disk, false
	}
	return diskOf(&s), true
}

func diskOf(s *unix.Statfs_t) Disk {
	size := uint64(s.Frsize) //nolint:gosec // it is not negative
	if size == 0 {           // as old kernels say it
		size = uint64(s.Bsize) //nolint:gosec // nor is that
	}
	disk := Disk{
		Size: s.Blocks * size, Free: s.Bavail * size, Files: s.Files, FreeFiles: s.Ffree,
		MountedForNoWrites: s.Flags&unix.ST_RDONLY != 0,
	}
	const nfs, smb, smb2, cifs, afs, ceph, lustre, fuse = 0x6969, 0x517b, 0xfe534d42, 0xff534d42, 0x5346414f, 0x00c36400, 0x0bd00bd0, 0x65735546
	switch uint32(s.Type) { //nolint:gosec // magic numbers have 32 bits
	case nfs, smb, smb2, cifs, afs, ceph, lustre, fuse:
		disk.Network = true
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		disk.Memory = true
	}
	return disk
}
