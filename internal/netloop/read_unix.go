//go:build unix

package netloop

import (
	"errors"
	"io"
	"syscall"
)

const canReadWhenReady = true

// readWhenReady parks the goroutine until the socket is readable and takes a
// buffer only then.
func readWhenReady(raw syscall.RawConn) (buf *[]byte, n int, err error) {
	waitErr := raw.Read(func(fd uintptr) bool {
		if buf == nil {
			buf = parkedBuffers.Get().(*[]byte)
		}
		n, err = syscall.Read(int(fd), *buf)
		if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
			parkedBuffers.Put(buf)
			buf, n, err = nil, 0, nil
			return false
		}
		return true
	})
	switch {
	case waitErr != nil:
		return buf, 0, waitErr
	case err == nil && n == 0:
		return buf, 0, io.EOF
	}
	return buf, max(n, 0), err
}
