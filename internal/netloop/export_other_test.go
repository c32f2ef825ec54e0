//go:build !linux

package netloop

import "errors"

func SetWriteBuffer(*Hijacked, int) error { return errors.ErrUnsupported }
