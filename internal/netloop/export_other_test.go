//go:build !linux

package netloop

import "errors"

func SetWriteBuffer(*Hijacked, int) error { return errors.ErrUnsupported }

func SocketOptions(*Hijacked) (noDelay, unsent int, err error) { return 0, 0, errors.ErrUnsupported }
