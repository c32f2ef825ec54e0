//go:build linux

package crowd

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// Kinds of WebSocket frames (RFC 6455 section 5.2).
const (
	kindClose = 8
	kindPing  = 9
	kindPong  = 10
)

// special sees to a frame that is no text.
func (c *conn) special(kind byte, payload []byte) error {
	if c.loop.special == nil {
		return fmt.Errorf("the server sent a frame of kind %d: %q", kind, payload)
	}
	if kind == kindPing {
		return c.write(masked(kindPong, payload))
	}
	return c.loop.special(c, kind, payload)
}

// survive asks the scenario about a connection that has failed. One that it can do without is closed.
func (c *conn) survive(err error) error {
	if err == nil || c.loop.lost == nil {
		return err
	}
	if err := c.loop.lost(c, err); err != nil {
		return err
	}
	c.drop()
	return nil
}

// drop closes the connection from this side.
func (c *conn) drop() {
	if !c.gone {
		c.gone = true
		_ = unix.Close(c.fd)
	}
}

// closeReason reads a close frame's payload.
func closeReason(payload []byte) (code int, reason string) {
	if len(payload) < 2 {
		return 1005, ""
	}
	return int(binary.BigEndian.Uint16(payload)), string(payload[2:])
}
