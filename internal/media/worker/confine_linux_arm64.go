package worker

import (
	"slices"

	"golang.org/x/sys/unix"
)

const auditArch = unix.AUDIT_ARCH_AARCH64

// denied has the calls too that only this machine and some others have.
var denied = slices.Concat(deniedEverywhere, []uint32{unix.SYS_RENAMEAT})
