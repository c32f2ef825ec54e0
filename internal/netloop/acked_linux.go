package netloop

import "golang.org/x/sys/unix"

// acked is how many bytes the peer has acknowledged since the connection began: what
// shows that it takes something when no write does. Sockets other than TCP's do not
// know.
func acked(fd int) (n uint64, ok bool) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, false
	}
	return info.Bytes_acked, true
}
