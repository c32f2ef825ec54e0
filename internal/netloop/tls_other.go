//go:build !linux

package netloop

import "net"

// socket is what TLS reads from and writes to.
type socket struct{ net.Conn }
