package netloop

import (
	"time"

	"golang.org/x/sys/unix"
)

// acked is how many bytes the peer has acknowledged since the connection began: what
// shows that it takes something when no write does. idle is for how long it has taken
// nothing though something waited, at least; 0 where that is unknown. Sockets other than
// TCP's do not know.
func acked(fd int) (n uint64, idle time.Duration, ok bool) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, 0, false
	}
	return info.Bytes_acked, shutWindow(info), true
}

// shutWindow is for how long a peer that stopped reading has had no room for what the
// kernel still holds. All that was sent is acknowledged then, and that was within the
// timeout of retransmission, or it had been sent again.
func shutWindow(info *unix.TCPInfo) time.Duration {
	if info.Unacked > 0 || info.Notsent_bytes == 0 {
		return 0
	}
	sent := time.Duration(info.Last_data_sent)*time.Millisecond - time.Duration(info.Rto)*time.Microsecond
	limited := time.Duration(min(info.Rwnd_limited, uint64(time.Hour/time.Microsecond))) * time.Microsecond //nolint:gosec // an hour at most
	return max(0, min(sent, limited))
}
