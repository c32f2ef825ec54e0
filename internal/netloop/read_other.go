//go:build !unix

package netloop

import (
	"errors"
	"syscall"
)

const canReadWhenReady = false

func readWhenReady(syscall.RawConn) (*[]byte, int, error) {
	return nil, 0, errors.ErrUnsupported
}
