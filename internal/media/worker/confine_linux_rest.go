//go:build linux && !amd64 && !arm64

package worker

const auditArch = 0

var denied []uint32
